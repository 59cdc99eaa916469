package onnx_test

import (
	"slices"
	"strings"
	"testing"

	"plumbline/internal/blazepose/onnx"
	"plumbline/internal/blazepose/tflite"

	"github.com/google/go-cmp/cmp"
)

const (
	same  = tflite.Same
	valid = tflite.Valid
	none  = tflite.NoActivation
	relu6 = tflite.Relu6
)

// oneOperator are models of a single operator, or of a constant's decoding and its use.
var oneOperator = map[string]func() *tflite.Model{
	"CONV_2D 3x3 SAME stride 2, even size: pads only behind": func() *tflite.Model {
		n, in := newNetwork(1, 8, 6, 3)
		return n.returns(n.conv(in, 3, 3, window(same, 2, 1, none), image(4, 3, 5)))
	},
	"CONV_2D 3x3 SAME stride 2, odd size: pads both sides": func() *tflite.Model {
		n, in := newNetwork(1, 7, 9, 3)
		return n.returns(n.conv(in, 3, 3, window(same, 2, 1, relu6), image(4, 5, 5)))
	},
	"CONV_2D 2x2 SAME: the odd padding lies behind": func() *tflite.Model {
		n, in := newNetwork(1, 5, 5, 2)
		return n.returns(n.conv(in, 2, 2, window(same, 1, 1, none), image(5, 5, 4)))
	},
	"CONV_2D 3x3 VALID, dilated": func() *tflite.Model {
		n, in := newNetwork(1, 9, 8, 2)
		return n.returns(n.conv(in, 3, 2, window(valid, 1, 2, tflite.Relu), image(5, 4, 3)))
	},
	"CONV_2D 3x3 SAME, dilated": func() *tflite.Model {
		n, in := newNetwork(1, 9, 8, 2)
		return n.returns(n.conv(in, 3, 2, window(same, 1, 3, tflite.ReluN1To1), image(9, 8, 3)))
	},
	"CONV_2D with unequal strides and kernel": func() *tflite.Model {
		n, in := newNetwork(1, 7, 8, 2)
		o := tflite.Conv2D{Padding: same, StrideH: 1, StrideW: 3, DilationH: 2, DilationW: 1}
		return n.returns(n.op(tflite.Conv2DOp, o, image(7, 3, 4), in, n.floats(4, 2, 5, 2), n.floats(4)))
	},
	"CONV_2D in two groups": func() *tflite.Model {
		n, in := newNetwork(1, 5, 5, 6)
		return n.returns(n.conv(in, 3, 3, window(same, 1, 1, none), image(5, 5, 4)))
	},
	"CONV_2D without bias": func() *tflite.Model {
		n, in := newNetwork(1, 5, 4, 2)
		return n.returns(n.op(tflite.Conv2DOp, window(valid, 1, 1, none), image(3, 2, 3), in, n.floats(3, 3, 3, 2)))
	},
	"CONV_2D with the bias left out": func() *tflite.Model {
		n, in := newNetwork(1, 5, 4, 2)
		return n.returns(n.op(tflite.Conv2DOp, window(valid, 1, 1, none), image(3, 2, 3), in, n.floats(3, 3, 3, 2), -1))
	},
	"CONV_2D with fp16 weights": func() *tflite.Model {
		n, in := newNetwork(1, 4, 4, 2)
		half := n.tensor(tflite.Tensor{Shape: []int{2, 1, 1, 2}, Type: tflite.Float16, Data: []byte{0, 0x3c, 0, 0xb8, 0x55, 0x35, 1, 0}}) // 1, -0.5, 1/3, 2^-24
		w := n.op(tflite.DequantizeOp, nil, []int{2, 1, 1, 2}, half)
		return n.returns(n.op(tflite.Conv2DOp, window(same, 1, 1, none), image(4, 4, 2), in, w, n.floats(2)))
	},
	"CONV_2D with sparse fp16 weights": func() *tflite.Model {
		n, in := newNetwork(1, 4, 4, 2)
		dense := func(size int) tflite.Level { return tflite.Level{Size: size} }
		bytes := func(b ...byte) tflite.IndexVector { return tflite.IndexVector{Width: 1, Bytes: b} }
		sparse := n.tensor(tflite.Tensor{
			Shape: []int{3, 1, 1, 2}, Type: tflite.Float16, Data: []byte{0, 0x3c, 0, 0xb8, 0x55, 0x35},
			Sparsity: &tflite.Sparsity{Traversal: []int{0, 1, 2, 3}, Levels: []tflite.Level{
				dense(3), dense(1), dense(1), {Sparse: true, Segments: bytes(0, 1, 1, 3), Indices: bytes(1, 0, 1)},
			}},
		})
		w := n.op(tflite.DequantizeOp, nil, []int{3, 1, 1, 2}, n.op(tflite.DensifyOp, nil, []int{3, 1, 1, 2}, sparse))
		return n.returns(n.op(tflite.Conv2DOp, window(same, 1, 1, none), image(4, 4, 3), in, w, n.floats(3)))
	},
	"DEPTHWISE_CONV_2D 3x3 SAME stride 2, even size": func() *tflite.Model {
		n, in := newNetwork(1, 6, 8, 4)
		return n.returns(n.depthwise(in, 3, depthwiseWindow(same, 2, relu6, 1), image(3, 4, 4)))
	},
	"DEPTHWISE_CONV_2D 5x5 VALID, two channels of each": func() *tflite.Model {
		n, in := newNetwork(1, 6, 7, 3)
		return n.returns(n.depthwise(in, 5, depthwiseWindow(valid, 1, none, 2), image(2, 3, 6)))
	},
	"ADD": func() *tflite.Model {
		n, in := newNetwork(1, 3, 4, 2)
		return n.returns(n.op(tflite.AddOp, tflite.Add{}, image(3, 4, 2), in, in))
	},
	"ADD with RELU_N1_TO_1": func() *tflite.Model {
		n, in := newNetwork(1, 3, 4, 2)
		return n.returns(n.op(tflite.AddOp, tflite.Add{Activation: tflite.ReluN1To1}, image(3, 4, 2), in, in))
	},
	"CONCATENATION of rows": func() *tflite.Model {
		n, in := newNetwork(1, 3, 4, 2)
		return n.returns(n.op(tflite.ConcatenationOp, tflite.Concatenation{Axis: 1}, image(6, 4, 2), in, in))
	},
	"CONCATENATION of columns": func() *tflite.Model {
		n, in := newNetwork(1, 3, 4, 2)
		return n.returns(n.op(tflite.ConcatenationOp, tflite.Concatenation{Axis: -2}, image(3, 8, 2), in, in))
	},
	"CONCATENATION of channels": func() *tflite.Model {
		n, in := newNetwork(1, 3, 4, 2)
		return n.returns(n.op(tflite.ConcatenationOp, tflite.Concatenation{Axis: -1, Activation: tflite.Relu}, image(3, 4, 4), in, in))
	},
	"CONCATENATION of three dimensions": func() *tflite.Model {
		n, in := newNetwork(1, 3, 4)
		return n.returns(n.op(tflite.ConcatenationOp, tflite.Concatenation{Axis: 1}, []int{1, 9, 4}, in, in, in))
	},
	"DEPTH_TO_SPACE by 2": func() *tflite.Model {
		n, in := newNetwork(1, 3, 2, 12)
		return n.returns(n.op(tflite.DepthToSpaceOp, tflite.DepthToSpace{BlockSize: 2}, image(6, 4, 3), in))
	},
	"DEPTH_TO_SPACE by 3": func() *tflite.Model {
		n, in := newNetwork(1, 2, 2, 18)
		return n.returns(n.op(tflite.DepthToSpaceOp, tflite.DepthToSpace{BlockSize: 3}, image(6, 6, 2), in))
	},
	"LOGISTIC": func() *tflite.Model {
		n, in := newNetwork(1, 3, 4, 2)
		return n.returns(n.op(tflite.LogisticOp, nil, image(3, 4, 2), in))
	},
	"MAX_POOL_2D VALID": func() *tflite.Model {
		n, in := newNetwork(1, 5, 6, 2)
		o := tflite.Pool2D{Padding: valid, StrideH: 2, StrideW: 2, FilterH: 2, FilterW: 2}
		return n.returns(n.op(tflite.MaxPool2DOp, o, image(2, 3, 2), in))
	},
	"MAX_POOL_2D SAME: padding never wins": func() *tflite.Model {
		n, in := newNetwork(1, 5, 6, 2)
		o := tflite.Pool2D{Padding: same, StrideH: 2, StrideW: 1, FilterH: 3, FilterW: 2}
		return n.returns(n.op(tflite.MaxPool2DOp, o, image(3, 6, 2), in))
	},
	"PAD of rows, columns and channels": func() *tflite.Model {
		n, in := newNetwork(1, 3, 4, 2)
		return n.returns(n.pad(in, []int{0, 0, 1, 2, 3, 0, 1, 4}, image(6, 7, 7)))
	},
	"RESHAPE of an image": func() *tflite.Model {
		n, in := newNetwork(1, 3, 4, 2)
		return n.returns(n.op(tflite.ReshapeOp, nil, []int{1, 6, 4}, in))
	},
	"RESHAPE of one pixel": func() *tflite.Model {
		n, in := newNetwork(1, 1, 1, 5)
		return n.returns(n.op(tflite.ReshapeOp, nil, []int{1, 5}, in))
	},
	"RESHAPE to an image": func() *tflite.Model {
		n, in := newNetwork(1, 24)
		return n.returns(n.op(tflite.ReshapeOp, nil, image(3, 4, 2), in))
	},
	"RESIZE_BILINEAR half pixel, by 2":         resizing(tflite.ResizeBilinear{HalfPixelCenters: true}, 6, 8),
	"RESIZE_BILINEAR half pixel, by 7/3 and 2": resizing(tflite.ResizeBilinear{HalfPixelCenters: true}, 7, 8),
	"RESIZE_BILINEAR by 31/7, which rounds below 31": func() *tflite.Model {
		n, in := newNetwork(1, 7, 2, 1)
		return n.returns(n.op(tflite.ResizeBilinearOp, tflite.ResizeBilinear{HalfPixelCenters: true}, image(31, 2, 1), in))
	},
	"RESIZE_BILINEAR half pixel, smaller":       resizing(tflite.ResizeBilinear{HalfPixelCenters: true}, 2, 3),
	"RESIZE_BILINEAR align corners":             resizing(tflite.ResizeBilinear{AlignCorners: true}, 6, 7),
	"RESIZE_BILINEAR neither":                   resizing(tflite.ResizeBilinear{}, 6, 8),
	"RESIZE_BILINEAR neither, by uneven scales": resizing(tflite.ResizeBilinear{}, 5, 7),
}

