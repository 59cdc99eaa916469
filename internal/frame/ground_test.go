//go:build cgo

package frame_test

import (
	"bytes"
	"fmt"
	"image"
	"slices"
	"testing"

	"plumbline/internal/frame"
	"plumbline/internal/posture"
	"plumbline/internal/testkit/pixels"
)

// TestGroundIsTheFrame: a ground holds what the frame does, in planes or in pixels, and who wants it gets the same refusals.
func TestGroundIsTheFrame(t *testing.T) {
	d := newDecoder(t)
	var f, alone posture.Frame
	var ground image.YCbCr // shared, so that a picture that does not overwrite the one before shows
	for name, want := range readGolden(t) {
		for _, planesDo := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%t", name, planesDo), func(t *testing.T) {
				err := d.DecodeOnto(read(t, name), &f, &ground, planesDo)
				if refusal := d.Decode(read(t, name), &alone); fmt.Sprint(refusal) != fmt.Sprint(err) {
					t.Fatalf("%v; without a ground %v", err, refusal)
				}
				if f.Planes == nil {
					compare(t, err, f, want)
				}
				if err == nil {
					checkGround(t, &alone, &ground)
				}
			})
		}
	}
}

// checkGround compares a ground with what is made of a frame.
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

// TestPlanesAreTakenWhereTheyGiveTheSamePixels: whatever else is turned, narrow, or of another kind comes as pixels.
func TestPlanesAreTakenWhereTheyGiveTheSamePixels(t *testing.T) {
	d := newDecoder(t)
	for name, want := range map[string]bool{
		"sampled_420.jpg": true, "gray.jpg": true, "progressive.jpg": true, "truncated.jpg": true, "restart_markers.jpg": true, "exif_1.jpg": true,
		"sampled_444.jpg": false, "sampled_422.jpg": false, "sampled_440.jpg": false, "sampled_411.jpg": false, "cmyk.jpg": false,
		"rgb.jpg": false, "exif_6.jpg": false, "one_pixel.jpg": false, "rgb.png": false, "lossy.webp": false,
		"sampled_odd_2x2_2x1_1x2.jpg": false,
	} {
		var f posture.Frame
		var ground image.YCbCr
		if err := d.DecodeOnto(read(t, name), &f, &ground, true); err != nil {
			t.Fatal(err)
		}
		if got := f.Planes != nil; got != want {
			t.Errorf("%s: planes %t, want %t", name, got, want)
		}
	}
}

// TestTooManyScans: both ways stop at a picture that would cost hours.
func TestTooManyScans(t *testing.T) {
	d := newDecoder(t)
	var f posture.Frame
	var ground image.YCbCr
	for scans, refused := range map[int]bool{50: false, 600: true} {
		picture := repeatFirstScan(t, read(t, "progressive.jpg"), scans)
		alone, both := d.Decode(picture, &f), d.DecodeOnto(picture, &f, &ground, true)
		if frame.IsRefusal(alone) != refused || fmt.Sprint(both) != fmt.Sprint(alone) {
			t.Errorf("%d scans: %v; with a ground %v", scans, alone, both)
		}
	}
}

func repeatFirstScan(t *testing.T, jpeg []byte, times int) []byte {
	t.Helper()
	start := bytes.Index(jpeg, []byte{0xff, 0xda})
	for end := start + 2; end+1 < len(jpeg); end++ {
		if jpeg[end] == 0xff && jpeg[end+1] != 0 {
			return slices.Concat(jpeg[:start], bytes.Repeat(jpeg[start:end], times), jpeg[end:])
		}
	}
	t.Fatal("no scan found")
	return nil
}

// TestPlanesGiveLibjpegsPixels makes the pixels of planes one by one, as documented, in every width.
func TestPlanesGiveLibjpegsPixels(t *testing.T) {
	e, err := frame.NewEncoder(100)
	if err != nil {
		t.Fatal(err)
	}
	d := newDecoder(t)
	var got, want posture.Frame
	var ground image.YCbCr
	for width := 1; width < 50; width++ {
		jpeg, err := e.Encode(noise(t, width, 1+width*7%37))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.DecodeOnto(jpeg, &got, &ground, true); err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(jpeg, &want); err != nil {
			t.Fatal(err)
		}
		if got.Planes != nil && !bytes.Equal(pixels.OfPlanes(got.Planes), want.Pix) {
			t.Errorf("%d x %d pixels differ", got.Width, got.Height)
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
