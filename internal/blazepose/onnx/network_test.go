package onnx_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"plumbline/internal/blazepose/tflite"
)

// network builds a small model; weights are random but the same for every run.
type network struct {
	tflite.Model
	random *rand.Rand
}

func newNetwork(inputShape ...int) (*network, int) {
	n := &network{random: rand.New(rand.NewPCG(3, 4))}
	input := n.tensor(tflite.Tensor{Shape: inputShape})
	n.Inputs = []int{input}
	return n, input
}

func (n *network) tensor(t tflite.Tensor) int {
	n.Tensors = append(n.Tensors, t)
	return len(n.Tensors) - 1
}

// op adds an operator and gives the tensor of its result.
func (n *network) op(code tflite.Code, options any, shape []int, inputs ...int) int {
	out := n.tensor(tflite.Tensor{Shape: shape})
	n.Operators = append(n.Operators, tflite.Operator{Code: code, Options: options, Inputs: inputs, Outputs: []int{out}})
	return out
}

func (n *network) returns(outputs ...int) *tflite.Model {
	n.Outputs = outputs
	return &n.Model
}

func (n *network) floats(shape ...int) int {
	size := 1
	for _, s := range shape {
		size *= s
	}
	var data []byte
	for range size {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(2*n.random.Float32()-1))
	}
	return n.tensor(tflite.Tensor{Shape: shape, Data: data})
}

func (n *network) ints(shape []int, values ...int) int {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, uint32(int32(v)))
	}
	return n.tensor(tflite.Tensor{Shape: shape, Type: tflite.Int32, Data: data})
}

// conv adds a CONV_2D with filter [out, kernel, kernel, in] and bias; half of the results before an activation are negative.
func (n *network) conv(from int, kernel, in int, o tflite.Conv2D, shape []int) int {
	return n.op(tflite.Conv2DOp, o, shape, from, n.floats(shape[3], kernel, kernel, in), n.floats(shape[3]))
}

// depthwise adds a DEPTHWISE_CONV_2D with bias.
func (n *network) depthwise(from int, kernel int, o tflite.DepthwiseConv2D, shape []int) int {
	return n.op(tflite.DepthwiseConv2DOp, o, shape, from, n.floats(1, kernel, kernel, shape[3]), n.floats(shape[3]))
}

func (n *network) pad(from int, paddings []int, shape []int) int {
	return n.op(tflite.PadOp, nil, shape, from, n.ints([]int{4, 2}, paddings...))
}

// window gives convolution options with the same stride and dilation in both directions.
func window(p tflite.Padding, stride, dilation int, a tflite.Activation) tflite.Conv2D {
	return tflite.Conv2D{Padding: p, StrideH: stride, StrideW: stride, DilationH: dilation, DilationW: dilation, Activation: a}
}

func depthwiseWindow(p tflite.Padding, stride int, a tflite.Activation, multiplier int) tflite.DepthwiseConv2D {
	return tflite.DepthwiseConv2D{Conv2D: window(p, stride, 1, a), DepthMultiplier: multiplier}
}

func image(height, width, channels int) []int { return []int{1, height, width, channels} }
