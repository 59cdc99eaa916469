package onnx_test

import (
	"math"
	"testing"

	"plumbline/internal/blazepose/tflite"
)

// array is a tensor of the reference interpreter, row-major, images NHWC.
type array struct {
	shape  []int
	values []float32
}

func newArray(shape []int) array {
	n := 1
	for _, size := range shape {
		n *= size
	}
	return array{shape, make([]float32, n)}
}

// at reads an image's element of batch 0; outside the image it gives outside.
func (a array) at(y, x, c int, outside float32) float32 {
	if y < 0 || x < 0 || y >= a.shape[1] || x >= a.shape[2] {
		return outside
	}
	return a.values[(y*a.shape[2]+x)*a.shape[3]+c]
}

// fill computes every element of an image of batch 1.
func (a array) fill(f func(y, x, c int) float64) array {
	i := 0
	for y := range a.shape[1] {
		for x := range a.shape[2] {
			for c := range a.shape[3] {
				a.values[i] = float32(f(y, x, c))
				i++
			}
		}
	}
	return a
}

// interpret executes a TensorFlow Lite model as its operators are defined (tensorflow/lite/kernels/internal/reference),
// with no thought for speed. It shares nothing with the converter.
func interpret(t *testing.T, m *tflite.Model, input []float32) [][]float32 {
	t.Helper()
	arrays := map[int]array{m.Inputs[0]: {m.Tensors[m.Inputs[0]].Shape, input}}
	for i, tensor := range m.Tensors {
		if tensor.Data == nil || tensor.Type == tflite.Int32 {
			continue
		}
		values, err := tensor.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		arrays[i] = array{tensor.Shape, values}
	}
	for _, op := range m.Operators {
		var in []array
		for _, k := range op.Inputs {
			in = append(in, arrays[k])
		}
		out := newArray(m.Tensors[op.Outputs[0]].Shape)
		arrays[op.Outputs[0]] = reference(t, m, op, in, out)
	}
	var outputs [][]float32
	for _, k := range m.Outputs {
		outputs = append(outputs, arrays[k].values)
	}
	return outputs
}

func reference(t *testing.T, m *tflite.Model, op tflite.Operator, in []array, out array) array {
	switch o := op.Options.(type) {
	case tflite.Conv2D:
		return referenceConv(o, in, out)
	case tflite.DepthwiseConv2D:
		return referenceDepthwise(o, in, out)
	case tflite.Pool2D:
		return referenceMaxPool(o, in[0], out)
	case tflite.ResizeBilinear:
		return referenceResize(o, in[0], out)
	case tflite.Concatenation:
		return referenceConcatenation(o, in, out)
	case tflite.Add:
		for i := range out.values {
			out.values[i] = activate(o.Activation, in[0].values[i]+in[1].values[i])
		}
		return out
	case tflite.DepthToSpace:
		b, depth := o.BlockSize, out.shape[3]
		return out.fill(func(y, x, c int) float64 {
			return float64(in[0].at(y/b, x/b, (y%b*b+x%b)*depth+c, 0))
		})
	}
	switch op.Code {
	case tflite.PadOp:
		p, err := m.Tensors[op.Inputs[1]].Int32s()
		if err != nil {
			t.Fatal(err)
		}
		return out.fill(func(y, x, c int) float64 {
			if c < p[6] || c >= p[6]+in[0].shape[3] {
				return 0
			}
			return float64(in[0].at(y-p[2], x-p[4], c-p[6], 0))
		})
	case tflite.LogisticOp:
		for i, v := range in[0].values {
			out.values[i] = float32(1 / (1 + math.Exp(-float64(v))))
		}
		return out
	case tflite.ReshapeOp, tflite.DequantizeOp, tflite.DensifyOp: // constants are decoded already
		return array{out.shape, in[0].values}
	}
	t.Fatalf("the reference does not know %s", op.Name())
	return out
}

func activate(a tflite.Activation, v float32) float32 {
	switch a {
	case tflite.Relu:
		return max(v, 0)
	case tflite.Relu6:
		return min(max(v, 0), 6)
	case tflite.ReluN1To1:
		return min(max(v, -1), 1)
	}
	return v
}

// before is the padding before the image: half of what SAME needs in all, rounded down.
func before(p tflite.Padding, size, outputs, stride, dilation, kernel int) int {
	if p == tflite.Valid {
		return 0
	}
	return max((outputs-1)*stride+(kernel-1)*dilation+1-size, 0) / 2
}

