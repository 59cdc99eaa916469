package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const (
	people  = "../../internal/demo/people"
	goldens = "golden"
)

// TestCommittedPictures compares the landmarks of the committed pictures with the golden files that the wheel made.
func TestCommittedPictures(t *testing.T) {
	for _, model := range []string{"lite", "full", "heavy"} {
		t.Run(model, func(t *testing.T) {
			g, err := readGolden(filepath.Join(goldens, model+".json"))
			if err != nil {
				t.Fatal(err)
			}
			everyPictureIsIn(t, g)
			s, err := summarise(options{pictures: people, device: "cpu"}, g)
			if err != nil {
				t.Fatal(err)
			}
			for _, miss := range s.Misses() {
				t.Error("not as wanted:", miss)
			}
		})
	}
}

// everyPictureIsIn fails for a picture that the wheel was not asked about.
func everyPictureIsIn(t *testing.T, g *Golden) {
	t.Helper()
	entries, err := os.ReadDir(people)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".jpg" {
			continue
		}
		if !slices.ContainsFunc(g.Pictures, func(p GoldenPicture) bool { return p.File == e.Name() }) {
			t.Errorf("%s is not in the golden file: run test/parity/run.sh --update", e.Name())
		}
	}
	if len(g.Pictures) == 0 {
		t.Error("the golden file is empty")
	}
}

// TestMissesAreSeen: each thing that can go wrong is found wrong.
func TestMissesAreSeen(t *testing.T) {
	sound := Comparison{
		File: "a.jpg", Outcome: BothFound, SamePixels: true, SameDetectionCrop: true, SameLandmarkCrop: true, HasLandmarkCrop: true,
		SameRegion: true, SameLandmarks: true, SameVerdict: true, Measured: true, Error: 0.01, Neck: 0.05, Torso: 0.05,
	}
	if misses := (&Summary{Comparisons: []Comparison{sound}}).Misses(); len(misses) != 0 {
		t.Fatalf("what is sound is missed: %v", misses)
	}
	for name, spoil := range map[string]func(*Comparison){
		"only the wheel": func(c *Comparison) { c.Outcome = OnlyWheel },
		"only ours":      func(c *Comparison) { c.Outcome = OnlyOurs },
		"unreadable":     func(c *Comparison) { c.Outcome = WheelReads },
		"pixels":         func(c *Comparison) { c.SamePixels = false },
		"detection crop": func(c *Comparison) { c.SameDetectionCrop = false },
		"landmark crop":  func(c *Comparison) { c.SameLandmarkCrop = false },
		"landmark bits":  func(c *Comparison) { c.SameLandmarks = false },
		"region":         func(c *Comparison) { c.SameRegion = false },
		"landmarks":      func(c *Comparison) { c.Error = 0.16 },
		"most landmarks": func(c *Comparison) { c.Error = 0.03 },
		"neck":           func(c *Comparison) { c.Neck = 0.11 },
		"torso":          func(c *Comparison) { c.Torso = 0.11 },
		"verdict":        func(c *Comparison) { c.SameVerdict = false },
	} {
		t.Run(name, func(t *testing.T) {
			c := sound
			spoil(&c)
			if misses := (&Summary{Comparisons: []Comparison{c}}).Misses(); len(misses) == 0 {
				t.Error("not seen")
			}
		})
	}
}

func TestQuantile(t *testing.T) {
	values := make([]float64, 100)
	for i := range values {
		values[i] = float64(i)
	}
	for q, want := range map[float64]float64{0: 0, 0.5: 50, 0.95: 95, 1: 99} {
		if got := quantile(values, q); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if quantile(nil, 0.5) != 0 {
		t.Error("no values")
	}
}

func TestReplaceMarked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.md")
	if err := os.WriteFile(path, []byte("a\n<!-- t -->\nold\n<!-- end of t -->\nb\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := replaceMarked(path, "t", "new\n"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || string(b) != "a\n<!-- t -->\nnew\n<!-- end of t -->\nb\n" {
		t.Errorf("%q, %v", b, err)
	}
	if err := replaceMarked(path, "u", "new"); err == nil {
		t.Errorf("%s has no mark u", path)
	}
}
