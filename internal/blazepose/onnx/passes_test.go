package onnx_test

import (
	"strings"
	"testing"

	"plumbline/internal/blazepose/onnx"
	"plumbline/internal/blazepose/tflite"
)

// rewritten are models that a rewrite applies to, or just not; operators are those left, without the final Identity.
var rewritten = map[string]struct {
	build     func() *tflite.Model
	operators string
}{
	"a pad goes into both convolutions that read it": {func() *tflite.Model {
		n, in := newNetwork(1, 6, 6, 2)
		padded := n.pad(in, []int{0, 0, 1, 2, 0, 1, 0, 0}, image(9, 7, 2))
		a := n.conv(padded, 3, 2, window(valid, 2, 1, none), image(4, 3, 3))
		b := n.depthwise(padded, 3, depthwiseWindow(same, 1, none, 1), image(9, 7, 2)) // its own padding is added
		return n.returns(a, b)
	}, "Conv Conv"},
	"a pad of channels stays": {func() *tflite.Model {
		n, in := newNetwork(1, 3, 3, 2)
		padded := n.pad(in, []int{0, 0, 0, 0, 0, 0, 0, 1}, image(3, 3, 3))
		return n.returns(n.conv(padded, 1, 3, window(valid, 1, 1, none), image(3, 3, 2)))
	}, "Pad Conv"},
	"a pad that a pooling reads too stays": {func() *tflite.Model {
		n, in := newNetwork(1, 4, 4, 2)
		padded := n.pad(in, []int{0, 0, 1, 1, 1, 1, 0, 0}, image(6, 6, 2))
		a := n.conv(padded, 3, 2, window(valid, 1, 1, none), image(4, 4, 2))
		b := n.op(tflite.MaxPool2DOp, tflite.Pool2D{Padding: valid, StrideH: 2, StrideW: 2, FilterH: 2, FilterW: 2}, image(3, 3, 2), padded)
		return n.returns(a, b)
	}, "Pad Conv MaxPool"},
	"a pad that is an output stays": {func() *tflite.Model {
		n, in := newNetwork(1, 4, 4, 2)
		padded := n.pad(in, []int{0, 0, 1, 1, 1, 1, 0, 0}, image(6, 6, 2))
		return n.returns(n.conv(padded, 3, 2, window(valid, 1, 1, none), image(4, 4, 2)), padded)
	}, "Pad Conv"},
	"a 1x1 convolution runs before the enlargement": {func() *tflite.Model {
		n, in := newNetwork(1, 3, 4, 6)
		large := n.op(tflite.ResizeBilinearOp, tflite.ResizeBilinear{HalfPixelCenters: true}, image(6, 8, 6), in)
		return n.returns(n.conv(large, 1, 6, window(valid, 1, 1, relu6), image(6, 8, 4)))
	}, "Conv Resize Conv Clip"}, // the second Conv is blockedClip's
	"a 1x1 convolution to more channels runs after it": {func() *tflite.Model {
		n, in := newNetwork(1, 3, 4, 2)
		large := n.op(tflite.ResizeBilinearOp, tflite.ResizeBilinear{HalfPixelCenters: true}, image(6, 8, 2), in)
		return n.returns(n.conv(large, 1, 2, window(valid, 1, 1, none), image(6, 8, 3)))
	}, "Resize Conv"},
	"a 3x3 convolution runs after the enlargement": {func() *tflite.Model {
		n, in := newNetwork(1, 3, 4, 2)
		large := n.op(tflite.ResizeBilinearOp, tflite.ResizeBilinear{}, image(6, 8, 2), in)
		return n.returns(n.conv(large, 3, 2, window(same, 1, 1, none), image(6, 8, 2)))
	}, "Resize Conv"},
	"blocks are read in place, padding on both sides": {func() *tflite.Model {
		n, in := newNetwork(1, 4, 3, 12)
		return n.returns(heads(n, in, []int{0, 0, 1, 1, 1, 1, 0, 0}, image(10, 8, 3))...)
	}, "Conv Conv Conv Conv"},
	"blocks are read in place, padding before only": {func() *tflite.Model {
		n, in := newNetwork(1, 4, 3, 12)
		return n.returns(heads(n, in, []int{0, 0, 1, 0, 1, 0, 0, 0}, image(9, 7, 3))...)
	}, "Conv Conv Conv Conv"},
	"blocks are read in place, padding behind": {func() *tflite.Model {
		n, in := newNetwork(1, 4, 3, 12)
		return n.returns(heads(n, in, []int{0, 0, 0, 1, 0, 1, 0, 0}, image(9, 7, 3))...)
	}, "Conv Conv Conv Conv"},
	"blocks are spread where the padding does not fit them": {func() *tflite.Model {
		n, in := newNetwork(1, 4, 3, 12)
		return n.returns(heads(n, in, []int{0, 0, 1, 0, 0, 1, 0, 0}, image(9, 7, 3))...)
	}, "DepthToSpace Conv Conv Conv Conv"},
	"blocks are spread where an activation stands between": {func() *tflite.Model {
		n, in := newNetwork(1, 4, 3, 12)
		spread := n.op(tflite.DepthToSpaceOp, tflite.DepthToSpace{BlockSize: 2}, image(8, 6, 3), in)
		small := n.depthwise(spread, 3, depthwiseWindow(same, 2, relu6, 1), image(4, 3, 3))
		return n.returns(n.conv(small, 1, 3, window(valid, 1, 1, none), image(4, 3, 2)))
	}, "DepthToSpace Conv Clip Conv"},
	"blocks are spread where a depthwise result has two readers": {func() *tflite.Model {
		n, in := newNetwork(1, 4, 3, 12)
		spread := n.op(tflite.DepthToSpaceOp, tflite.DepthToSpace{BlockSize: 2}, image(8, 6, 3), in)
		small := n.depthwise(spread, 3, depthwiseWindow(same, 2, none, 1), image(4, 3, 3))
		a := n.conv(small, 1, 3, window(valid, 1, 1, none), image(4, 3, 2))
		return n.returns(a, n.conv(small, 1, 3, window(valid, 1, 1, none), image(4, 3, 1)))
	}, "DepthToSpace Conv Conv Conv"},
	"blocks without biases": {func() *tflite.Model {
		n, in := newNetwork(1, 4, 3, 12)
		spread := n.op(tflite.DepthToSpaceOp, tflite.DepthToSpace{BlockSize: 2}, image(8, 6, 3), in)
		small := n.op(tflite.DepthwiseConv2DOp, depthwiseWindow(same, 2, none, 1), image(4, 3, 3), spread, n.floats(1, 3, 3, 3))
		return n.returns(n.op(tflite.Conv2DOp, window(valid, 1, 1, none), image(4, 3, 2), small, n.floats(2, 1, 1, 3)))
	}, "Conv Conv"},
	"a sum's Clip gets a convolution": {func() *tflite.Model {
		n, in := newNetwork(1, 3, 4, 2)
		return n.returns(n.op(tflite.AddOp, tflite.Add{Activation: relu6}, image(3, 4, 2), in, in))
	}, "Add Conv Clip"},
	"a Relu gets none": {func() *tflite.Model {
		n, in := newNetwork(1, 3, 4, 2)
		return n.returns(n.op(tflite.AddOp, tflite.Add{Activation: tflite.Relu}, image(3, 4, 2), in, in))
	}, "Add Relu"},
	"a Clip of rows gets none": {func() *tflite.Model {
		n, in := newNetwork(1, 24)
		return n.returns(n.op(tflite.AddOp, tflite.Add{Activation: relu6}, []int{1, 24}, in, in))
	}, "Add Clip"},
}

// heads are two detector heads on 2x2 blocks: DEPTH_TO_SPACE, PAD, then twice depthwise 3x3 stride 2 and 1x1.
func heads(n *network, in int, paddings, padded []int) []int {
	spread := n.op(tflite.DepthToSpaceOp, tflite.DepthToSpace{BlockSize: 2}, image(8, 6, 3), in)
	from := n.pad(spread, paddings, padded)
	var outputs []int
	for channels := range 2 {
		small := n.depthwise(from, 3, depthwiseWindow(valid, 2, none, 1), image(4, 3, 3))
		outputs = append(outputs, n.conv(small, 1, 3, window(valid, 1, 1, none), image(4, 3, channels+1)))
	}
	return outputs
}

func TestRewrites(t *testing.T) {
	for name, c := range rewritten {
		t.Run(name, func(t *testing.T) {
			got, err := onnx.Operators(c.build(), onnx.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if ops := strings.TrimSuffix(strings.Join(got, " "), " Identity"); strings.TrimSuffix(ops, " Identity") != c.operators {
				t.Errorf("operators %s, want %s", ops, c.operators)
			}
			compareWithReference(t, c.build(), onnx.Options{Literal: true})
			compareWithReference(t, c.build(), onnx.Options{})
		})
	}
}
