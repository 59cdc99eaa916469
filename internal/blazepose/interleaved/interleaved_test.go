//go:build cgo

package interleaved_test

import (
	"math"
	"os"
	"strings"
	"testing"

	"plumbline/internal/blazepose/interleaved"
	"plumbline/internal/blazepose/tflite"
	"plumbline/internal/blazepose/tflite/tflitetest"
)

const none, relu6 = tflite.NoActivation, tflite.Relu6

func network(t testing.TB, m *tflite.Model, outputs []int) (*interleaved.Network, *interleaved.Session) {
	t.Helper()
	n, err := interleaved.New(m, outputs)
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
	return n, s
}

// first makes a picture of some channels: the input goes through a convolution first, as in the networks.
func first(b *tflitetest.Builder, height, width, channels int) int {
	return b.Convolve(b.Input(height, width, 3), channels, 1, 1, false, 0, none)
}

// layers are the kinds of layers, at sizes at which vectors, tiles and rows do not fit each other.
var layers = map[string]func(b *tflitetest.Builder) []int{
	"first": func(b *tflitetest.Builder) []int {
		return []int{b.Convolve(b.Input(34, 38, 3), 24, 3, 2, false, 0, relu6)}
	},
	"1x1": func(b *tflitetest.Builder) []int {
		return []int{b.Convolve(first(b, 7, 7, 5), 9, 1, 1, false, 0, none)}
	},
	"1x1, cut": func(b *tflitetest.Builder) []int {
		return []int{b.Convolve(first(b, 3, 51, 20), 70, 1, 1, false, 0, relu6)}
	},
	"1x1, many": func(b *tflitetest.Builder) []int {
		return []int{b.Convolve(first(b, 5, 9, 300), 150, 1, 1, false, 0, none)}
	},
	"1x1, narrow": func(b *tflitetest.Builder) []int {
		return []int{b.Convolve(first(b, 4, 4, 300), 88, 1, 1, false, 0, none)}
	},
	"1x1, narrow, odd": func(b *tflitetest.Builder) []int {
		return []int{b.Convolve(first(b, 5, 4, 30), 88, 1, 1, false, 0, none)}
	},
	"1x1, two wide": func(b *tflitetest.Builder) []int {
		return []int{b.Convolve(first(b, 2, 2, 288), 48, 1, 1, false, 0, relu6)}
	},
	"1x1, two wide odd": func(b *tflitetest.Builder) []int {
		return []int{b.Convolve(first(b, 3, 2, 17), 16, 1, 1, false, 0, relu6)}
	},
	"one number": func(b *tflitetest.Builder) []int { return []int{first(b, 1, 1, 1)} },
	"whole": func(b *tflitetest.Builder) []int {
		in := first(b, 2, 2, 304)
		return []int{b.Whole(in, 195), b.Logistic(b.Whole(in, 1))}
	},
	"depthwise 3": func(b *tflitetest.Builder) []int {
		return []int{b.Convolve(first(b, 9, 13, 3), 3, 3, 1, true, 0, none)}
	},
	"depthwise 5": func(b *tflitetest.Builder) []int {
		return []int{b.Convolve(first(b, 9, 13, 100), 100, 5, 1, true, 0, relu6)}
	},
	"depthwise 3, half": func(b *tflitetest.Builder) []int {
		return []int{b.Convolve(first(b, 10, 46, 70), 70, 3, 2, true, 0, relu6)}
	},
	"depthwise 5, half": func(b *tflitetest.Builder) []int {
		return []int{b.Convolve(first(b, 34, 14, 3), 3, 5, 2, true, 0, none)}
	},
	"depthwise, one": func(b *tflitetest.Builder) []int { return []int{b.Convolve(first(b, 1, 1, 2), 2, 5, 1, true, 0, none)} },
	"depthwise, two": func(b *tflitetest.Builder) []int {
		return []int{b.Convolve(first(b, 2, 2, 90), 90, 3, 1, true, 0, none)}
	},
	"halving, even": func(b *tflitetest.Builder) []int { return []int{b.Halve(first(b, 8, 8, 20))} },
	"halving, odd":  func(b *tflitetest.Builder) []int { return []int{b.Halve(first(b, 7, 7, 20))} },
	"pool":          func(b *tflitetest.Builder) []int { return []int{b.Pool(first(b, 6, 10, 20), 0)} },
	"pool, more": func(b *tflitetest.Builder) []int {
		in := first(b, 6, 10, 32)
		return []int{b.Pool(in, 20), b.Add(b.Pool(in, 16), b.Convolve(b.Halve(in), 48, 1, 1, false, 0, none), relu6)}
	},
	"enlarge":      func(b *tflitetest.Builder) []int { return []int{b.Enlarge(first(b, 7, 9, 20))} },
	"enlarge one":  func(b *tflitetest.Builder) []int { return []int{b.Enlarge(first(b, 1, 1, 3))} },
	"enlarge, add": func(b *tflitetest.Builder) []int { return []int{enlargeTwice(b, 16)} },
	"sum":          sum,
	// Large pictures are made some rows at a time; one is read by three layers, one is padded by one of its readers.
	"in turns": func(b *tflitetest.Builder) []int {
		in := b.Convolve(b.Input(70, 66, 3), 24, 3, 2, false, 0, relu6)
		thin := b.Convolve(b.Convolve(in, 24, 3, 1, true, 0, relu6), 16, 1, 1, false, 0, none)
		wide := b.Convolve(thin, 144, 1, 1, false, 0, relu6)
		side := b.Convolve(b.Convolve(thin, 16, 3, 1, true, 0, relu6), 40, 1, 1, false, 0, relu6)
		again := b.Add(b.Convolve(b.Convolve(b.Convolve(thin, 96, 1, 1, false, 0, relu6), 96, 5, 1, true, 0, relu6), 16, 1, 1, false, 0, none), thin, none)
		small := b.Convolve(b.Convolve(wide, 144, 5, 2, true, 0, relu6), 40, 1, 1, false, 0, none)
		return []int{side, again, small, b.Halve(b.Convolve(again, 20, 1, 1, false, 0, relu6))}
	},
}

