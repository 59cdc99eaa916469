package onnx

import (
	"fmt"
	"math"
	"slices"

	"plumbline/internal/blazepose/tflite"
)

// add: both operands computed and of one shape; TFLite's broadcasting would need care in NCHW and is refused.
func (t *translator) add(op tflite.Operator) error {
	o, err := options[tflite.Add](op)
	if err != nil {
		return err
	}
	a, b := op.Inputs[0], op.Inputs[1]
	first, err := t.value(a)
	if err != nil {
		return err
	}
	second, err := t.value(b)
	if err != nil {
		return err
	}
	if as, bs := t.model.Tensors[a].Shape, t.model.Tensors[b].Shape; !slices.Equal(as, bs) {
		return fmt.Errorf("operands of different shapes %v and %v are not supported", as, bs)
	}
	if err := t.expect(op.Outputs[0], t.model.Tensors[a].Shape); err != nil {
		return err
	}
	return t.define(op.Outputs[0], &node{op: "Add", inputs: []string{first, second}}, o.Activation)
}

func (t *translator) concatenate(op tflite.Operator) error {
	o, err := options[tflite.Concatenation](op)
	if err != nil {
		return err
	}
	var inputs []string
	rank := len(t.model.Tensors[op.Outputs[0]].Shape)
	for _, tensor := range op.Inputs {
		from, err := t.value(tensor)
		if err != nil {
			return err
		}
		if len(t.model.Tensors[tensor].Shape) != rank {
			return fmt.Errorf("tensor %d has another number of dimensions than the result", tensor)
		}
		inputs = append(inputs, from)
	}
	axis := o.Axis
	if axis < 0 {
		axis += rank
	}
	if axis < 0 || axis >= rank {
		return fmt.Errorf("axis %d of %d dimensions", o.Axis, rank)
	}
	if rank == 4 {
		axis = [4]int{0, 2, 3, 1}[axis]
	}
	return t.define(op.Outputs[0], &node{op: "Concat", inputs: inputs, attributes: []attribute{{"axis", axis}}}, o.Activation)
}

// depthToSpace: TFLite's channel order (row, column, depth) is what ONNX calls DCR.
func (t *translator) depthToSpace(op tflite.Operator) error {
	o, err := options[tflite.DepthToSpace](op)
	if err != nil {
		return err
	}
	from, image, err := t.image(op.Inputs[0])
	if err != nil {
		return err
	}
	if o.BlockSize < 1 || o.BlockSize > image[3] || image[3]%(o.BlockSize*o.BlockSize) != 0 {
		return fmt.Errorf("block size %d for image %v", o.BlockSize, image)
	}
	b := o.BlockSize
	if err := t.expect(op.Outputs[0], []int{image[0], b * image[1], b * image[2], image[3] / (b * b)}); err != nil {
		return err
	}
	n := &node{op: "DepthToSpace", inputs: []string{from}, attributes: []attribute{{"blocksize", o.BlockSize}, {"mode", "DCR"}}}
	return t.define(op.Outputs[0], n, tflite.NoActivation)
}

func (t *translator) logistic(op tflite.Operator) error {
	from, err := t.value(op.Inputs[0])
	if err != nil {
		return err
	}
	return t.define(op.Outputs[0], &node{op: "Sigmoid", inputs: []string{from}}, tflite.NoActivation)
}

// maxPool: the padding of both formats counts as minus infinity.
func (t *translator) maxPool(op tflite.Operator) error {
	o, err := options[tflite.Pool2D](op)
	if err != nil {
		return err
	}
	from, image, err := t.image(op.Inputs[0])
	if err != nil {
		return err
	}
	if min(o.StrideH, o.StrideW, o.FilterH, o.FilterW) < 1 {
		return fmt.Errorf("stride or filter below 1: %+v", o)
	}
	window, strides := [2]int{o.FilterH, o.FilterW}, [2]int{o.StrideH, o.StrideW}
	around := pads(o.Padding, image, window, strides)
	if err := t.expect(op.Outputs[0], windowed(image, image[3], window, strides, around)); err != nil {
		return err
	}
	n := &node{op: "MaxPool", inputs: []string{from}, attributes: []attribute{
		{"kernel_shape", window[:]}, {"pads", around[:]}, {"strides", strides[:]},
	}}
	return t.define(op.Outputs[0], n, o.Activation)
}

