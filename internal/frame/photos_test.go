//go:build cgo

package frame_test

import (
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"plumbline/internal/frame"
	"plumbline/internal/posture"
)

// TestPhotos sends every file of a folder through the decoder, pictures or not, and lists what became of it.
func TestPhotos(t *testing.T) {
	folder := os.Getenv("PLUMBLINE_PHOTOS")
	if folder == "" {
		t.Skip("skipped: PLUMBLINE_PHOTOS names no folder of photographs")
	}
	d := newDecoder(t)
	var f posture.Frame
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(folder, path)
		switch err := d.Decode(b, &f); {
		case frame.IsRefusal(err):
			t.Logf("%s refused: %v", name, err)
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case len(f.Pix) != 3*f.Width*f.Height:
			t.Errorf("%s: %d bytes for %d x %d pixels", name, len(f.Pix), f.Width, f.Height)
		default:
			t.Logf("%s %d %d %x", name, f.Width, f.Height, sha256.Sum256(f.Pix))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
