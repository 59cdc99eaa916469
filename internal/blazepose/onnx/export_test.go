package onnx

import "plumbline/internal/blazepose/tflite"

// Operators lists the ONNX operators of a converted model in execution order, for the tests of the rewrites.
func Operators(m *tflite.Model, o Options) ([]string, error) {
	g, err := translate(m, o)
	if err != nil {
		return nil, err
	}
	for _, pass := range passes {
		pass(g)
	}
	var ops []string
	for _, n := range g.nodes {
		ops = append(ops, n.op)
	}
	return ops, nil
}
