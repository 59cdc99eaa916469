package people_test

import (
	"bytes"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"plumbline/internal/demo/people"
	"plumbline/internal/posture"
)

const maxBytes = 40_000

func TestPeopleAreWhole(t *testing.T) {
	names, sides, nobody := map[string]bool{}, map[posture.Side]int{}, 0
	for _, p := range people.People() {
		c, err := jpeg.DecodeConfig(bytes.NewReader(p.Picture))
		if err != nil || c.Width != 640 || c.Height != 480 {
			t.Errorf("%s: %d x %d, %v", p.File, c.Width, c.Height, err)
		}
		if len(p.Picture) >= maxBytes {
			t.Errorf("%s has %d bytes", p.File, len(p.Picture))
		}
		if p.Person == "" {
			nobody++
			continue
		}
		names[p.Person] = true
		sides[p.Side]++
		if p.TrueNeck <= 0 || p.TrueNeck > 70 || p.TrueTorso < 0 || p.TrueTorso > 40 {
			t.Errorf("%s leans by %v and %v degrees", p.File, p.TrueNeck, p.TrueTorso)
		}
	}
	if len(names) < 5 || sides[posture.SideLeft] < 5 || sides[posture.SideRight] < 5 || nobody != 1 {
		t.Errorf("%d people, %v, %d pictures of nobody", len(names), sides, nobody)
	}
}

// TestEveryPictureIsListed finds pictures that were left over from an earlier rendering.
func TestEveryPictureIsListed(t *testing.T) {
	listed := map[string]bool{}
	for _, p := range people.People() {
		listed[p.File] = true
	}
	found, err := filepath.Glob("*.jpg")
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	for _, name := range found {
		if !listed[name] {
			t.Errorf("%s is not in people.json", name)
		}
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}

// TestPeopleCanBeReordered: the list is the caller's own.
func TestPeopleCanBeReordered(t *testing.T) {
	first := people.People()
	first[0], first[1] = first[1], first[0]
	if people.People()[0].File == first[0].File {
		t.Error("a caller's order shows in the next caller's list")
	}
}
