//go:build cgo

package blazepose_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/blazepose"
	"plumbline/internal/blazepose/blazetest"
	"plumbline/internal/posture"
)

func TestOpenRefuses(t *testing.T) {
	good, err := blazetest.Options("lite")
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func(*blazepose.Options){
		"model":          func(o *blazepose.Options) { o.Model = "huge" },
		"device":         func(o *blazepose.Options) { o.Device = "gpu" },
		"detection file": func(o *blazepose.Options) { o.Detection = "missing" },
		"landmark file":  func(o *blazepose.Options) { o.Landmark = "missing" },
		"damaged model":  func(o *blazepose.Options) { o.Landmark = "doc.go" },
		"other model":    func(o *blazepose.Options) { o.Landmark = o.Detection },
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			damage(&o)
			r, err := blazepose.Open(o)
			if err == nil {
				_, err = r.NewEstimator()
			}
			if err == nil {
				t.Error("it is accepted")
			}
		})
	}
}

// TestAnyFrame: frames of any size give an answer, without a panic.
func TestAnyFrame(t *testing.T) {
	e := blazetest.Estimator(t, blazetest.Open(t, "lite"))
	for _, size := range [][2]int{{1, 1}, {2, 1}, {1, 2}, {3, 3}, {1, 5000}, {5000, 1}, {224, 224}, {9000, 60}, {8000, 6250}, {50_000_000, 1}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			f := &posture.Frame{Width: size[0], Height: size[1], Pix: make([]byte, size[0]*size[1]*3)}
			for i := range f.Pix {
				f.Pix[i] = byte(i * 2654435761 >> 13)
			}
			if _, err := e.Estimate(f, 2); err != nil {
				t.Error(err)
			}
			for _, r := range []posture.Region{
				{CenterX: float32(size[0]), CenterY: 0, Side: 1, Rotation: 1},
				{CenterX: -1e9, CenterY: 1e9, Side: 1e20, Rotation: -1e6},
			} {
				if _, err := e.EstimateIn(f, r); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestFramesThatAreNone(t *testing.T) {
	e := blazetest.Estimator(t, blazetest.Open(t, "lite"))
	for name, f := range map[string]*posture.Frame{
		"nil":              nil,
		"empty":            {},
		"no width":         {Height: 5, Pix: make([]byte, 100)},
		"negative":         {Width: -3, Height: -3, Pix: make([]byte, 27)},
		"too few pixels":   {Width: 10, Height: 10, Pix: make([]byte, 299)},
		"overflowing":      {Width: math.MaxInt/3 + 1, Height: 4, Pix: make([]byte, 12)},
		"also overflowing": {Width: 4, Height: math.MaxInt/12 + 1, Pix: make([]byte, 12)},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := e.Estimate(f, 1); err == nil {
				t.Error("Estimate takes it")
			}
			if _, err := e.EstimateIn(f, posture.Region{Side: 1}); err == nil {
				t.Error("EstimateIn takes it")
			}
		})
	}
	f := &posture.Frame{Width: 2, Height: 2, Pix: make([]byte, 12)}
	for _, side := range []float32{0, -1, float32(math.NaN()), float32(math.Inf(1))} {
		if _, err := e.EstimateIn(f, posture.Region{Side: side}); err == nil {
			t.Errorf("a region with the side %v is taken", side)
		}
	}
}

func TestNobody(t *testing.T) {
	e := blazetest.Estimator(t, blazetest.Open(t, "lite"))
	f := &posture.Frame{Width: 320, Height: 240, Pix: make([]byte, 320*240*3)}
	poses, err := e.Estimate(f, 3)
	if poses != nil || err != nil {
		t.Errorf("a black picture gives %v, %v", poses, err)
	}
	if _, found, err := e.Detect(f); found || err != nil {
		t.Errorf("detected %t, %v", found, err)
	}
	if e.Timings().Detection <= 0 || e.Timings().Crop <= 0 || e.Timings().Landmarks != 0 {
		t.Errorf("timings %+v", e.Timings())
	}
	if allocations := testing.AllocsPerRun(20, func() { _, _ = e.Estimate(f, 1) }); allocations != 0 {
		t.Errorf("a picture without a person allocates %v times", allocations)
	}
}

// TestCachedNetworksGiveTheSame: what is mapped from the cache computes what the fresh conversion does.
func TestCachedNetworksGiveTheSame(t *testing.T) {
	o, err := blazetest.Options("lite")
	if err != nil {
		t.Fatal(err)
	}
	f := &posture.Frame{Width: 256, Height: 256, Pix: make([]byte, 256*256*3)}
	for i := range f.Pix {
		f.Pix[i] = byte(i * 2654435761 >> 13)
	}
	whole := posture.Region{CenterX: 128, CenterY: 128, Side: 256}
	var belief []float32
	for _, cache := range []string{"", t.TempDir()} {
		o.CacheDir, o.Generic = cache, true
		r, err := blazepose.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		e := blazetest.Estimator(t, r)
		confidence, err := blazepose.Confidence(e, f, whole)
		if err != nil {
			t.Fatal(err)
		}
		belief = append(belief, confidence)
	}
	if diff := cmp.Diff(belief[0], belief[1], cmp.Comparer(func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-5 })); diff != "" {
		t.Error(diff)
	}
}