// enlargeTwice lets two sums be added while pictures are enlarged.
func enlargeTwice(b *tflitetest.Builder, side int) int {
	in := first(b, side, side, 20)
	middle := b.Convolve(b.Enlarge(in), 20, 3, 1, true, 0, relu6)
	large := b.Convolve(b.Enlarge(middle), 20, 3, 1, true, 0, relu6)
	return b.Convolve(b.Add(b.Enlarge(b.Add(b.Enlarge(in), middle, none)), large, none), 39, 1, 1, false, 0, none)
}

// sum adds in every way: as a step, with the step before as the first operand and as the second, to itself, and one operand
// read by another layer too.
func sum(b *tflitetest.Builder) []int {
	in := first(b, 5, 7, 40)
	a := b.Convolve(in, 40, 1, 1, false, 0, none)
	c := b.Add(in, b.Convolve(a, 40, 1, 1, false, 0, none), relu6)
	d := b.Add(b.Convolve(c, 40, 1, 1, false, 0, none), a, relu6)
	e := b.Convolve(d, 40, 1, 1, false, 0, none)
	f := b.Add(e, c, none)
	return []int{f, e, b.Add(f, f, relu6), b.Add(in, d, none)}
}

// TestLayers compares each layer with float64: weights of 32 and of 16 bits, every instruction set that this processor has.
func TestLayers(t *testing.T) {
	for name, build := range layers {
		for kind, prepare := range map[string]func(*tflitetest.Builder){"floats": func(*tflitetest.Builder) {}, "halves": (*tflitetest.Builder).Halves} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				b := tflitetest.NewBuilder()
				b.Model.Outputs = build(b)
				prepare(b)
				check(t, b)
			})
		}
	}
}

// check runs a builder's model and compares all outputs.
func check(t *testing.T, b *tflitetest.Builder) {
	t.Helper()
	var outputs []int
	for i := range b.Model.Outputs {
		outputs = append(outputs, i)
	}
	n, s := network(t, &b.Model, outputs)
	for variant, number := range interleaved.Variants() {
		s.Use(number)
		copy(s.Input(), b.Planes(t))
		for range 2 { // the second run finds the first one's leavings
			if err := s.Run(); err != nil {
				t.Fatal(err)
			}
			for i, tensor := range b.Model.Outputs {
				compare(t, variant, tight(n, s, i), b.Values[tensor])
			}
		}
	}
}

