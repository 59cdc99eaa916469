package onnx

import (
	"errors"
	"fmt"
	"slices"

	"plumbline/internal/blazepose/tflite"
)

// translator builds a graph from a model, operator by operator.
type translator struct {
	model  *tflite.Model
	graph  *graph
	values map[int]string // the graph's value of each tensor computed so far
	// constantOf leads from the result of a DEQUANTIZE or DENSIFY to its operand: they only wrap constants.
	constantOf map[int]int
}

// rule says how many inputs an operator has and how it is translated.
type rule struct {
	minInputs, maxInputs int
	translate            func(*translator, tflite.Operator) error
}

var rules = map[tflite.Code]rule{
	tflite.AddOp:             {2, 2, (*translator).add},
	tflite.ConcatenationOp:   {1, 1 << 10, (*translator).concatenate},
	tflite.Conv2DOp:          {2, 3, (*translator).conv2D},
	tflite.DensifyOp:         {1, 1, (*translator).wrapConstant},
	tflite.DepthToSpaceOp:    {1, 1, (*translator).depthToSpace},
	tflite.DepthwiseConv2DOp: {2, 3, (*translator).depthwiseConv2D},
	tflite.DequantizeOp:      {1, 1, (*translator).wrapConstant},
	tflite.LogisticOp:        {1, 1, (*translator).logistic},
	tflite.MaxPool2DOp:       {1, 1, (*translator).maxPool},
	tflite.PadOp:             {2, 2, (*translator).pad},
	tflite.ReshapeOp:         {1, 2, (*translator).reshape},
	tflite.ResizeBilinearOp:  {1, 2, (*translator).resizeBilinear},
}

func translate(m *tflite.Model, o Options) (*graph, error) {
	outputs, err := chooseOutputs(m, o.Outputs)
	if err != nil {
		return nil, err
	}
	if len(m.Inputs) != 1 {
		return nil, fmt.Errorf("%d inputs; only models with one are supported", len(m.Inputs))
	}
	t := &translator{
		model:      m,
		graph:      &graph{weights: map[string]weight{}, shapes: map[string][]int{}},
		values:     map[int]string{},
		constantOf: map[int]int{},
	}
	t.input(o)
	needed := neededOperators(m, outputs)
	for i, op := range m.Operators {
		if !needed[i] {
			continue
		}
		if err := t.operator(op); err != nil {
			return nil, fmt.Errorf("operator %d, %s: %w", i, op.Name(), err)
		}
	}
	return t.graph, t.outputs(outputs, o)
}

func chooseOutputs(m *tflite.Model, indices []int) ([]int, error) {
	if indices == nil {
		return m.Outputs, nil
	}
	var tensors []int
	for _, i := range indices {
		if i < 0 || i >= len(m.Outputs) {
			return nil, fmt.Errorf("there is no output %d: the model has %d", i, len(m.Outputs))
		}
		tensors = append(tensors, m.Outputs[i])
	}
	return tensors, nil
}

// neededOperators marks what the outputs depend on. Operators stand in execution order, so one walk from the end will do.
func neededOperators(m *tflite.Model, outputs []int) []bool {
	wanted := make(map[int]bool)
	for _, t := range outputs {
		wanted[t] = true
	}
	needed := make([]bool, len(m.Operators))
	for i := len(m.Operators) - 1; i >= 0; i-- {
		for _, t := range m.Operators[i].Outputs {
			needed[i] = needed[i] || wanted[t]
		}
		if needed[i] {
			for _, t := range m.Operators[i].Inputs {
				wanted[t] = true
			}
		}
	}
	return needed
}

func (t *translator) operator(op tflite.Operator) error {
	r, known := rules[op.Code]
	if !known || op.Custom != "" {
		return errors.New("this operator is not supported")
	}
	if len(op.Inputs) < r.minInputs || len(op.Inputs) > r.maxInputs || len(op.Outputs) != 1 {
		return fmt.Errorf("%d inputs and %d outputs", len(op.Inputs), len(op.Outputs))
	}
	return r.translate(t, op)
}

func (t *translator) input(o Options) {
	in := t.model.Inputs[0]
	t.values[in] = "input"
	shape := planar(t.model.Tensors[in].Shape)
	t.graph.shapes["input"] = shape
	t.graph.input = value{"input", batched(shape, o)}
}

