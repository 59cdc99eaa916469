package tflite_test

import (
	"testing"

	"plumbline/internal/blazepose/tflite"
	"plumbline/internal/blazepose/tflite/tflitetest"
)

// FuzzParse: whatever the bytes, Parse gives an error or a model that keeps its promises: indices in range, and constants
// that are refused or have as many elements as their shape says.
func FuzzParse(f *testing.F) {
	f.Add(tflitetest.Encode(everything()))
	f.Add([]byte("\x08\x00\x00\x00TFL3"))
	f.Fuzz(func(t *testing.T, file []byte) {
		m, err := tflite.Parse(file)
		if err != nil {
			return
		}
		for _, op := range m.Operators {
			for _, i := range append(append([]int(nil), op.Inputs...), op.Outputs...) {
				if i < -1 || i >= len(m.Tensors) {
					t.Fatalf("%s names tensor %d of %d", op.Name(), i, len(m.Tensors))
				}
			}
		}
		for _, tensor := range m.Tensors {
			if tensor.Elements() > 1<<16 {
				continue // a large shape costs the fuzzer time and finds nothing
			}
			values, err := tensor.Float32s()
			if err == nil && len(values) != tensor.Elements() {
				t.Fatalf("%d elements for shape %v", len(values), tensor.Shape)
			}
		}
	})
}
