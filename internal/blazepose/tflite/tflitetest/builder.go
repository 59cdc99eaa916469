package tflitetest

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"plumbline/internal/blazepose/tflite"
)

// Builder puts a model together, operator by operator, and computes in float64 what it should give.
type Builder struct {
	Model  tflite.Model
	Values map[int][]float64 // of the tensors, in TensorFlow Lite's order
	random *rand.Rand
}

// NewBuilder makes an empty model. The same calls give the same numbers.
func NewBuilder() *Builder {
	return &Builder{Values: map[int][]float64{}, random: rand.New(rand.NewPCG(1, 2))}
}

// Tensor adds a tensor.
func (b *Builder) Tensor(shape ...int) int {
	b.Model.Tensors = append(b.Model.Tensors, tflite.Tensor{Shape: shape})
	return len(b.Model.Tensors) - 1
}

// Constant makes a tensor of random numbers, of which a part is zero. Numbers of 16 bits can hold each.
func (b *Builder) Constant(zeros float64, shape ...int) int {
	i := b.Tensor(shape...)
	t := &b.Model.Tensors[i]
	for range t.Elements() {
		v := float32(b.random.IntN(2049)-1024) / 1024
		if b.random.Float64() < zeros {
			v = 0
		}
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(v))
		b.Values[i] = append(b.Values[i], float64(v))
	}
	return i
}

// Ints makes a tensor of integers.
func (b *Builder) Ints(values ...int) int {
	i := b.Tensor(len(values))
	b.Model.Tensors[i].Type = tflite.Int32
	for _, v := range values {
		b.Model.Tensors[i].Data = binary.LittleEndian.AppendUint32(b.Model.Tensors[i].Data, uint32(int32(v)))
	}
	return i
}

// Input adds the model's input, of random numbers.
func (b *Builder) Input(height, width, channels int) int {
	i := b.Tensor(1, height, width, channels)
	b.Model.Inputs = []int{i}
	for range height * width * channels {
		b.Values[i] = append(b.Values[i], float64(b.random.Float32()*2-1))
	}
	return i
}

// Operator adds an operator whose result Values does not know.
func (b *Builder) Operator(code tflite.Code, options any, out int, in ...int) {
	b.Model.Operators = append(b.Model.Operators, tflite.Operator{Code: code, Options: options, Inputs: in, Outputs: []int{out}})
}

// Shape is a tensor's.
func (b *Builder) Shape(i int) []int { return b.Model.Tensors[i].Shape }

func activated(v float64, a tflite.Activation) float64 {
	if a == tflite.Relu6 {
		return min(max(v, 0), 6)
	}
	return v
}

// Convolve adds a convolution, depthwise or not, padded by half the window.
func (b *Builder) Convolve(in, out, side, stride int, each bool, zeros float64, a tflite.Activation) int {
	s := b.Shape(in)
	conv := window(tflite.Same, stride, a)
	h, w := (s[1]+stride-1)/stride, (s[2]+stride-1)/stride
	result := b.Tensor(1, h, w, out)
	bias := b.Constant(0, out)
	from := in
	if stride == 2 && side > 1 {
		from, conv.Padding = b.Pad(in, side/2), tflite.Valid
	}
	if each {
		weights := b.Constant(0, 1, side, side, out)
		b.Operator(tflite.DepthwiseConv2DOp, tflite.DepthwiseConv2D{Conv2D: conv, DepthMultiplier: 1}, result, from, weights, bias)
		b.Values[result] = b.window(in, result, view{side, stride, side / 2, true, a}, func(_, cell, c int) float64 {
			return b.Values[weights][cell*out+c]
		}, bias)
		return result
	}
	weights := b.Constant(zeros, out, side, side, s[3])
	b.Operator(tflite.Conv2DOp, conv, result, from, weights, bias)
	b.Values[result] = b.window(in, result, view{side, stride, side / 2, false, a}, func(o, cell, c int) float64 {
		return b.Values[weights][(o*side*side+cell)*s[3]+c]
	}, bias)
	return result
}

func window(p tflite.Padding, stride int, a tflite.Activation) tflite.Conv2D {
	return tflite.Conv2D{Padding: p, StrideH: stride, StrideW: stride, DilationH: 1, DilationW: 1, Activation: a}
}

