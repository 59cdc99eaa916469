package tflite_test

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"plumbline/internal/blazepose/tflite"
	"plumbline/internal/blazepose/tflite/tflitetest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// everything is a model with every kind of option, a constant of each type and a sparse one; it computes nothing sensible.
func everything() *tflite.Model {
	conv := tflite.Conv2D{Padding: tflite.Valid, StrideH: 1, StrideW: 2, DilationH: 3, DilationW: 4, Activation: tflite.Relu6}
	m := &tflite.Model{
		Version: 3, Description: "for a test", Inputs: []int{0}, Outputs: []int{12},
		Tensors: []tflite.Tensor{
			{Name: "image", Shape: []int{1, 4, 4, 3}},
			{Name: "float", Shape: []int{2}, Data: []byte{0, 0, 128, 63, 0, 0, 0, 64}},
			{Name: "half", Shape: []int{2}, Type: tflite.Float16, Data: []byte{0, 0x3c, 0, 0xc0}},
			{Name: "int", Shape: []int{1}, Type: tflite.Int32, Data: []byte{0xfe, 0xff, 0xff, 0xff}},
			{Name: "sparse", Shape: []int{2, 4}, Type: tflite.Float16, Data: []byte{0, 0x3c, 0, 0xc0}, Sparsity: rows()},
		},
	}
	for _, o := range []struct {
		code    tflite.Code
		options any
	}{
		{tflite.Conv2DOp, conv},
		{tflite.DepthwiseConv2DOp, tflite.DepthwiseConv2D{Conv2D: conv, DepthMultiplier: 5}},
		{tflite.MaxPool2DOp, tflite.Pool2D{Padding: tflite.Same, StrideH: 1, StrideW: 2, FilterH: 3, FilterW: 4, Activation: tflite.Relu}},
		{tflite.AddOp, tflite.Add{Activation: tflite.ReluN1To1}},
		{tflite.ConcatenationOp, tflite.Concatenation{Axis: -1, Activation: tflite.Relu}},
		{tflite.ResizeBilinearOp, tflite.ResizeBilinear{HalfPixelCenters: true}},
		{tflite.DepthToSpaceOp, tflite.DepthToSpace{BlockSize: 2}},
		{150, nil}, // GELU: a number that no byte holds
	} {
		out := len(m.Tensors)
		m.Tensors = append(m.Tensors, tflite.Tensor{Name: o.code.String(), Shape: []int{1, 4, 4, 3}})
		m.Operators = append(m.Operators, tflite.Operator{Code: o.code, Options: o.options, Inputs: []int{0, 1, -1}, Outputs: []int{out}})
	}
	m.Operators[7].Custom = "" // GELU is built in
	return m
}

// rows is a 2x4 matrix stored as compressed rows: element 1 of row 0, element 2 of row 1.
func rows() *tflite.Sparsity {
	return &tflite.Sparsity{Traversal: []int{0, 1}, BlockMap: []int{}, Levels: []tflite.Level{
		{Size: 2},
		{Sparse: true, Segments: vector(2, 0, 1, 2), Indices: vector(1, 1, 2)},
	}}
}

func vector(width int, values ...int) tflite.IndexVector {
	v := tflite.IndexVector{Width: width}
	for _, x := range values {
		v.Bytes = append(v.Bytes, binary.LittleEndian.AppendUint32(nil, uint32(x))[:width]...)
	}
	return v
}

func TestParseReadsEveryField(t *testing.T) {
	want := everything()
	got, err := tflite.Parse(tflitetest.Encode(want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if name := got.Operators[7].Name(); name != "GELU" {
		t.Errorf("operator 150 is called %s", name)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(*tflite.Model)
		want   string
	}{
		"a tensor that does not exist":      {func(m *tflite.Model) { m.Operators[0].Inputs[0] = 99 }, "inputs of operator 0 (CONV_2D): there is no tensor 99"},
		"a negative output":                 {func(m *tflite.Model) { m.Operators[0].Outputs[0] = -1 }, "there is no tensor -1"},
		"an operator before its input":      {func(m *tflite.Model) { m.Operators[0].Inputs[0] = 12 }, "tensor 12 has no value yet"},
		"two operators with one result":     {func(m *tflite.Model) { m.Operators[1].Outputs[0] = 5 }, "tensor 5 has a value already"},
		"an output that nothing computes":   {func(m *tflite.Model) { m.Operators = m.Operators[:7] }, "tensor 12 has no value yet"},
		"a constant shorter than its shape": {func(m *tflite.Model) { m.Tensors[2].Shape = []int{3} }, "tensor 2 (half): 4 bytes of data for 3 elements of FLOAT16"},
		"a negative size":                   {func(m *tflite.Model) { m.Tensors[0].Shape[1] = -4 }, "is negative or has more than"},
		"sizes whose product overflows":     {func(m *tflite.Model) { m.Tensors[0].Shape = []int{1 << 20, 1 << 20, 1 << 20, 16} }, "has more than 16777216 elements"},
	} {
		t.Run(name, func(t *testing.T) {
			m := everything()
			c.damage(m)
			_, err := tflite.Parse(tflitetest.Encode(m))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, without %q", err, c.want)
			}
		})
	}
	if _, err := tflite.Parse([]byte("\xff\xd8\xff\xe0 a JPEG")); err == nil || !strings.Contains(err.Error(), "TFL3") {
		t.Errorf("a file that is no model: %v", err)
	}
}

func TestParseOfAnyPartOfAFileIsAnErrorNotAPanic(t *testing.T) {
	whole := tflitetest.Encode(everything())
	for n := range len(whole) - 4 { // the last bytes may be padding
		if _, err := tflite.Parse(whole[:n:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", n, len(whole))
		}
	}
}

func TestHalvesWidenExactly(t *testing.T) {
	for name, c := range map[string]struct {
		half uint16
		want float64
	}{
		"one":                {0x3c00, 1},
		"minus two":          {0xc000, -2},
		"a third":            {0x3555, 1365.0 / 4096},
		"largest":            {0x7bff, 65504},
		"smallest normal":    {0x0400, math.Ldexp(1, -14)},
		"largest subnormal":  {0x03ff, math.Ldexp(1023, -24)},
		"smallest subnormal": {0x8001, -math.Ldexp(1, -24)},
		"infinity":           {0xfc00, math.Inf(-1)},
	} {
		t.Run(name, func(t *testing.T) {
			tensor := tflite.Tensor{Shape: []int{}, Type: tflite.Float16, Data: binary.LittleEndian.AppendUint16(nil, c.half)}
			got, err := tensor.Float32s()
			if err != nil || float64(got[0]) != c.want {
				t.Errorf("%v (%v), want %v", got, err, c.want)
			}
		})
	}
	nan, _ := tflite.Tensor{Type: tflite.Float16, Data: []byte{1, 0x7c}}.Float32s()
	if !math.IsNaN(float64(nan[0])) {
		t.Errorf("not a number became %v", nan)
	}
}

func TestInt32sKeepTheSign(t *testing.T) {
	got, err := everything().Tensors[3].Int32s()
	if diff := cmp.Diff([]int{-2}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := everything().Tensors[1].Int32s(); err == nil {
		t.Error("floats were read as integers")
	}
}
