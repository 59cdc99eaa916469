package onnx_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"plumbline/internal/blazepose/onnx"
	"plumbline/internal/blazepose/tflite"

	ort "github.com/yalue/onnxruntime_go"
)

const modules = "../../../node_modules"

var startRuntime = sync.OnceValue(func() error {
	library := filepath.Join(modules, "onnxruntime-node/bin/napi-v6/linux", map[string]string{"amd64": "x64", "arm64": "arm64"}[goarch], "libonnxruntime.so.1")
	if _, err := os.Stat(library); err != nil {
		return err
	}
	ort.SetSharedLibraryPath(library)
	return ort.InitializeEnvironment()
})

// run executes a converted model on one thread; input and outputs are in ONNX's order.
func run(t testing.TB, model []byte, input []float32) [][]float32 {
	t.Helper()
	s := newSession(t, model)
	defer s.Destroy()
	return s.run(t, input)
}

// session is a converted model ready to run.
type session struct {
	*ort.DynamicAdvancedSession
	inputShape ort.Shape
	outputs    int
}

func newSession(t testing.TB, model []byte) session {
	t.Helper()
	if err := startRuntime(); err != nil {
		t.Fatalf("these tests need ONNX Runtime's library; run `make deps`: %v", err)
	}
	inputs, outputs, err := ort.GetInputOutputInfoWithONNXData(model)
	if err != nil {
		t.Fatalf("ONNX Runtime refuses the converted model: %v", err)
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		t.Fatal(err)
	}
	defer options.Destroy()
	if err := options.SetIntraOpNumThreads(1); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range outputs {
		names = append(names, o.Name)
	}
	s, err := ort.NewDynamicAdvancedSessionWithONNXData(model, []string{"input"}, names, options)
	if err != nil {
		t.Fatalf("opening the converted model: %v", err)
	}
	return session{s, inputs[0].Dimensions, len(outputs)}
}

func (s session) run(t testing.TB, input []float32) [][]float32 {
	t.Helper()
	shape := s.inputShape.Clone()
	if shape[0] < 0 { // any batch: as many images as were given
		shape[0] = int64(len(input)) / (shape[1] * shape[2] * shape[3])
	}
	in, err := ort.NewTensor(shape, input)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Destroy()
	values := make([]ort.Value, s.outputs)
	if err := s.Run([]ort.Value{in}, values); err != nil {
		t.Fatalf("running the converted model: %v", err)
	}
	var outputs [][]float32
	for _, v := range values {
		outputs = append(outputs, append([]float32(nil), v.(*ort.Tensor[float32]).GetData()...))
		v.Destroy()
	}
	return outputs
}

func convert(t testing.TB, m *tflite.Model, o onnx.Options) []byte {
	t.Helper()
	b, err := onnx.Convert(m, o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
