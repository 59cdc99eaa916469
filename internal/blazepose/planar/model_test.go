//go:build cgo

package planar_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"plumbline/internal/blazepose/tflite"
)

// builder puts a model together, operator by operator, and computes in float64 what it should give.
type builder struct {
	model  tflite.Model
	values map[int][]float64 // of the tensors, in TensorFlow Lite's order
	random *rand.Rand
}

func newBuilder() *builder {
	return &builder{values: map[int][]float64{}, random: rand.New(rand.NewPCG(1, 2))}
}

func (b *builder) tensor(shape ...int) int {
	b.model.Tensors = append(b.model.Tensors, tflite.Tensor{Shape: shape})
	return len(b.model.Tensors) - 1
}

// constant makes a tensor of random numbers, of which a part is zero.
func (b *builder) constant(zeros float64, shape ...int) int {
	i := b.tensor(shape...)
	t := &b.model.Tensors[i]
	for range t.Elements() {
		v := b.random.Float32()*2 - 1
		if b.random.Float64() < zeros {
			v = 0
		}
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(v))
		b.values[i] = append(b.values[i], float64(v))
	}
	return i
}

// ints makes a tensor of integers.
func (b *builder) ints(values ...int) int {
	i := b.tensor(len(values))
	b.model.Tensors[i].Type = tflite.Int32
	for _, v := range values {
		b.model.Tensors[i].Data = binary.LittleEndian.AppendUint32(b.model.Tensors[i].Data, uint32(int32(v)))
	}
	return i
}

func (b *builder) input(height, width, channels int) int {
	i := b.tensor(1, height, width, channels)
	b.model.Inputs = []int{i}
	for range height * width * channels {
		b.values[i] = append(b.values[i], float64(b.random.Float32()*2-1))
	}
	return i
}

func (b *builder) operator(code tflite.Code, options any, out int, in ...int) {
	b.model.Operators = append(b.model.Operators, tflite.Operator{Code: code, Options: options, Inputs: in, Outputs: []int{out}})
}

func (b *builder) shape(i int) []int { return b.model.Tensors[i].Shape }

func activated(v float64, a tflite.Activation) float64 {
	if a == tflite.Relu6 {
		return min(max(v, 0), 6)
	}
	return v
}

// convolve adds a convolution, depthwise or not, padded by half the window.
func (b *builder) convolve(in, out, side, stride int, each bool, zeros float64, a tflite.Activation) int {
	s := b.shape(in)
	conv := tflite.Conv2D{Padding: tflite.Same, StrideH: stride, StrideW: stride, DilationH: 1, DilationW: 1, Activation: a}
	h, w := (s[1]+stride-1)/stride, (s[2]+stride-1)/stride
	result := b.tensor(1, h, w, out)
	bias := b.constant(0, out)
	from := in
	if stride == 2 && side > 1 {
		from, conv.Padding = b.pad(in, side/2), tflite.Valid
	}
	if each {
		weights := b.constant(0, 1, side, side, out)
		b.operator(tflite.DepthwiseConv2DOp, tflite.DepthwiseConv2D{Conv2D: conv, DepthMultiplier: 1}, result, from, weights, bias)
		b.values[result] = b.window(in, result, side, stride, a, func(o, cell, c int) float64 {
			if c != o {
				return 0
			}
			return b.values[weights][cell*out+c]
		}, bias)
		return result
	}
	weights := b.constant(zeros, out, side, side, s[3])
	b.operator(tflite.Conv2DOp, conv, result, from, weights, bias)
	b.values[result] = b.window(in, result, side, stride, a, func(o, cell, c int) float64 {
		return b.values[weights][(o*side*side+cell)*s[3]+c]
	}, bias)
	return result
}

