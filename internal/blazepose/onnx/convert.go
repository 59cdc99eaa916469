package onnx

import (
	"fmt"

	"plumbline/internal/blazepose/tflite"
)

// Options choose what of a model is converted.
type Options struct {
	// Outputs are the indices of the model's outputs to keep, in the order they shall have; nil keeps all. What only serves
	// other outputs is left out.
	Outputs []int
	// Batch is the number of images of one run: 0 means 1, AnyBatch leaves it to each run.
	Batch int
	// Literal leaves the rewrites out: one ONNX operator (with its activation) for each of TFLite's. Slower; it is the
	// reference that the rewrites are tested against.
	Literal bool
}

// AnyBatch as Options.Batch makes the first dimension of inputs and outputs symbolic.
const AnyBatch = -1

// Convert gives the model as a serialized ONNX ModelProto with the input "input" and the outputs "output_0", "output_1" …
// Tensors of four dimensions are NCHW, others keep TFLite's order. The same model and options give the same bytes.
func Convert(m *tflite.Model, o Options) ([]byte, error) {
	g, err := translate(m, o)
	if err != nil {
		return nil, fmt.Errorf("converting to ONNX: %w", err)
	}
	if !o.Literal {
		for _, pass := range passes {
			pass(g)
		}
	}
	return encodeModel(g), nil
}
