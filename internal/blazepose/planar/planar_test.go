//go:build cgo

package planar_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"plumbline/internal/blazepose/planar"
	"plumbline/internal/blazepose/tflite"
	"plumbline/internal/blazepose/tflite/tflitetest"
)

const pose = "../../../node_modules/@mediapipe/pose/"

func session(t testing.TB, m *tflite.Model) *planar.Session {
	t.Helper()
	n, err := planar.New(m)
	if err != nil {
		t.Fatal(err)
	}
	s, err := n.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestLayers compares each layer, at the sizes at which vectors and rows do not fit each other, with float64.
func TestLayers(t *testing.T) {
	const none, relu6 = tflite.NoActivation, tflite.Relu6
	for name, build := range map[string]func(b *tflitetest.Builder) []int{
		"1x1": func(b *tflitetest.Builder) []int {
			return []int{b.Convolve(b.Input(7, 7, 5), 9, 1, 1, false, 0.75, none)}
		},
		"1x1, cut": func(b *tflitetest.Builder) []int {
			return []int{b.Convolve(b.Input(3, 50, 20), 4, 1, 1, false, 0.5, relu6)}
		},
		"1x1, two runs": func(b *tflitetest.Builder) []int {
			return []int{b.Convolve(b.Input(5, 9, 300), 6, 1, 1, false, 0.75, relu6)}
		},
		"1x1, nothing but zeros": func(b *tflitetest.Builder) []int { return []int{b.Convolve(b.Input(5, 9, 3), 6, 1, 1, false, 1, none)} },
		"1x1 on one number":      func(b *tflitetest.Builder) []int { return []int{b.Convolve(b.Input(1, 1, 1), 1, 1, 1, false, 0, none)} },
		"first": func(b *tflitetest.Builder) []int {
			return []int{b.Convolve(b.Input(34, 38, 3), 8, 3, 2, false, 0, relu6)}
		},
		"depthwise 3": func(b *tflitetest.Builder) []int { return []int{b.Convolve(b.Input(9, 13, 3), 3, 3, 1, true, 0, none)} },
		"depthwise 5": func(b *tflitetest.Builder) []int {
			return []int{b.Convolve(b.Input(9, 13, 3), 3, 5, 1, true, 0, relu6)}
		},
		"depthwise 3, halving": func(b *tflitetest.Builder) []int {
			return []int{b.Convolve(b.Input(10, 46, 3), 3, 3, 2, true, 0, relu6)}
		},
		"depthwise 5, halving": func(b *tflitetest.Builder) []int {
			return []int{b.Convolve(b.Input(34, 14, 3), 3, 5, 2, true, 0, none)}
		},
		"depthwise 5, seven rows": func(b *tflitetest.Builder) []int {
			return []int{b.Convolve(b.Input(7, 7, 3), 3, 5, 1, true, 0, relu6)}
		},
		"depthwise 5, halving to seven": func(b *tflitetest.Builder) []int {
			return []int{b.Convolve(b.Input(14, 14, 3), 3, 5, 2, true, 0, relu6)}
		},
		"depthwise 3, wide": func(b *tflitetest.Builder) []int {
			in := b.Input(8, 256, 3)
			return []int{b.Convolve(in, 3, 3, 1, true, 0, none), b.Convolve(in, 3, 3, 2, true, 0, none)}
		},
		"depthwise on one cell": func(b *tflitetest.Builder) []int { return []int{b.Convolve(b.Input(1, 1, 2), 2, 5, 1, true, 0, none)} },
		"enlarge":               func(b *tflitetest.Builder) []int { return []int{b.Enlarge(b.Input(7, 9, 3))} },
		"enlarge one cell":      func(b *tflitetest.Builder) []int { return []int{b.Enlarge(b.Input(1, 1, 3))} },
		"spread":                func(b *tflitetest.Builder) []int { return []int{b.Spread(b.Input(3, 5, 8))} },
		"sum": func(b *tflitetest.Builder) []int {
			in := b.Input(5, 7, 4)
			return []int{b.Add(in, b.Convolve(in, 4, 1, 1, false, 0.5, none), relu6)}
		},
		// What a convolution makes for a sum only is added to on the way; here another reads it too, or it was cut already.
		"sums of what others read": func(b *tflitetest.Builder) []int {
			in := b.Input(5, 7, 4)
			read, own := b.Convolve(in, 4, 1, 1, false, 0.5, none), b.Convolve(in, 4, 1, 1, false, 0.5, relu6)
			twice := b.Convolve(own, 4, 1, 1, false, 0.5, none)
			return []int{b.Add(read, in, relu6), read, b.Add(own, in, none), b.Add(twice, twice, relu6)}
		},
		// A large tensor is made some channels at a time where only a depthwise convolution reads it.
		"part by part": func(b *tflitetest.Builder) []int {
			wide := b.Convolve(b.Input(57, 60, 6), 70, 1, 1, false, 0.6, relu6)
			deep := b.Convolve(wide, 70, 3, 1, true, 0, relu6)
			read := b.Convolve(deep, 40, 1, 1, false, 0.6, none)
			return []int{b.Convolve(read, 40, 5, 1, true, 0, none), b.Convolve(read, 2, 1, 1, false, 0.5, none)}
		},
		// The borders of what a layer before wrote are dirty, and the tensor is read by three layers.
		"one after the other": func(b *tflitetest.Builder) []int {
			wide := b.Convolve(b.Input(12, 20, 6), 24, 1, 1, false, 0.6, none)
			deep := b.Convolve(wide, 24, 5, 1, true, 0, relu6)
			small := b.Convolve(deep, 24, 3, 2, true, 0, none)
			same := b.Add(deep, wide, none)
			again := b.Convolve(same, 24, 3, 1, true, 0, relu6)
			return []int{b.Convolve(again, 8, 1, 1, false, 0.7, none), b.Enlarge(small), b.Spread(small)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := tflitetest.NewBuilder()
			want := b.Output(build(b)...)
			s := session(t, &b.Model)
			for variant, number := range planar.Variants() {
				s.Use(number)
				copy(s.Input(), b.Planes(t))
				for range 2 { // the second run finds the first one's leavings
					if err := s.Run(); err != nil {
						t.Fatal(err)
					}
					compare(t, variant, s.Output(0), want)
				}
			}
		})
	}
}

func compare(t *testing.T, variant string, got []float32, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", variant, len(got), len(want))
	}
	for i := range want {
		if !(math.Abs(float64(got[i])-want[i]) < 1e-4*(1+math.Abs(want[i]))) {
			t.Fatalf("%s: number %d is %v, want %v", variant, i, got[i], want[i])
		}
	}
}

