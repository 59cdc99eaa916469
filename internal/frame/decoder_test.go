//go:build cgo

package frame_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"plumbline/internal/frame"
	"plumbline/internal/posture"
)

// seen is what cv2.imread makes of a picture; testdata/make.py writes it.
type seen struct {
	Refused       bool
	Width, Height int
	SHA256        string `json:"sha256"`
}

func readGolden(t *testing.T) map[string]seen {
	t.Helper()
	var golden struct{ Pictures map[string]seen }
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	return golden.Pictures
}

func newDecoder(t testing.TB) *frame.Decoder {
	t.Helper()
	d, err := frame.NewDecoder(frame.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDecodeIsOpenCVs compares with cv2.imread to the bit.
func TestDecodeIsOpenCVs(t *testing.T) {
	d := newDecoder(t)
	var f posture.Frame // shared, so that a picture that does not overwrite the one before shows
	for name, want := range readGolden(t) {
		t.Run(name, func(t *testing.T) {
			picture, err := os.ReadFile(filepath.Join("testdata/pictures", name))
			if err != nil {
				t.Fatal(err)
			}
			compare(t, d.Decode(picture, &f), f, want)
		})
	}
}

func compare(t *testing.T, err error, f posture.Frame, want seen) {
	t.Helper()
	switch {
	case want.Refused && !frame.IsRefusal(err):
		t.Fatalf("error is %v; OpenCV refuses, so a Refusal is due", err)
	case want.Refused:
		return
	case err != nil:
		t.Fatalf("%v; OpenCV reads it", err)
	case f.Width != want.Width || f.Height != want.Height:
		t.Fatalf("%d x %d pixels, OpenCV sees %d x %d", f.Width, f.Height, want.Width, want.Height)
	}
	sum := sha256.Sum256(f.Pix)
	if got := hex.EncodeToString(sum[:]); got != want.SHA256 {
		t.Error("pixels differ from OpenCV's")
	}
}

// TestDecodersShareNothing decodes the same pictures in several goroutines; the race detector sees what is shared.
func TestDecodersShareNothing(t *testing.T) {
	golden := readGolden(t)
	for i := range 4 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			d := newDecoder(t)
			var f posture.Frame
			for name, want := range golden {
				compare(t, d.Decode(read(t, name), &f), f, want)
			}
		})
	}
}