// Whole adds a convolution whose window is the whole picture.
func (b *Builder) Whole(in, out int) int {
	side, channels := b.Shape(in)[1], b.Shape(in)[3]
	result, bias, weights := b.Tensor(1, 1, 1, out), b.Constant(0, out), b.Constant(0, out, side, side, channels)
	b.Operator(tflite.Conv2DOp, window(tflite.Valid, 1, tflite.NoActivation), result, in, weights, bias)
	b.Values[result] = b.window(in, result, view{side, 1, 0, false, tflite.NoActivation}, func(o, cell, c int) float64 {
		return b.Values[weights][(o*side*side+cell)*channels+c]
	}, bias)
	return result
}

// Halve adds a depthwise convolution of 3 x 3 cells with stride 2 that pads itself: one cell of zeros less than a PAD would put
// before an even picture.
func (b *Builder) Halve(in int) int {
	s := b.Shape(in)
	result, bias, weights := b.Tensor(1, (s[1]+1)/2, (s[2]+1)/2, s[3]), b.Constant(0, s[3]), b.Constant(0, 1, 3, 3, s[3])
	b.Operator(tflite.DepthwiseConv2DOp, tflite.DepthwiseConv2D{Conv2D: window(tflite.Same, 2, tflite.Relu6), DepthMultiplier: 1}, result, in, weights, bias)
	b.Values[result] = b.window(in, result, view{3, 2, s[1] % 2, true, tflite.Relu6}, func(_, cell, c int) float64 {
		return b.Values[weights][cell*s[3]+c]
	}, bias)
	return result
}

// view is how a window goes over a picture.
type view struct {
	side, stride, before int
	each                 bool // a channel sees itself only
	activation           tflite.Activation
}

// window computes a convolution.
func (b *Builder) window(in, out int, v view, weight func(out, cell, in int) float64, bias int) []float64 {
	s, r := b.Shape(in), b.Shape(out)
	var values []float64
	for y := range r[1] {
		for x := range r[2] {
			for o := range r[3] {
				sum := b.Values[bias][o]
				for cell := range v.side * v.side {
					py, px := y*v.stride+cell/v.side-v.before, x*v.stride+cell%v.side-v.before
					if py < 0 || px < 0 || py >= s[1] || px >= s[2] {
						continue
					}
					first, end := 0, s[3]
					if v.each {
						first, end = o, o+1
					}
					for c := first; c < end; c++ {
						sum += weight(o, cell, c) * b.Values[in][(py*s[2]+px)*s[3]+c]
					}
				}
				values = append(values, activated(sum, v.activation))
			}
		}
	}
	return values
}

// Pad adds a PAD of some cells of zeros all around; Values does not know its result.
func (b *Builder) Pad(in, cells int) int {
	s := b.Shape(in)
	out := b.Tensor(1, s[1]+2*cells, s[2]+2*cells, s[3])
	b.Operator(tflite.PadOp, nil, out, in, b.Ints(0, 0, cells, cells, cells, cells, 0, 0))
	return out
}

// Add adds an ADD.
func (b *Builder) Add(x, y int, a tflite.Activation) int {
	out := b.Tensor(b.Shape(x)...)
	b.Operator(tflite.AddOp, tflite.Add{Activation: a}, out, x, y)
	for i := range b.Values[x] {
		b.Values[out] = append(b.Values[out], activated(b.Values[x][i]+b.Values[y][i], a))
	}
	return out
}

// Pool adds a MAX_POOL_2D of 2 x 2 cells and, where more channels are wanted, a PAD that makes them of zeros.
func (b *Builder) Pool(in, more int) int {
	s := b.Shape(in)
	out := b.Tensor(1, s[1]/2, s[2]/2, s[3])
	b.Operator(tflite.MaxPool2DOp, tflite.Pool2D{Padding: tflite.Valid, StrideH: 2, StrideW: 2, FilterH: 2, FilterW: 2}, out, in)
	result := out
	if more > 0 {
		result = b.Tensor(1, s[1]/2, s[2]/2, s[3]+more)
		b.Operator(tflite.PadOp, nil, result, out, b.Ints(0, 0, 0, 0, 0, 0, 0, more))
	}
	at := func(y, x, c int) float64 { return b.Values[in][(y*s[2]+x)*s[3]+c] }
	for y := range s[1] / 2 {
		for x := range s[2] / 2 {
			for c := range s[3] {
				most := max(at(2*y, 2*x, c), at(2*y, 2*x+1, c), at(2*y+1, 2*x, c), at(2*y+1, 2*x+1, c))
				b.Values[result] = append(b.Values[result], most)
			}
			b.Values[result] = append(b.Values[result], make([]float64, more)...)
		}
	}
	return result
}