func detector(t testing.TB) *tflite.Model { return model(t, "pose_solution_packed_assets.data") }

func model(t testing.TB, name string) *tflite.Model {
	t.Helper()
	file, err := os.ReadFile(pose + name)
	if err != nil {
		t.Fatalf("these tests need MediaPipe's models; run `make deps`: %v", err)
	}
	m, err := tflite.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestDetectorToTheBit: every processor gives the same numbers. The sum was taken when they were those of MediaPipe's wheel on
// 50 photographs, to the bit (docs/parity.md).
func TestDetectorToTheBit(t *testing.T) {
	s := session(t, detector(t))
	random := rand.New(rand.NewPCG(3, 4))
	for i := range s.Input() {
		s.Input()[i] = random.Float32()*2 - 1
	}
	for name, number := range planar.Variants() {
		s.Use(number)
		if err := s.Run(); err != nil {
			t.Fatal(err)
		}
		if n := len(s.Output(0)) + len(s.Output(1)); n != 2254*13 {
			t.Fatalf("%d numbers", n)
		}
		sum := sha256.New()
		for i := range 2 {
			if err := binary.Write(sum, binary.LittleEndian, s.Output(i)); err != nil {
				t.Fatal(err)
			}
		}
		const want = "0b10ff485d7474e4fb76b13bcceeaa76fd91528c68e594a773b64ad2bd9f63d7"
		if got := hex.EncodeToString(sum.Sum(nil)); got != want {
			t.Errorf("%s: the outputs' check sum is %s, want %s", name, got, want)
		}
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	s := session(t, detector(t))
	if n := testing.AllocsPerRun(3, func() { _ = s.Run() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSessionsShareANetwork(t *testing.T) {
	n, err := planar.New(detector(t))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	a, err := n.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := n.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for i := range a.Input() {
		a.Input()[i] = 1
	}
	if a.Run() != nil || b.Run() != nil {
		t.Fatal("they do not run")
	}
	if a.Output(0)[0] == b.Output(0)[0] {
		t.Error("white and black give the same")
	}
}

func TestModelsThatAreRefused(t *testing.T) {
	one := func(change func(b *tflitetest.Builder, in int) int) *tflite.Model {
		b := tflitetest.NewBuilder()
		out := change(b, b.Input(8, 8, 4))
		b.Values[out] = make([]float64, b.Model.Tensors[out].Elements())
		b.Output(out)
		return &b.Model
	}
	last := func(b *tflitetest.Builder) *tflite.Operator { return &b.Model.Operators[len(b.Model.Operators)-1] }
	for name, m := range map[string]*tflite.Model{
		"landmark model": model(t, "pose_landmark_lite.tflite"),
		"empty":          {},
		"max pool": one(func(b *tflitetest.Builder, in int) int {
			out := b.Tensor(1, 4, 4, 4)
			b.Operator(tflite.MaxPool2DOp, tflite.Pool2D{}, out, in)
			return out
		}),
		"a very wide picture": func() *tflite.Model {
			b := tflitetest.NewBuilder()
			out := b.Convolve(b.Input(2, 258, 3), 3, 3, 1, true, 0, tflite.NoActivation)
			b.Output(out)
			return &b.Model
		}(),
		"3x3 on four channels": one(func(b *tflitetest.Builder, in int) int { return b.Convolve(in, 4, 3, 2, false, 0, tflite.NoActivation) }),
		"window of 7":          one(func(b *tflitetest.Builder, in int) int { return b.Convolve(in, 4, 7, 1, true, 0, tflite.NoActivation) }),
		"another activation":   one(func(b *tflitetest.Builder, in int) int { return b.Convolve(in, 4, 1, 1, false, 0, tflite.ReluN1To1) }),
		"dilation": one(func(b *tflitetest.Builder, in int) int {
			out := b.Convolve(in, 4, 3, 1, true, 0, tflite.NoActivation)
			c := last(b).Options.(tflite.DepthwiseConv2D)
			c.DilationH = 2
			last(b).Options = c
			return out
		}),
		"asymmetric padding": one(func(b *tflitetest.Builder, in int) int {
			out := b.Convolve(in, 4, 3, 2, true, 0, tflite.NoActivation)
			last(b).Inputs[0] = in
			return out
		}),
		"aligned corners": one(func(b *tflitetest.Builder, in int) int {
			out := b.Enlarge(in)
			last(b).Options = tflite.ResizeBilinear{AlignCorners: true}
			return out
		}),
		"too few weights": one(func(b *tflitetest.Builder, in int) int {
			out := b.Convolve(in, 4, 1, 1, false, 0, tflite.NoActivation)
			t := &b.Model.Tensors[last(b).Inputs[2]]
			t.Data, t.Shape = t.Data[:8], []int{2}
			return out
		}),
		"sum of different shapes": one(func(b *tflitetest.Builder, in int) int {
			half := b.Convolve(in, 4, 3, 2, true, 0, tflite.NoActivation)
			out := b.Tensor(b.Shape(in)...)
			b.Operator(tflite.AddOp, tflite.Add{}, out, in, half)
			return out
		}),
	} {
		t.Run(name, func(t *testing.T) {
			n, err := planar.New(m)
			if err == nil {
				n.Close()
				t.Fatal("it is accepted")
			}
			if !strings.Contains(err.Error(), "this package does not run it") {
				t.Error(err)
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	file, err := os.ReadFile(pose + "pose_solution_packed_assets.data")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m, err := tflite.Parse(file)
		if err != nil {
			b.Fatal(err)
		}
		n, err := planar.New(m)
		if err != nil {
			b.Fatal(err)
		}
		_ = n.Close()
	}
}

func BenchmarkDetector(b *testing.B) {
	s := session(b, detector(b))
	for name, number := range planar.Variants() {
		b.Run(name, func(b *testing.B) {
			s.Use(number)
			for b.Loop() {
				_ = s.Run()
			}
		})
	}
}