// window computes a convolution.
func (b *builder) window(in, out, side, stride int, a tflite.Activation, weight func(out, cell, in int) float64, bias int) []float64 {
	s, r := b.shape(in), b.shape(out)
	var values []float64
	for y := range r[1] {
		for x := range r[2] {
			for o := range r[3] {
				sum := b.values[bias][o]
				for cell := range side * side {
					py, px := y*stride+cell/side-side/2, x*stride+cell%side-side/2
					if py < 0 || px < 0 || py >= s[1] || px >= s[2] {
						continue
					}
					for c := range s[3] {
						sum += weight(o, cell, c) * b.values[in][(py*s[2]+px)*s[3]+c]
					}
				}
				values = append(values, activated(sum, a))
			}
		}
	}
	return values
}

func (b *builder) pad(in, cells int) int {
	s := b.shape(in)
	out := b.tensor(1, s[1]+2*cells, s[2]+2*cells, s[3])
	b.operator(tflite.PadOp, nil, out, in, b.ints(0, 0, cells, cells, cells, cells, 0, 0))
	return out
}

func (b *builder) add(x, y int, a tflite.Activation) int {
	out := b.tensor(b.shape(x)...)
	b.operator(tflite.AddOp, tflite.Add{Activation: a}, out, x, y)
	for i := range b.values[x] {
		b.values[out] = append(b.values[out], activated(b.values[x][i]+b.values[y][i], a))
	}
	return out
}

func (b *builder) enlarge(in int) int {
	s := b.shape(in)
	out := b.tensor(1, 2*s[1], 2*s[2], s[3])
	b.operator(tflite.ResizeBilinearOp, tflite.ResizeBilinear{HalfPixelCenters: true}, out, in, b.ints(2*s[1], 2*s[2]))
	at := func(y, x, c int) float64 {
		return b.values[in][(min(max(y, 0), s[1]-1)*s[2]+min(max(x, 0), s[2]-1))*s[3]+c]
	}
	for y := range 2 * s[1] {
		for x := range 2 * s[2] {
			fy, fx := (float64(y)+0.5)/2-0.5, (float64(x)+0.5)/2-0.5
			y0, x0 := math.Floor(fy), math.Floor(fx)
			for c := range s[3] {
				top := at(int(y0), int(x0), c)*(1-fx+x0) + at(int(y0), int(x0)+1, c)*(fx-x0)
				bottom := at(int(y0)+1, int(x0), c)*(1-fx+x0) + at(int(y0)+1, int(x0)+1, c)*(fx-x0)
				b.values[out] = append(b.values[out], top*(1-fy+y0)+bottom*(fy-y0))
			}
		}
	}
	return out
}

func (b *builder) spread(in int) int {
	s := b.shape(in)
	depth := s[3] / 4
	out := b.tensor(1, 2*s[1], 2*s[2], depth)
	b.operator(tflite.DepthToSpaceOp, tflite.DepthToSpace{BlockSize: 2}, out, in)
	for y := range 2 * s[1] {
		for x := range 2 * s[2] {
			for c := range depth {
				b.values[out] = append(b.values[out], b.values[in][((y/2)*s[2]+x/2)*s[3]+((y%2)*2+x%2)*depth+c])
			}
		}
	}
	return out
}

// output concatenates tensors into the model's only output.
func (b *builder) output(tensors ...int) []float64 {
	var all []float64
	var parts []int
	for _, t := range tensors {
		flat := b.tensor(1, len(b.values[t]), 1)
		b.operator(tflite.ReshapeOp, nil, flat, t)
		parts, all = append(parts, flat), append(all, b.values[t]...)
	}
	out := b.tensor(1, len(all), 1)
	b.operator(tflite.ConcatenationOp, tflite.Concatenation{Axis: 1}, out, parts...)
	b.model.Outputs = []int{out}
	return all
}

// planes turns the input's values into planes.
func (b *builder) planes(t testing.TB) []float32 {
	t.Helper()
	in := b.model.Inputs[0]
	s := b.shape(in)
	planes := make([]float32, len(b.values[in]))
	for i, v := range b.values[in] {
		planes[i%s[3]*s[1]*s[2]+i/s[3]] = float32(v)
	}
	return planes
}
