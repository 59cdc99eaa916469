//go:build cgo

package interleaved_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"plumbline/internal/blazepose/interleaved"
)

// wanted are the outputs that the program uses: landmarks, flag, heat maps.
var wanted = []int{0, 1, 3}

// sums are check sums of what the landmark networks make of one noisy picture, taken when their landmarks were those of
// MediaPipe's wheel on 49 to 50 photographs (docs/parity.md).
var sums = map[string]string{
	"lite":  "d6345707ef3569a16de23c34fc881b82bb62ad0bae12e5f4c9a8e1f3707548fc",
	"full":  "e5d31ed20f81e9df166198c88e247d9402e1a580dfcd1afb71e8b28aec5c5721",
	"heavy": "435979aeb2fd4faab7b1330577d27cad8be912c89078383f2d8986baddd40e71",
}

// TestNetworksToTheBit: every processor gives the same numbers.
func TestNetworksToTheBit(t *testing.T) {
	for name, want := range sums {
		t.Run(name, func(t *testing.T) {
			n, s := network(t, model(t, "pose_landmark_"+name+".tflite"), wanted)
			random := rand.New(rand.NewPCG(3, 4))
			for i := range s.Input() {
				s.Input()[i] = random.Float32()
			}
			for variant, number := range interleaved.Variants() {
				s.Use(number)
				if err := s.Run(); err != nil {
					t.Fatal(err)
				}
				if got := checksum(t, n, s); got != want {
					t.Errorf("%s: the outputs' check sum is %s, want %s", variant, got, want)
				}
			}
		})
	}
}

func checksum(t *testing.T, n *interleaved.Network, s *interleaved.Session) string {
	t.Helper()
	sum := sha256.New()
	for i := range wanted {
		if err := binary.Write(sum, binary.LittleEndian, tight(n, s, i)); err != nil {
			t.Fatal(err)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func TestRunAllocatesNothing(t *testing.T) {
	_, s := network(t, model(t, "pose_landmark_lite.tflite"), wanted)
	if n := testing.AllocsPerRun(3, func() { _ = s.Run() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSessionsShareANetwork(t *testing.T) {
	n, a := network(t, model(t, "pose_landmark_lite.tflite"), wanted)
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

func BenchmarkNew(b *testing.B) {
	m := model(b, "pose_landmark_full.tflite")
	for b.Loop() {
		n, err := interleaved.New(m, wanted)
		if err != nil {
			b.Fatal(err)
		}
		_ = n.Close()
	}
}

func BenchmarkNetworks(b *testing.B) {
	for name := range sums {
		_, s := network(b, model(b, "pose_landmark_"+name+".tflite"), wanted)
		for variant, number := range interleaved.Variants() {
			b.Run(name+"/"+variant, func(b *testing.B) {
				s.Use(number)
				for b.Loop() {
					_ = s.Run()
				}
			})
		}
	}
}