// TestAutoRunsTheCPUsNetworks: where there is no GPU, auto is no worse than cpu, and neither needs ONNX Runtime.
func TestAutoRunsTheCPUsNetworks(t *testing.T) {
	o, err := blazetest.Options("lite")
	if err != nil {
		t.Fatal(err)
	}
	for _, device := range []string{"cpu", "auto"} {
		o.Device, o.CacheDir = device, t.TempDir()
		r, err := blazepose.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if own, library := blazepose.Own(r); !own || library {
			t.Errorf("%s: own networks %t, ONNX Runtime loaded %t", device, own, library)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestWithoutLibrary: on a CPU nothing asks for ONNX Runtime.
func TestWithoutLibrary(t *testing.T) {
	o, err := blazetest.Options("lite")
	if err != nil {
		t.Fatal(err)
	}
	o.Library = "missing"
	r, err := blazepose.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	o.Generic = true
	if _, err := blazepose.Open(o); err == nil {
		t.Error("the generic networks do without the library")
	}
}

// TestGenericNetworksAgree: ONNX Runtime gives what our own kernels give, but for the rounding of sums, which the region of
// interest multiplies (docs/parity.md).
func TestGenericNetworksAgree(t *testing.T) {
	for _, model := range []string{"lite", "full"} {
		t.Run(model, func(t *testing.T) {
			o, err := blazetest.Options(model)
			if err != nil {
				t.Fatal(err)
			}
			var poses []posture.Pose
			for _, o.Generic = range []bool{false, true} {
				r, err := blazepose.Open(o)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = r.Close() })
				if own, library := blazepose.Own(r); own == o.Generic || library != o.Generic {
					t.Errorf("generic %t: own networks %t, ONNX Runtime loaded %t", o.Generic, own, library)
				}
				found, err := blazetest.Estimator(t, r).Estimate(person(t, "anna_upright.jpg"), 1)
				if err != nil || len(found) != 1 {
					t.Fatalf("%d poses, %v", len(found), err)
				}
				poses = append(poses, found[0])
			}
			near := cmp.Comparer(func(a, b float32) bool { return math.Abs(float64(a-b)) < 1e-3*(1+math.Abs(float64(a))) })
			if diff := cmp.Diff(poses[0], poses[1], near); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestGraphRevision pins what the converter makes of the models. When it fails although the models are the same, the
// converter changed: raise graphRevision, so that networks cached by older binaries are not used, then run with
// PLUMBLINE_UPDATE=1.
func TestGraphRevision(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the weights' last bits differ between processors; amd64 pins them")
	}
	sum := sha256.New()
	for _, model := range blazepose.Models() {
		o, err := blazetest.Options(model)
		if err != nil {
			t.Fatal(err)
		}
		detection, landmarks, err := blazepose.ConvertedModels(o)
		if err != nil {
			t.Fatal(err)
		}
		sum.Write(detection)
		sum.Write(landmarks)
	}
	got := fmt.Sprintf("%s %s\n", blazepose.GraphRevision, hex.EncodeToString(sum.Sum(nil)))
	path := filepath.Join("testdata", "graph_revision.txt")
	if os.Getenv("PLUMBLINE_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the converter gives other graphs: raise graphRevision, then run with PLUMBLINE_UPDATE=1\ngot  %swant %s", got, want)
	}
}

// person decodes one of the demonstration's people.
func person(t testing.TB, name string) *posture.Frame {
	t.Helper()
	picture, err := os.ReadFile(filepath.Join("../demo/people", name))
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	size := img.Bounds().Size()
	f := &posture.Frame{Width: size.X, Height: size.Y}
	for y := range size.Y {
		for x := range size.X {
			r, g, b, _ := img.At(x, y).RGBA()
			f.Pix = append(f.Pix, byte(r>>8), byte(g>>8), byte(b>>8))
		}
	}
	return f
}

func TestPerson(t *testing.T) {
	e := blazetest.Estimator(t, blazetest.Open(t, "lite"))
	f := person(t, "anna_upright.jpg")
	one, err := e.Estimate(f, 1)
	if err != nil || len(one) != 1 {
		t.Fatalf("%d poses, %v", len(one), err)
	}
	p := one[0]
	if p.Width != f.Width || p.Height != f.Height || !(p.Confidence > 0.5) {
		t.Errorf("%d x %d, confidence %v", p.Width, p.Height, p.Confidence)
	}
	for i, l := range p.Landmarks {
		if l.Visibility < 0 || l.Visibility > 1 || l.Presence < 0 || l.Presence > 1 || math.Abs(float64(l.X)) > 3 || math.Abs(float64(l.Y)) > 3 {
			t.Errorf("landmark %d: %+v", i, l)
		}
	}
	for _, samples := range []int{0, -1} {
		if again, err := e.Estimate(f, samples); err != nil || cmp.Diff(again, one) != "" {
			t.Errorf("%d samples: %v, %s", samples, err, cmp.Diff(again, one))
		}
	}
	r, found, err := e.Detect(f)
	if err != nil || !found || r != p.Region {
		t.Errorf("Detect gives %+v, %t, %v", r, found, err)
	}
}

// TestSamples: the first pose is the unjittered one, the others are near it, and all are the same every time.
func TestSamples(t *testing.T) {
	e := blazetest.Estimator(t, blazetest.Open(t, "lite"))
	f := person(t, "anna_upright.jpg")
	one, err := e.Estimate(f, 1)
	if err != nil {
		t.Fatal(err)
	}
	five, err := e.Estimate(f, 5)
	if err != nil || len(five) != 5 {
		t.Fatalf("%d poses, %v", len(five), err)
	}
	if diff := cmp.Diff(five[0], one[0]); diff != "" {
		t.Error("the first is another one:", diff)
	}
	again, err := e.Estimate(f, 5)
	if err != nil || cmp.Diff(again, five) != "" {
		t.Error("the second time differs:", err, cmp.Diff(again, five))
	}
	for i, p := range five[1:] {
		a, b := p.Landmarks[posture.LeftShoulder], one[0].Landmarks[posture.LeftShoulder]
		if d := math.Hypot(float64(a.X-b.X), float64(a.Y-b.Y)); d == 0 || d > 0.1 {
			t.Errorf("sample %d: the shoulder lies %f away", i+1, d)
		}
	}
}

// TestEstimateAllocatesThePosesOnly: what is returned is the caller's; everything else is kept.
func TestEstimateAllocatesThePosesOnly(t *testing.T) {
	e := blazetest.Estimator(t, blazetest.Open(t, "lite"))
	f := person(t, "anna_upright.jpg")
	for _, samples := range []int{1, 3} {
		if n := testing.AllocsPerRun(5, func() { _, _ = e.Estimate(f, samples) }); n > 1 {
			t.Errorf("%d samples: %v allocations", samples, n)
		}
	}
	timings := e.Timings()
	if timings.Crop <= 0 || timings.Detection <= 0 || timings.Landmarks <= 0 {
		t.Errorf("timings %+v", timings)
	}
}

// TestEstimatorsShareARuntime: several goroutines, an estimator each, get the same.
func TestEstimatorsShareARuntime(t *testing.T) {
	r := blazetest.Open(t, "lite")
	f := person(t, "anna_upright.jpg")
	want, err := blazetest.Estimator(t, r).Estimate(f, 1)
	if err != nil {
		t.Fatal(err)
	}
	var g sync.WaitGroup
	for range 3 {
		e := blazetest.Estimator(t, r)
		g.Go(func() {
			got, err := e.Estimate(f, 1)
			if err != nil || cmp.Diff(got, want) != "" {
				t.Error(err, cmp.Diff(got, want))
			}
		})
	}
	g.Wait()
}
