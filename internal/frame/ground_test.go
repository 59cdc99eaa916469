//go:build cgo

package frame_test

import (
	"bytes"
	"fmt"
	"image"
	"testing"

	"plumbline/internal/frame"
	"plumbline/internal/posture"
)

// TestGroundChangesNothing: who wants a ground as well gets the same pixels, or the same refusal.
func TestGroundChangesNothing(t *testing.T) {
	d := newDecoder(t)
	var f, alone posture.Frame
	var ground image.YCbCr // shared, so that a picture that does not overwrite the one before shows
	for name, want := range readGolden(t) {
		t.Run(name, func(t *testing.T) {
			err := d.DecodeOnto(read(t, name), &f, &ground)
			compare(t, err, f, want)
			if refusal := d.Decode(read(t, name), &alone); fmt.Sprint(refusal) != fmt.Sprint(err) {
				t.Errorf("%v; without a ground %v", err, refusal)
			}
			if err == nil {
				checkGround(t, &f, &ground)
			}
		})
	}
}

// checkGround compares luma with the frame's.
func checkGround(t *testing.T, f *posture.Frame, got *image.YCbCr) {
	t.Helper()
	var want image.YCbCr
	if err := frame.Ground(f, &want); err != nil {
		t.Fatal(err)
	}
	if got.Rect != want.Rect {
		t.Fatalf("the ground is %v, the frame %v", got.Rect, want.Rect)
	}
	for _, plane := range [][2][]byte{{got.Y, want.Y}, {got.Cb, want.Cb}, {got.Cr, want.Cr}} {
		if off := meanDifference(plane[0], plane[1]); off > 5 { // chroma is smoothed before it is halved again
			t.Errorf("the ground is off by %.1f on average", off)
		}
	}
}

// TestPlanesGiveLibjpegsPixels: of every width and height, whatever the colours, the pixels that are made of planes are those
// that libjpeg makes.
func TestPlanesGiveLibjpegsPixels(t *testing.T) {
	e, err := frame.NewEncoder(100)
	if err != nil {
		t.Fatal(err)
	}
	d := newDecoder(t)
	var got, want posture.Frame
	var ground image.YCbCr
	for width := 1; width < 200; width += 1 + width/70 {
		height := 1 + width*7%37
		jpeg, err := e.Encode(noise(t, width, height))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.DecodeOnto(jpeg, &got, &ground); err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(jpeg, &want); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Pix, want.Pix) {
			t.Errorf("%d x %d pixels differ", width, height)
		}
	}
}

// noise has colours far apart beside each other, so that many pixels lie beyond black and white.
func noise(t *testing.T, width, height int) *image.YCbCr {
	t.Helper()
	f := posture.Frame{Width: width, Height: height, Pix: make([]byte, 3*width*height)}
	state := uint32(width)
	for i := range f.Pix {
		state = state*1664525 + 1013904223
		f.Pix[i] = byte(int32(state) >> 31) // black or white
	}
	var ground image.YCbCr
	if err := frame.Ground(&f, &ground); err != nil {
		t.Fatal(err)
	}
	return &ground
}
