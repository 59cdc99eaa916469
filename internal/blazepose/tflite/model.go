package tflite

import (
	"errors"
	"fmt"
)

// Model is the graph of one file. Tensors are named by their index.
type Model struct {
	Version     int
	Description string
	Tensors     []Tensor
	Operators   []Operator // in execution order
	Inputs      []int
	Outputs     []int
}

// Tensor is a value of the graph: an activation, or a constant when Data is not nil.
type Tensor struct {
	Name  string
	Shape []int // images are batch, height, width, channels (NHWC)
	Type  Type
	// Data holds the constant's elements, row-major and little-endian; for a sparse tensor the stored elements only. It
	// shares memory with the file that was parsed.
	Data     []byte
	Sparsity *Sparsity // nil for a dense tensor
}

// Operator is one step of the graph. Options has the type that belongs to the code (Conv2D, DepthwiseConv2D, Pool2D, Add,
// Concatenation, ResizeBilinear, DepthToSpace), and is nil for operators without options or unknown to this package.
type Operator struct {
	Code    Code
	Custom  string // the name of a custom operator
	Inputs  []int  // -1 stands for an optional input left out
	Outputs []int
	Options any
}

// Name is the schema's name of the operator; of a custom one its own.
func (o Operator) Name() string {
	if o.Custom != "" {
		return "CUSTOM " + o.Custom
	}
	return o.Code.String()
}

// Limits far above what any pose network has. They keep a damaged file from asking for unreasonable memory.
const (
	maxElements = 1 << 24
	maxRank     = 8
	maxOperands = 1 << 10
	maxName     = 256
)

// Parse reads a .tflite file. The model keeps references into file, which must not be changed afterwards.
func Parse(file []byte) (*Model, error) {
	if len(file) < 8 || string(file[4:8]) != "TFL3" {
		return nil, errors.New("not a TensorFlow Lite model: the identifier TFL3 is missing")
	}
	r := &reader{file: file}
	m, err := readModel(table{r, r.uint32(0)})
	if r.err != nil {
		err = r.err
	}
	if err != nil {
		return nil, fmt.Errorf("reading TensorFlow Lite model: %w", err)
	}
	if err := m.validate(); err != nil {
		return nil, fmt.Errorf("checking TensorFlow Lite model: %w", err)
	}
	return m, nil
}

func readModel(root table) (*Model, error) {
	subgraphs := root.tables(modelSubgraphs)
	if root.r.err == nil && len(subgraphs) != 1 {
		return nil, fmt.Errorf("%d subgraphs; only models with one are supported", len(subgraphs))
	}
	if root.r.err != nil {
		return nil, root.r.err
	}
	graph := subgraphs[0]
	m := &Model{
		Version:     root.intField(modelVersion, 0),
		Description: root.text(modelDescription, maxName),
		Inputs:      graph.ints(subgraphInputs, maxOperands),
		Outputs:     graph.ints(subgraphOutputs, maxOperands),
	}
	buffers := root.tables(modelBuffers)
	for _, t := range graph.tables(subgraphTensors) {
		m.Tensors = append(m.Tensors, readTensor(t, buffers))
	}
	codes := root.tables(modelOperatorCodes)
	for _, t := range graph.tables(subgraphOperators) {
		m.Operators = append(m.Operators, readOperator(t, codes))
	}
	return m, nil
}

func readTensor(t table, buffers []table) Tensor {
	tensor := Tensor{
		Name:     t.text(tensorName, maxName),
		Shape:    t.ints(tensorShape, maxRank),
		Type:     Type(t.byteField(tensorType, 0)),
		Sparsity: readSparsity(t.tableField(tensorSparsity)),
	}
	buffer := t.intField(tensorBuffer, 0)
	if buffer < 0 || buffer >= len(buffers) {
		t.r.fail("tensor %q: there is no buffer %d", tensor.Name, buffer)
		return tensor
	}
	if data, n := buffers[buffer].vector(bufferData, 1); n > 0 {
		tensor.Data = data
	}
	return tensor
}

func readOperator(t table, codes []table) Operator {
	index := t.intField(operatorOpcodeIndex, 0)
	if index < 0 || index >= len(codes) {
		t.r.fail("there is no operator code %d", index)
		return Operator{}
	}
	code := codes[index]
	op := Operator{
		Code:    Code(max(code.byteField(operatorCodeByte, 0), code.intField(operatorCodeBuiltin, 0))),
		Custom:  code.text(operatorCodeCustom, maxName),
		Inputs:  t.ints(operatorInputs, maxOperands),
		Outputs: t.ints(operatorOutputs, maxOperands),
	}
	op.Options = readOptions(op.Code, t.tableField(operatorOptions))
	return op
}
