//go:build cgo

package frame_test

import (
	"testing"

	"plumbline/internal/frame"
)

// FuzzOrientation puts bytes into a JPEG's EXIF segment: whatever they are, the orientation is one of eight.
func FuzzOrientation(f *testing.F) {
	jpeg := read(f, "sampled_420.jpg")
	for _, name := range []string{"exif_6.jpg", "exif_big_endian.jpg", "exif_cut.jpg", "exif_bad_text_first.jpg"} {
		b := read(f, name)
		f.Add(b[12 : 12+min(48, len(b)-12)])
	}
	f.Add([]byte("MM\x00*\xff\xff\xff\xf0"))
	f.Fuzz(func(t *testing.T, tiff []byte) {
		if len(tiff) > 60000 {
			return
		}
		n := 2 + 6 + len(tiff)
		picture := append([]byte{0xFF, 0xD8, 0xFF, 0xE1, byte(n >> 8), byte(n)}, "Exif\x00\x00"...)
		picture = append(append(picture, tiff...), jpeg[2:]...)
		h, err := frame.Inspect(picture, frame.Limits{})
		if err != nil {
			t.Fatalf("a sound JPEG is refused for its EXIF: %v", err)
		}
		if h.Orientation < frame.Upright || h.Orientation > frame.TurnLeft {
			t.Fatalf("orientation %d", h.Orientation)
		}
		if w, hh := min(h.Width, h.Height), max(h.Width, h.Height); w != 45 || hh != 67 {
			t.Fatalf("%d x %d pixels", h.Width, h.Height)
		}
	})
}