func referenceConv(o tflite.Conv2D, in []array, out array) array {
	image, filter := in[0], in[1]
	kh, kw, depth := filter.shape[1], filter.shape[2], filter.shape[3]
	perGroup := filter.shape[0] / (image.shape[3] / depth)
	top := before(o.Padding, image.shape[1], out.shape[1], o.StrideH, o.DilationH, kh)
	left := before(o.Padding, image.shape[2], out.shape[2], o.StrideW, o.DilationW, kw)
	return out.fill(func(y, x, c int) float64 {
		sum := float32(0)
		for ky := range kh {
			for kx := range kw {
				for k := range depth {
					v := image.at(y*o.StrideH-top+ky*o.DilationH, x*o.StrideW-left+kx*o.DilationW, c/perGroup*depth+k, 0)
					sum += v * filter.values[((c*kh+ky)*kw+kx)*depth+k]
				}
			}
		}
		return float64(activate(o.Activation, sum+bias(in, c)))
	})
}

func referenceDepthwise(o tflite.DepthwiseConv2D, in []array, out array) array {
	image, filter := in[0], in[1]
	kh, kw, channels := filter.shape[1], filter.shape[2], filter.shape[3]
	top := before(o.Padding, image.shape[1], out.shape[1], o.StrideH, o.DilationH, kh)
	left := before(o.Padding, image.shape[2], out.shape[2], o.StrideW, o.DilationW, kw)
	return out.fill(func(y, x, c int) float64 {
		sum := float32(0)
		for ky := range kh {
			for kx := range kw {
				v := image.at(y*o.StrideH-top+ky*o.DilationH, x*o.StrideW-left+kx*o.DilationW, c/o.DepthMultiplier, 0)
				sum += v * filter.values[(ky*kw+kx)*channels+c]
			}
		}
		return float64(activate(o.Activation, sum+bias(in, c)))
	})
}

func bias(in []array, c int) float32 {
	if len(in) < 3 || in[2].values == nil {
		return 0
	}
	return in[2].values[c]
}

func referenceMaxPool(o tflite.Pool2D, image, out array) array {
	top := before(o.Padding, image.shape[1], out.shape[1], o.StrideH, 1, o.FilterH)
	left := before(o.Padding, image.shape[2], out.shape[2], o.StrideW, 1, o.FilterW)
	return out.fill(func(y, x, c int) float64 {
		largest := float32(math.Inf(-1))
		for ky := range o.FilterH {
			for kx := range o.FilterW {
				largest = max(largest, image.at(y*o.StrideH-top+ky, x*o.StrideW-left+kx, c, float32(math.Inf(-1))))
			}
		}
		return float64(activate(o.Activation, largest))
	})
}

func referenceResize(o tflite.ResizeBilinear, image, out array) array {
	source := func(index, from, to int) (lower, upper int, fraction float64) {
		scale := float64(from) / float64(to)
		if o.AlignCorners && to > 1 {
			scale = float64(from-1) / float64(to-1)
		}
		at := float64(index) * scale
		if o.HalfPixelCenters {
			at = (float64(index)+0.5)*scale - 0.5
		}
		lower = max(int(math.Floor(at)), 0)
		return lower, min(int(math.Ceil(at)), from-1), at - float64(lower)
	}
	return out.fill(func(y, x, c int) float64 {
		y0, y1, fy := source(y, image.shape[1], out.shape[1])
		x0, x1, fx := source(x, image.shape[2], out.shape[2])
		pixel := func(y, x int) float64 { return float64(image.at(y, x, c, 0)) }
		return (pixel(y0, x0)*(1-fx)+pixel(y0, x1)*fx)*(1-fy) + (pixel(y1, x0)*(1-fx)+pixel(y1, x1)*fx)*fy
	})
}

func referenceConcatenation(o tflite.Concatenation, in []array, out array) array {
	axis := (o.Axis + len(out.shape)) % len(out.shape)
	rows := 1
	for _, size := range out.shape[:axis] {
		rows *= size
	}
	i := 0
	for row := range rows {
		for _, a := range in {
			n := len(a.values) / rows
			for _, v := range a.values[row*n : (row+1)*n] {
				out.values[i] = activate(o.Activation, v)
				i++
			}
		}
	}
	return out
}