func resizing(o tflite.ResizeBilinear, height, width int) func() *tflite.Model {
	return func() *tflite.Model {
		n, in := newNetwork(1, 3, 4, 2)
		return n.returns(n.op(tflite.ResizeBilinearOp, o, image(height, width, 2), in))
	}
}

func TestOperatorsComputeWhatTensorFlowLiteDefines(t *testing.T) {
	for name, build := range oneOperator {
		t.Run(name, func(t *testing.T) {
			compareWithReference(t, build(), onnx.Options{Literal: true})
			compareWithReference(t, build(), onnx.Options{})
		})
	}
}

// compareWithReference runs a model through the converter and ONNX Runtime, and through the interpreter of this test.
func compareWithReference(t *testing.T, m *tflite.Model, o onnx.Options) {
	t.Helper()
	shape := m.Tensors[m.Inputs[0]].Shape
	input := noise(newArrayLen(shape))
	for i := range input {
		input[i] = 8*input[i] - 4 // both sides of every activation's limits
	}
	want := interpret(t, m, input)
	got := run(t, convert(t, m, o), toPlanar(shape, input))
	for i := range want {
		expected := toPlanar(m.Tensors[m.Outputs[i]].Shape, want[i])
		if d := distance(got[i], expected); !(d < 1e-5) {
			t.Errorf("output %d (literal: %t): largest difference %g\n%s", i, o.Literal, d, cmp.Diff(expected, got[i]))
		}
	}
}

