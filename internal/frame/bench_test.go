//go:build cgo

package frame_test

import (
	"image"
	"testing"

	"plumbline/internal/frame"
	"plumbline/internal/posture"
)

// picture returns a smooth frame with texture, and the same as a JPEG.
func picture(t testing.TB, w, h int) (*posture.Frame, []byte) {
	t.Helper()
	f := &posture.Frame{Width: w, Height: h, Pix: make([]byte, 0, 3*w*h)}
	for y := range h {
		for x := range w {
			f.Pix = append(f.Pix, byte(x*255/w), byte(y*255/h), byte(x*y>>4&63+96))
		}
	}
	e, err := frame.NewEncoder(0)
	if err != nil {
		t.Fatal(err)
	}
	var ground image.YCbCr
	if err := frame.Ground(f, &ground); err != nil {
		t.Fatal(err)
	}
	jpeg, err := e.Encode(&ground)
	if err != nil {
		t.Fatal(err)
	}
	return f, jpeg
}

func BenchmarkDecode(b *testing.B) {
	for name, size := range map[string][2]int{"160x120": {160, 120}, "640x480": {640, 480}, "1920x1080": {1920, 1080}} {
		b.Run(name, func(b *testing.B) {
			_, jpeg := picture(b, size[0], size[1])
			d := newDecoder(b)
			var f posture.Frame
			var ground image.YCbCr
			b.Run("to measure", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := d.Decode(jpeg, &f); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("to measure and draw on", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := d.DecodeOnto(jpeg, &f, &ground, true); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, size := range map[string][2]int{"640x480": {640, 480}, "1920x1080": {1920, 1080}} {
		b.Run(name, func(b *testing.B) {
			f, _ := picture(b, size[0], size[1])
			var ground image.YCbCr
			if err := frame.Ground(f, &ground); err != nil {
				b.Fatal(err)
			}
			e, err := frame.NewEncoder(0)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Encode(&ground); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