func (t *translator) outputs(tensors []int, o Options) error {
	for i, tensor := range tensors {
		from, err := t.value(tensor)
		if err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
		name, shape := fmt.Sprintf("output_%d", i), planar(t.model.Tensors[tensor].Shape)
		t.graph.add(&node{op: "Identity", inputs: []string{from}, output: name}, shape)
		t.graph.outputs = append(t.graph.outputs, value{name, batched(shape, o)})
	}
	return nil
}

// planar orders the dimensions of an image as ONNX does, batch, channels, height, width; other shapes stay.
func planar(shape []int) []int {
	if len(shape) != 4 {
		return shape
	}
	return []int{shape[0], shape[3], shape[1], shape[2]}
}

func batched(shape []int, o Options) []int {
	if len(shape) == 0 {
		return shape
	}
	batch := max(o.Batch, 1)
	if o.Batch == AnyBatch {
		batch = AnyBatch
	}
	return append([]int{batch}, shape[1:]...)
}

// value names the graph's value of a tensor that was computed.
func (t *translator) value(tensor int) (string, error) {
	if name, ok := t.values[tensor]; ok {
		return name, nil
	}
	return "", fmt.Errorf("tensor %d is a constant where a computed value is needed", tensor)
}

// image is value for a tensor that must have four dimensions; it gives its NHWC shape too.
func (t *translator) image(tensor int) (string, []int, error) {
	name, err := t.value(tensor)
	if err != nil {
		return "", nil, err
	}
	shape := t.model.Tensors[tensor].Shape
	if len(shape) != 4 {
		return "", nil, fmt.Errorf("shape %v of tensor %d is no image's", shape, tensor)
	}
	for _, size := range shape {
		if size < 1 {
			return "", nil, fmt.Errorf("shape %v of tensor %d is empty", shape, tensor)
		}
	}
	return name, shape, nil
}

// expect compares the shape that the model gives a tensor with the one that follows from the operator.
func (t *translator) expect(tensor int, shape []int) error {
	if given := t.model.Tensors[tensor].Shape; !slices.Equal(given, shape) {
		return fmt.Errorf("the model gives the result the shape %v where %v follows", given, shape)
	}
	return nil
}

// define adds a node that computes a tensor, the operator's activation after it.
func (t *translator) define(tensor int, n *node, a tflite.Activation) error {
	n.output = fmt.Sprintf("t%d", tensor)
	t.values[tensor] = n.output
	shape := planar(t.model.Tensors[tensor].Shape)
	if a == tflite.NoActivation {
		t.graph.add(n, shape)
		return nil
	}
	activated, err := t.activation(a, n.output+"_linear", n.output)
	if err != nil {
		return err
	}
	n.output += "_linear"
	t.graph.add(n, shape)
	t.graph.add(activated, shape)
	return nil
}

func (t *translator) activation(a tflite.Activation, from, to string) (*node, error) {
	switch a {
	case tflite.Relu:
		return &node{op: "Relu", inputs: []string{from}, output: to}, nil
	case tflite.Relu6:
		return t.clip(from, to, 0, 6), nil
	case tflite.ReluN1To1:
		return t.clip(from, to, -1, 1), nil
	}
	return nil, fmt.Errorf("the activation %s is not supported", a)
}

func (t *translator) clip(from, to string, low, high float32) *node {
	bound := func(limit float32) string {
		name := fmt.Sprintf("limit_%g", limit)
		t.graph.weights[name] = weight{floats: []float32{limit}}
		return name
	}
	return &node{op: "Clip", inputs: []string{from, bound(low), bound(high)}, output: to}
}

// wrapConstant notes a DEQUANTIZE or DENSIFY; constant does the work where the weights are used.
func (t *translator) wrapConstant(op tflite.Operator) error {
	t.constantOf[op.Outputs[0]] = op.Inputs[0]
	return nil
}

// constant gives the elements of a weight tensor in TFLite's order.
func (t *translator) constant(tensor int) ([]float32, error) {
	for {
		operand, wrapped := t.constantOf[tensor]
		if !wrapped {
			break
		}
		tensor = operand
	}
	if tensor < 0 {
		return nil, errors.New("an operand is left out")
	}
	values, err := t.model.Tensors[tensor].Float32s()
	if err != nil {
		return nil, fmt.Errorf("weights in tensor %d: %w", tensor, err)
	}
	return values, nil
}

// options gives an operator's options as the type that its code has.
func options[T any](op tflite.Operator) (T, error) {
	o, ok := op.Options.(T)
	if !ok {
		return o, fmt.Errorf("options are %T, not %T", op.Options, o)
	}
	return o, nil
}