// tight gives an output in TensorFlow Lite's order.
func tight(n *interleaved.Network, s *interleaved.Session, i int) []float32 {
	height, width, channels := n.Shape(i)
	channel, row, column := n.Layout(i)
	var values []float32
	for y := range height {
		for x := range width {
			for c := range channels {
				values = append(values, s.Output(i)[y*row+x*column+c*channel])
			}
		}
	}
	return values
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

func TestModelsThatAreRefused(t *testing.T) {
	last := func(b *tflitetest.Builder) *tflite.Operator { return &b.Model.Operators[len(b.Model.Operators)-1] }
	for name, build := range map[string]func(b *tflitetest.Builder) int{
		"four channels": func(b *tflitetest.Builder) int { return b.Convolve(b.Input(4, 4, 4), 4, 1, 1, false, 0, none) },
		"window of 7":   func(b *tflitetest.Builder) int { return b.Convolve(first(b, 8, 8, 4), 4, 7, 1, true, 0, none) },
		"window on channels that fill no vector": func(b *tflitetest.Builder) int {
			return b.Convolve(first(b, 8, 8, 20), 4, 3, 1, false, 0, none)
		},
		"another activation": func(b *tflitetest.Builder) int {
			return b.Convolve(first(b, 8, 8, 4), 4, 1, 1, false, 0, tflite.ReluN1To1)
		},
		"depth to space": func(b *tflitetest.Builder) int { return b.Spread(first(b, 8, 8, 4)) },
		"input read by two": func(b *tflitetest.Builder) int {
			in := b.Input(8, 8, 3)
			return b.Add(in, b.Convolve(in, 3, 1, 1, false, 0, none), none)
		},
		"dilation": func(b *tflitetest.Builder) int {
			out := b.Convolve(first(b, 8, 8, 4), 4, 3, 1, true, 0, none)
			c := last(b).Options.(tflite.DepthwiseConv2D)
			c.DilationH = 2
			last(b).Options = c
			return out
		},
		"lacking padding": func(b *tflitetest.Builder) int {
			in := first(b, 8, 8, 4)
			out := b.Convolve(in, 4, 3, 2, true, 0, none)
			last(b).Inputs[0] = in
			return out
		},
		"aligned corners": func(b *tflitetest.Builder) int {
			out := b.Enlarge(first(b, 8, 8, 4))
			last(b).Options = tflite.ResizeBilinear{AlignCorners: true}
			return out
		},
		"more channels than zeros": func(b *tflitetest.Builder) int { return b.Pool(first(b, 8, 8, 20), 10) },
		"pool of three": func(b *tflitetest.Builder) int {
			out := b.Pool(first(b, 8, 8, 16), 0)
			last(b).Options = tflite.Pool2D{StrideH: 2, StrideW: 2, FilterH: 3, FilterW: 3}
			return out
		},
		"too few weights": func(b *tflitetest.Builder) int {
			out := b.Convolve(first(b, 8, 8, 4), 4, 1, 1, false, 0, none)
			bias := &b.Model.Tensors[last(b).Inputs[2]]
			bias.Data, bias.Shape = bias.Data[:8], []int{2}
			return out
		},
		"sum of different shapes": func(b *tflitetest.Builder) int {
			in := first(b, 8, 8, 4)
			half, out := b.Halve(in), b.Tensor(b.Shape(in)...)
			b.Operator(tflite.AddOp, tflite.Add{}, out, in, half)
			return out
		},
		"a padded output": func(b *tflitetest.Builder) int { return b.Pad(first(b, 8, 8, 4), 1) },
	} {
		t.Run(name, func(t *testing.T) {
			b := tflitetest.NewBuilder()
			b.Model.Outputs = []int{build(b)}
			refused(t, &b.Model, []int{0})
		})
	}
	t.Run("detector", func(t *testing.T) { refused(t, model(t, "pose_solution_packed_assets.data"), []int{0}) })
	t.Run("empty", func(t *testing.T) { refused(t, &tflite.Model{}, nil) })
	t.Run("no such output", func(t *testing.T) { refused(t, model(t, "pose_landmark_lite.tflite"), []int{5}) })
}

func refused(t *testing.T, m *tflite.Model, outputs []int) {
	t.Helper()
	n, err := interleaved.New(m, outputs)
	if err == nil {
		_ = n.Close()
		t.Fatal("it is accepted")
	}
	if !strings.Contains(err.Error(), "this package does not run it") {
		t.Error(err)
	}
}

func model(t testing.TB, name string) *tflite.Model {
	t.Helper()
	file, err := os.ReadFile("../../../node_modules/@mediapipe/pose/" + name)
	if err != nil {
		t.Fatalf("these tests need MediaPipe's models; run `make deps`: %v", err)
	}
	m, err := tflite.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
