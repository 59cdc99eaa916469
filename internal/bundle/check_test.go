package bundle_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumbline/internal/bundle/manifest"
)

// A model that lies in a folder is the right one or refused, with what to do; a library is the user's choice.
func TestModelsInFoldersAreWhatTheyShouldBe(t *testing.T) {
	for name, c := range map[string]struct {
		damage func([]byte) []byte
		inside bool
		want   string // "" where it is taken
	}{
		"right":             {func(b []byte) []byte { return b }, false, ""},
		"cut short":         {func(b []byte) []byte { return b[:1000] }, false, "has 1000 bytes instead of 300000; copy it again"},
		"empty":             {func([]byte) []byte { return nil }, false, "has 0 bytes"},
		"a byte turned":     {func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, false, "is damaged or another version: its SHA-256 is"},
		"inside the binary": {func(b []byte) []byte { return b[1:] }, true, "or remove it: the right one is inside the binary"},
	} {
		t.Run(name, func(t *testing.T) {
			s := machine(t)
			beside := filepath.Dir(s.Executable)
			put(t, beside, manifest.Library)
			right := carried()[manifest.LandmarkFull.Name]
			sum := sha256.Sum256(right)
			s.Pinned = []manifest.File{{Name: manifest.LandmarkFull.Name, Size: int64(len(right)), SHA256: hex.EncodeToString(sum[:])}}
			path := filepath.Join(beside, manifest.LandmarkFull.Name)
			if err := os.WriteFile(path, c.damage(right), 0o600); err != nil {
				t.Fatal(err)
			}
			if !c.inside {
				delete(s.Inside, manifest.LandmarkFull.Name)
			}
			files, err := s.Locate(full)
			switch {
			case c.want == "" && (err != nil || files.Landmark != path):
				t.Errorf("%v, %v", files.Landmark, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path)):
				t.Errorf("the error is %v, want one with %q", err, c.want)
			}
		})
	}
}

// The manifest pins every model that can be asked for.
func TestEveryModelIsPinned(t *testing.T) {
	pinned := map[string]bool{}
	for _, f := range manifest.AllModels() {
		pinned[f.Name] = true
	}
	for _, model := range []string{"lite", "full", "heavy"} {
		if f, err := manifest.Landmark(model); err != nil || !pinned[f.Name] {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}