// Logistic adds a LOGISTIC.
func (b *Builder) Logistic(in int) int {
	out := b.Tensor(b.Shape(in)...)
	b.Operator(tflite.LogisticOp, nil, out, in)
	for _, v := range b.Values[in] {
		b.Values[out] = append(b.Values[out], 1/(1+math.Exp(-v)))
	}
	return out
}

// Halves stores all of the operators' weights in 16 bits.
func (b *Builder) Halves() {
	for _, op := range b.Model.Operators {
		if op.Code != tflite.Conv2DOp && op.Code != tflite.DepthwiseConv2DOp {
			continue
		}
		t := &b.Model.Tensors[op.Inputs[1]]
		t.Type, t.Data = tflite.Float16, nil
		for _, v := range b.Values[op.Inputs[1]] {
			t.Data = binary.LittleEndian.AppendUint16(t.Data, half(float32(v)))
		}
	}
}

// half is a number that 16 bits can hold, in them.
func half(v float32) uint16 {
	bits := math.Float32bits(v)
	if v == 0 {
		return uint16(bits >> 16)
	}
	return uint16(bits>>16&0x8000 | (bits>>23&255-112)<<10 | bits>>13&1023)
}

// Enlarge adds a RESIZE_BILINEAR that doubles a picture.
func (b *Builder) Enlarge(in int) int {
	s := b.Shape(in)
	out := b.Tensor(1, 2*s[1], 2*s[2], s[3])
	b.Operator(tflite.ResizeBilinearOp, tflite.ResizeBilinear{HalfPixelCenters: true}, out, in, b.Ints(2*s[1], 2*s[2]))
	at := func(y, x, c int) float64 {
		return b.Values[in][(min(max(y, 0), s[1]-1)*s[2]+min(max(x, 0), s[2]-1))*s[3]+c]
	}
	for y := range 2 * s[1] {
		for x := range 2 * s[2] {
			fy, fx := (float64(y)+0.5)/2-0.5, (float64(x)+0.5)/2-0.5
			y0, x0 := math.Floor(fy), math.Floor(fx)
			for c := range s[3] {
				top := at(int(y0), int(x0), c)*(1-fx+x0) + at(int(y0), int(x0)+1, c)*(fx-x0)
				bottom := at(int(y0)+1, int(x0), c)*(1-fx+x0) + at(int(y0)+1, int(x0)+1, c)*(fx-x0)
				b.Values[out] = append(b.Values[out], top*(1-fy+y0)+bottom*(fy-y0))
			}
		}
	}
	return out
}

// Spread adds a DEPTH_TO_SPACE of blocks of 2 x 2.
func (b *Builder) Spread(in int) int {
	s := b.Shape(in)
	depth := s[3] / 4
	out := b.Tensor(1, 2*s[1], 2*s[2], depth)
	b.Operator(tflite.DepthToSpaceOp, tflite.DepthToSpace{BlockSize: 2}, out, in)
	for y := range 2 * s[1] {
		for x := range 2 * s[2] {
			for c := range depth {
				b.Values[out] = append(b.Values[out], b.Values[in][((y/2)*s[2]+x/2)*s[3]+((y%2)*2+x%2)*depth+c])
			}
		}
	}
	return out
}

// Output concatenates tensors into the model's only output.
func (b *Builder) Output(tensors ...int) []float64 {
	var all []float64
	var parts []int
	for _, t := range tensors {
		flat := b.Tensor(1, len(b.Values[t]), 1)
		b.Operator(tflite.ReshapeOp, nil, flat, t)
		parts, all = append(parts, flat), append(all, b.Values[t]...)
	}
	out := b.Tensor(1, len(all), 1)
	b.Operator(tflite.ConcatenationOp, tflite.Concatenation{Axis: 1}, out, parts...)
	b.Model.Outputs = []int{out}
	return all
}

// Planes turns the input's values into planes.
func (b *Builder) Planes(t testing.TB) []float32 {
	t.Helper()
	in := b.Model.Inputs[0]
	s := b.Shape(in)
	planes := make([]float32, len(b.Values[in]))
	for i, v := range b.Values[in] {
		planes[i%s[3]*s[1]*s[2]+i/s[3]] = float32(v)
	}
	return planes
}
