//go:build cgo

package frame_test

import (
	"bytes"
	"fmt"
	"image"
	"os"
	"testing"

	"plumbline/internal/frame"
	"plumbline/internal/posture"
	"plumbline/internal/testkit/pixels"
)

// fuzzLimits keep each try quick.
var fuzzLimits = frame.Limits{MaxBytes: 64 << 10, MaxPixels: 1 << 16}

func addCorpus(f *testing.F) {
	entries, err := os.ReadDir("testdata/pictures")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		f.Add(read(f, e.Name()))
	}
	for _, s := range []string{"", "GIF89a", "\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "RIFF\x00\x00\x00\x00WEBPVP8X"} {
		f.Add([]byte(s))
	}
}

// FuzzInspect: a header is within the limits or a Refusal with a reason.
func FuzzInspect(f *testing.F) {
	addCorpus(f)
	f.Fuzz(func(t *testing.T, picture []byte) {
		h, err := frame.Inspect(picture, fuzzLimits)
		switch {
		case err != nil && (!frame.IsRefusal(err) || err.Error() == ""):
			t.Fatalf("not a refusal with a reason: %v", err)
		case err == nil && (h.Width < 1 || h.Height < 1 || int64(h.Width)*int64(h.Height) > fuzzLimits.MaxPixels):
			t.Fatalf("%d x %d pixels got through", h.Width, h.Height)
		}
	})
}

// FuzzDecode: a frame is whole and of the size that Inspect said, or the picture is refused, with a ground as without one.
func FuzzDecode(f *testing.F) {
	addCorpus(f)
	d, err := frame.NewDecoder(fuzzLimits)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, picture []byte) {
		var out, both posture.Frame
		var ground image.YCbCr
		err := d.Decode(picture, &out)
		if again := d.DecodeOnto(picture, &both, &ground, true); fmt.Sprint(again) != fmt.Sprint(err) {
			t.Fatalf("with a ground: %v; without: %v", again, err)
		}
		if err != nil {
			if !frame.IsRefusal(err) {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		if both.Planes != nil && !bytes.Equal(pixels.OfPlanes(both.Planes), out.Pix) {
			t.Fatal("the planes are another picture")
		}
		h, err := frame.Inspect(picture, fuzzLimits)
		if err != nil || out.Width != h.Width || out.Height != h.Height || len(out.Pix) != 3*h.Width*h.Height {
			t.Fatalf("frame of %d x %d with %d bytes; header %+v, %v", out.Width, out.Height, len(out.Pix), h, err)
		}
	})
}