func newArrayLen(shape []int) int { return len(newArray(shape).values) }

// toPlanar brings an NHWC image into NCHW order.
func toPlanar(shape []int, values []float32) []float32 {
	if len(shape) != 4 {
		return values
	}
	a := array{shape, values}
	var moved []float32
	for c := range shape[3] {
		for y := range shape[1] {
			for x := range shape[2] {
				moved = append(moved, a.at(y, x, c, 0))
			}
		}
	}
	return moved
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		build func() *tflite.Model
		want  string
	}{
		"an operator that is not known is named": {func() *tflite.Model {
			n, in := newNetwork(1, 2, 2, 1)
			return n.returns(n.op(117, nil, image(2, 2, 1), in))
		}, "operator 0, HARD_SWISH: this operator is not supported"},
		"a custom operator is named": {func() *tflite.Model {
			n, in := newNetwork(1, 2, 2, 1)
			out := n.op(32, nil, image(2, 2, 1), in)
			n.Operators[0].Custom = "Landmarks2Transform"
			return n.returns(out)
		}, "CUSTOM Landmarks2Transform: this operator is not supported"},
		"an activation that is not known is named": {func() *tflite.Model {
			n, in := newNetwork(1, 2, 2, 1)
			return n.returns(n.op(tflite.AddOp, tflite.Add{Activation: 4}, image(2, 2, 1), in, in))
		}, "ADD: the activation TANH is not supported"},
		"adding a constant": {func() *tflite.Model {
			n, in := newNetwork(1, 2, 2, 1)
			return n.returns(n.op(tflite.AddOp, tflite.Add{}, image(2, 2, 1), in, n.floats(1)))
		}, "is a constant"},
		"a shape that the operator does not give": {func() *tflite.Model {
			n, in := newNetwork(1, 4, 4, 1)
			return n.returns(n.conv(in, 3, 1, window(valid, 1, 1, none), image(4, 4, 1)))
		}, "where [1 2 2 1] follows"},
		"computed weights": {func() *tflite.Model {
			n, in := newNetwork(1, 4, 4, 1)
			return n.returns(n.op(tflite.Conv2DOp, window(same, 1, 1, none), image(4, 4, 1), in, in))
		}, "not a constant"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := onnx.Convert(c.build(), onnx.Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, without %q", err, c.want)
			}
		})
	}
}

func TestWhatServesOnlyUnusedOutputsIsLeftOut(t *testing.T) {
	n, in := newNetwork(1, 2, 2, 1)
	used := n.op(tflite.LogisticOp, nil, image(2, 2, 1), in)
	m := n.returns(n.op(117, nil, image(2, 2, 1), in), used)
	outputs := run(t, convert(t, m, onnx.Options{Outputs: []int{1}}), []float32{0, 0, 0, 0})
	if len(outputs) != 1 || !slices.Equal(outputs[0], []float32{0.5, 0.5, 0.5, 0.5}) {
		t.Errorf("outputs %v", outputs)
	}
	if _, err := onnx.Convert(m, onnx.Options{Outputs: []int{2}}); err == nil {
		t.Error("an output that does not exist was accepted")
	}
}
