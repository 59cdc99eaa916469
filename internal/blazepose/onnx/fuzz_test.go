package onnx_test

import (
	"testing"

	"plumbline/internal/blazepose/onnx"
	"plumbline/internal/blazepose/tflite"
	"plumbline/internal/blazepose/tflite/tflitetest"
)

// FuzzConvert: a model that tflite.Parse accepts, however odd, is converted or refused; the rewrites refuse nothing.
func FuzzConvert(f *testing.F) {
	for _, build := range oneOperator {
		f.Add(tflitetest.Encode(build()))
	}
	for _, c := range rewritten {
		f.Add(tflitetest.Encode(c.build()))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		m, err := tflite.Parse(file)
		if err != nil {
			return
		}
		_, literal := onnx.Convert(m, onnx.Options{Literal: true})
		_, rewritten := onnx.Convert(m, onnx.Options{Batch: onnx.AnyBatch})
		if (literal == nil) != (rewritten == nil) {
			t.Fatalf("literal: %v; rewritten: %v", literal, rewritten)
		}
	})
}
