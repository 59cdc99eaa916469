package onnx

import (
	"encoding/binary"
	"math"
)

// Field numbers of the messages of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) that are written.
const (
	modelIRVersion   = 1
	modelProducer    = 2
	modelGraph       = 7
	modelOpsetImport = 8

	opsetDomain  = 1
	opsetVersion = 2

	graphNode        = 1
	graphName        = 2
	graphInitializer = 5
	graphInput       = 11
	graphOutput      = 12

	nodeInput     = 1
	nodeOutput    = 2
	nodeName      = 3
	nodeOpType    = 4
	nodeAttribute = 5

	attributeName   = 1
	attributeInt    = 3
	attributeString = 4
	attributeInts   = 8
	attributeType   = 20

	tensorDims     = 1
	tensorDataType = 2
	tensorName     = 8
	tensorRawData  = 9

	valueName = 1
	valueType = 2

	typeTensor = 1 // TypeProto.tensor_type

	tensorTypeElement = 1
	tensorTypeShape   = 2

	shapeDim       = 1
	dimensionValue = 1
	dimensionParam = 2
)

const (
	irVersion = 8  // of ONNX 1.12
	opset     = 17 // the newest of that version; Clip, Pad and Reshape take their limits as inputs since 11 to 13

	elementFloat = 1 // TensorProto.DataType
	elementInt64 = 7

	attributeTypeInt    = 2 // AttributeProto.AttributeType
	attributeTypeString = 3
	attributeTypeInts   = 7
)

// message is one protobuf message in wire format (https://protobuf.dev/programming-guides/encoding).
type message struct{ wire []byte }

const (
	wireVarint = 0
	wireBytes  = 2
)

func (m *message) tag(field, kind int) {
	m.wire = binary.AppendUvarint(m.wire, uint64(field)<<3|uint64(kind))
}

func (m *message) int(field, v int) {
	m.tag(field, wireVarint)
	m.wire = binary.AppendUvarint(m.wire, uint64(v))
}

func (m *message) text(field int, v string) {
	m.tag(field, wireBytes)
	m.wire = binary.AppendUvarint(m.wire, uint64(len(v)))
	m.wire = append(m.wire, v...)
}

// length opens a field of n bytes that the caller appends.
func (m *message) length(field, n int) {
	m.tag(field, wireBytes)
	m.wire = binary.AppendUvarint(m.wire, uint64(n))
}

func (m *message) message(field int, v message) {
	m.length(field, len(v.wire))
	m.wire = append(m.wire, v.wire...)
}

// encodeModel writes a ModelProto. Protobuf puts a message's length before it, so the small parts are made first and the
// weights, megabytes of them, are written once, straight to their place.
func encodeModel(g *graph) []byte {
	weights := usedWeights(g)
	var small message
	for _, n := range g.nodes {
		small.message(graphNode, encodeNode(n))
	}
	small.text(graphName, "blazepose")
	small.message(graphInput, encodeValue(g.input))
	for _, v := range g.outputs {
		small.message(graphOutput, encodeValue(v))
	}
	size := len(small.wire)
	for _, w := range weights {
		size += w.size()
	}

	var model message
	model.wire = make([]byte, 0, size+64)
	model.int(modelIRVersion, irVersion)
	model.text(modelProducer, "plumbline")
	model.length(modelGraph, size)
	model.wire = append(model.wire, small.wire...)
	for _, w := range weights {
		w.append(&model)
	}
	var imports message
	imports.text(opsetDomain, "")
	imports.int(opsetVersion, opset)
	model.message(modelOpsetImport, imports)
	return model.wire
}

func encodeNode(n *node) message {
	var m message
	for _, in := range n.inputs {
		m.text(nodeInput, in)
	}
	m.text(nodeOutput, n.output)
	m.text(nodeName, n.op+" "+n.output)
	m.text(nodeOpType, n.op)
	attributes := n.attributes
	if n.conv != nil {
		attributes = n.conv.attributes()
	}
	for _, a := range attributes {
		m.message(nodeAttribute, encodeAttribute(a))
	}
	return m
}

func encodeAttribute(a attribute) message {
	var m message
	m.text(attributeName, a.name)
	switch v := a.value.(type) {
	case int:
		m.int(attributeInt, v)
		m.int(attributeType, attributeTypeInt)
	case string:
		m.text(attributeString, v)
		m.int(attributeType, attributeTypeString)
	case []int:
		for _, x := range v {
			m.int(attributeInts, x)
		}
		m.int(attributeType, attributeTypeInts)
	}
	return m
}

// encodeValue writes a ValueInfoProto of a float tensor; a negative dimension gets the name "batch".
func encodeValue(v value) message {
	var shape message
	for _, size := range v.shape {
		var dim message
		if size < 0 {
			dim.text(dimensionParam, "batch")
		} else {
			dim.int(dimensionValue, size)
		}
		shape.message(shapeDim, dim)
	}
	var tensor, kind, info message
	tensor.int(tensorTypeElement, elementFloat)
	tensor.message(tensorTypeShape, shape)
	kind.message(typeTensor, tensor)
	info.text(valueName, v.name)
	info.message(valueType, kind)
	return info
}

// initializer is a weight about to be written: all of its TensorProto but the elements is made.
type initializer struct {
	weight weight
	header message
	raw    int // bytes of elements
}

// usedWeights gives the weights that nodes read, in the order of first use, so that equal graphs give equal files and what
// the passes replaced is left out.
func usedWeights(g *graph) []initializer {
	var used []initializer
	seen := map[string]bool{}
	for _, n := range g.nodes {
		for _, name := range n.inputs {
			w, ok := g.weights[name]
			if !ok || seen[name] {
				continue
			}
			seen[name] = true
			used = append(used, newInitializer(name, w))
		}
	}
	return used
}

func newInitializer(name string, w weight) initializer {
	element, raw := elementFloat, 4*len(w.floats)
	if w.ints != nil {
		element, raw = elementInt64, 8*len(w.ints)
	}
	i := initializer{weight: w, raw: raw}
	for _, size := range w.shape {
		i.header.int(tensorDims, size)
	}
	i.header.int(tensorDataType, element)
	i.header.text(tensorName, name)
	i.header.length(tensorRawData, raw)
	return i
}

// size is that of the whole field in its GraphProto.
func (i initializer) size() int {
	var field message
	field.length(graphInitializer, len(i.header.wire)+i.raw)
	return len(field.wire) + len(i.header.wire) + i.raw
}

func (i initializer) append(m *message) {
	m.length(graphInitializer, len(i.header.wire)+i.raw)
	m.wire = append(m.wire, i.header.wire...)
	for _, v := range i.weight.ints {
		m.wire = binary.LittleEndian.AppendUint64(m.wire, uint64(v))
	}
	at := len(m.wire)
	m.wire = m.wire[:at+4*len(i.weight.floats)] // encodeModel made room
	for k, v := range i.weight.floats {
		binary.LittleEndian.PutUint32(m.wire[at+4*k:], math.Float32bits(v))
	}
}
