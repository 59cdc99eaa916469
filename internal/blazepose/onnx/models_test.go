package onnx_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"plumbline/internal/blazepose/onnx"
	"plumbline/internal/blazepose/tflite"
)

const goarch = runtime.GOARCH

// shipped are the four networks with the outputs that the pose estimator uses.
var shipped = map[string]struct {
	file    string
	outputs []int
	side    int // of the square input image
}{
	"detection": {"pose_solution_packed_assets.data", []int{0, 1}, 224}, // this file holds the detector and nothing else
	"lite":      {"pose_landmark_lite.tflite", []int{0, 1, 3}, 256},
	"full":      {"pose_landmark_full.tflite", []int{0, 1, 3}, 256},
	"heavy":     {"pose_landmark_heavy.tflite", []int{0, 1, 3}, 256},
}

func readModel(t testing.TB, name string) *tflite.Model {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(modules, "@mediapipe/pose", shipped[name].file))
	if err != nil {
		t.Fatalf("these tests need MediaPipe's models; run `make deps`: %v", err)
	}
	m, err := tflite.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// noise is an input in 0..1, the same for every run.
func noise(n int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]float32, n)
	for i := range values {
		values[i] = r.Float32()
	}
	return values
}

func TestRewritesKeepTheNetworksResults(t *testing.T) {
	for name, s := range shipped {
		t.Run(name, func(t *testing.T) {
			m := readModel(t, name)
			input := noise(3 * s.side * s.side)
			want := run(t, convert(t, m, onnx.Options{Outputs: s.outputs, Literal: true}), input)
			got := run(t, convert(t, m, onnx.Options{Outputs: s.outputs}), input)
			for i := range want {
				if d := distance(got[i], want[i]); !(d < 1e-4) {
					t.Errorf("output %d: largest difference %g of the largest value", i, d)
				}
			}
		})
	}
}

// TestNetworksComputeWhatTensorFlowLiteDoes compares with numbers that Google's interpreter gave (testdata/golden.py).
func TestNetworksComputeWhatTensorFlowLiteDoes(t *testing.T) {
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string][][]float32
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	for name, s := range shipped {
		t.Run(name, func(t *testing.T) {
			outputs := run(t, convert(t, readModel(t, name), onnx.Options{Outputs: s.outputs}), picture(s.side))
			if len(golden[name]) != len(outputs) {
				t.Fatalf("%d golden outputs for %d", len(golden[name]), len(outputs))
			}
			for i, want := range golden[name] {
				if d := distance(sample(outputs[i]), want); !(d < 1e-4) {
					t.Errorf("output %d: largest difference %g of the largest value", i, d)
				}
			}
		})
	}
}

// picture and sample are those of golden.py; picture is NCHW.
func picture(side int) []float32 {
	values := make([]float32, 0, 3*side*side)
	for c := range 3 {
		for y := range side {
			for x := range side {
				values = append(values, float32((7*x+13*y+29*c+x*y)%256)/255)
			}
		}
	}
	return values
}

func sample(values []float32) []float32 {
	if len(values) <= 1000 {
		return values
	}
	var kept []float32
	for i := 0; i < len(values); i += 499 {
		kept = append(kept, values[i])
	}
	return kept
}

func TestTheNetworksAreLeftWithWhatRunsWell(t *testing.T) {
	for name, s := range shipped {
		t.Run(name, func(t *testing.T) {
			ops, err := onnx.Operators(readModel(t, name), onnx.Options{Outputs: s.outputs})
			if err != nil {
				t.Fatal(err)
			}
			channelPads := map[string]int{"heavy": 3}[name] // before sums; no convolution can take them
			for i, op := range ops {
				if op == "Pad" && channelPads > 0 {
					channelPads--
					continue
				}
				if op == "Pad" || op == "DepthToSpace" || op == "Clip" && ops[i-1] != "Conv" {
					t.Errorf("operator %d is %s after %s", i, op, ops[max(i-1, 0)])
				}
			}
		})
	}
}

func TestAnyBatchComputesEachImageAsAlone(t *testing.T) {
	m := readModel(t, "lite")
	outputs := shipped["lite"].outputs
	input := picture(256)
	alone := run(t, convert(t, m, onnx.Options{Outputs: outputs}), input)
	both := run(t, convert(t, m, onnx.Options{Outputs: outputs, Batch: onnx.AnyBatch}), append(noise(len(input)), input...))
	for i := range alone {
		if d := distance(both[i][len(alone[i]):], alone[i]); !(d < 1e-4) {
			t.Errorf("output %d of the second image: largest difference %g of the largest value", i, d)
		}
	}
}

func TestConvertingTwiceGivesTheSameBytes(t *testing.T) {
	m := readModel(t, "detection")
	if !bytes.Equal(convert(t, m, onnx.Options{}), convert(t, m, onnx.Options{})) {
		t.Error("two conversions of one model differ")
	}
}

// distance is the largest difference relative to the largest wanted magnitude (at least 1).
func distance(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	largest, d := 1.0, 0.0
	for i := range want {
		largest = max(largest, math.Abs(float64(want[i])))
		d = max(d, math.Abs(float64(got[i])-float64(want[i])))
		if math.IsNaN(float64(got[i])) != math.IsNaN(float64(want[i])) {
			return math.Inf(1)
		}
	}
	return d / largest
}

func BenchmarkConvert(b *testing.B) {
	for name, s := range shipped {
		b.Run(name, func(b *testing.B) {
			m := readModel(b, name)
			for b.Loop() {
				convert(b, m, onnx.Options{Outputs: s.outputs})
			}
		})
	}
}

func BenchmarkRun(b *testing.B) {
	for name, s := range shipped {
		for kind, literal := range map[string]bool{"literal": true, "rewritten": false} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				session := newSession(b, convert(b, readModel(b, name), onnx.Options{Outputs: s.outputs, Literal: literal}))
				defer session.Destroy()
				input := noise(3 * s.side * s.side)
				for b.Loop() {
					session.run(b, input)
				}
			})
		}
	}
}