// pad: paddings [dimension][before, after] of zeros.
func (t *translator) pad(op tflite.Operator) error {
	from, image, err := t.image(op.Inputs[0])
	if err != nil {
		return err
	}
	if op.Inputs[1] < 0 {
		return fmt.Errorf("no paddings")
	}
	p, err := t.model.Tensors[op.Inputs[1]].Int32s()
	if err != nil {
		return fmt.Errorf("paddings: %w", err)
	}
	if len(p) != 8 || slices.Min(p) < 0 || p[0] != 0 || p[1] != 0 {
		return fmt.Errorf("paddings %v; eight are needed, none negative and none of the batch", p)
	}
	padded := []int{image[0], image[1] + p[2] + p[3], image[2] + p[4] + p[5], image[3] + p[6] + p[7]}
	if err := t.expect(op.Outputs[0], padded); err != nil {
		return err
	}
	before, after := planar([]int{p[0], p[2], p[4], p[6]}), planar([]int{p[1], p[3], p[5], p[7]})
	name := fmt.Sprintf("t%d_pads", op.Outputs[0])
	t.graph.weights[name] = intWeight(append(before, after...))
	return t.define(op.Outputs[0], &node{op: "Pad", inputs: []string{from, name}}, tflite.NoActivation)
}

// reshape keeps the elements in TFLite's order: images go through NHWC on either side, unless they have a single pixel and
// so the same order in memory. The batch stays the first dimension.
func (t *translator) reshape(op tflite.Operator) error {
	from, err := t.value(op.Inputs[0])
	if err != nil {
		return err
	}
	before, after := t.model.Tensors[op.Inputs[0]].Shape, t.model.Tensors[op.Outputs[0]].Shape
	if len(before) == 0 || len(after) == 0 || before[0] != after[0] {
		return fmt.Errorf("from %v to %v changes the batch, which is not supported", before, after)
	}
	name := fmt.Sprintf("t%d", op.Outputs[0])
	if len(before) == 4 && before[1]*before[2] != 1 {
		n := &node{op: "Transpose", inputs: []string{from}, output: name + "_nhwc", attributes: []attribute{{"perm", []int{0, 2, 3, 1}}}}
		t.graph.add(n, before)
		from = n.output
	}
	t.graph.weights[name+"_shape"] = intWeight(append([]int{0}, after[1:]...)) // 0 copies the batch
	n := &node{op: "Reshape", inputs: []string{from, name + "_shape"}}
	if len(after) == 4 {
		n.output = name + "_rows"
		t.graph.add(n, after)
		n = &node{op: "Transpose", inputs: []string{n.output}, attributes: []attribute{{"perm", []int{0, 3, 1, 2}}}}
	}
	return t.define(op.Outputs[0], n, tflite.NoActivation)
}

func (t *translator) resizeBilinear(op tflite.Operator) error {
	o, err := options[tflite.ResizeBilinear](op)
	if err != nil {
		return err
	}
	from, before, err := t.image(op.Inputs[0])
	if err != nil {
		return err
	}
	after := t.model.Tensors[op.Outputs[0]].Shape
	if len(after) != 4 || min(after[1], after[2]) < 1 {
		return fmt.Errorf("to shape %v", after)
	}
	if err := t.expect(op.Outputs[0], []int{before[0], after[1], after[2], before[3]}); err != nil {
		return err
	}
	name := fmt.Sprintf("t%d_scales", op.Outputs[0])
	scales := []float32{1, 1, scale(before[1], after[1]), scale(before[2], after[2])}
	t.graph.weights[name] = weight{shape: []int{4}, floats: scales}
	n := &node{op: "Resize", inputs: []string{from, "", name}, attributes: []attribute{
		{"coordinate_transformation_mode", coordinates(o)}, {"mode", "linear"},
	}}
	return t.define(op.Outputs[0], n, tflite.NoActivation)
}

func coordinates(o tflite.ResizeBilinear) string {
	switch {
	case o.AlignCorners:
		return "align_corners"
	case o.HalfPixelCenters:
		return "half_pixel"
	}
	return "asymmetric"
}

// scale is after/before; where rounding would lose the last pixel (ONNX takes the floor) the next larger number.
func scale(before, after int) float32 {
	s := float32(after) / float32(before)
	if int(float32(before)*s) < after {
		s = math.Nextafter32(s, math.MaxFloat32)
	}
	return s
}

func intWeight(values []int) weight {
	w := weight{shape: []int{len(values)}}
	for _, v := range values {
		w.ints = append(w.ints, int64(v))
	}
	return w
}
