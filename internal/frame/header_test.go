//go:build cgo

package frame_test

import (
	"encoding/binary"
	"errors"
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumbline/internal/frame"
	"plumbline/internal/posture"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/pictures", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRefusalsSayWhy looks for the words that tell a person what to do.
func TestRefusalsSayWhy(t *testing.T) {
	jpeg := read(t, "sampled_420.jpg")
	for name, c := range map[string]struct {
		picture []byte
		limits  frame.Limits
		want    string
	}{
		"empty":          {nil, frame.Limits{}, "it is empty"},
		"GIF":            {[]byte("GIF89a......."), frame.Limits{}, "it looks like a GIF"},
		"BMP":            {[]byte("BM......"), frame.Limits{}, "it looks like a BMP"},
		"TIFF":           {[]byte("MM\x00*...."), frame.Limits{}, "it looks like a TIFF"},
		"HEIC":           {[]byte("\x00\x00\x00\x18ftypheic...."), frame.Limits{}, "HEIC photograph"},
		"AVIF":           {[]byte("\x00\x00\x00\x18ftypavif...."), frame.Limits{}, "an AVIF"},
		"film":           {[]byte("\x00\x00\x00\x18ftypisom...."), frame.Limits{}, "film"},
		"JSON":           {[]byte(` {"image": 1}`), frame.Limits{}, "looks like JSON"},
		"HTML":           {[]byte("<!DOCTYPE html><p>"), frame.Limits{}, "HTML page"},
		"base64":         {[]byte("/9j/4AAQSkZJRg"), frame.Limits{}, "base64 text"},
		"text":           {[]byte("grüß Gott"), frame.Limits{}, "plain text"},
		"noise":          {[]byte{1, 2, 0, 4, 5}, frame.Limits{}, "no format known here"},
		"JPEG beginning": {[]byte{0xFF, 0xD8}, frame.Limits{}, "cut off"},
		"JPEG in header": {jpeg[:40], frame.Limits{}, "truncated"},
		"too many bytes": {jpeg, frame.Limits{MaxBytes: 100}, "more than the limit of 100"},
		"too many pixels": {jpeg, frame.Limits{MaxPixels: 3000},
			"the picture is 67 x 45 = 3015 pixels, more than the limit of 3000"},
		"huge":            {resized(jpeg, 65000, 65000), frame.Limits{}, "65000 x 65000 = 4225 million pixels, more than the limit of 50 million"},
		"no height":       {resized(jpeg, 640, 0), frame.Limits{}, "it is empty"},
		"PNG bomb":        {bomb(7000, 7000, 1000), frame.Limits{}, "holds only 1000 bytes"},
		"two sizes":       {read(t, "two_frames.jpg"), frame.Limits{}, "damaged"},
		"animated WebP":   {[]byte("RIFF\x20\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x01\x00\x00"), frame.Limits{}, "animated WebP"},
		"WebP that lies":  {[]byte("RIFF\x40\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x01\x00\x00VP8L\x05\x00\x00\x00\x2f\xff\xff\xff\x0f"), frame.Limits{}, "it is damaged"},
		"WebP half empty": {[]byte("RIFF\x40\x00\x00\x00WEBP"), frame.Limits{}, "holds no picture"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := frame.Inspect(c.picture, c.limits)
			var r *frame.Refusal
			if !errors.As(err, &r) || !strings.Contains(r.Reason, c.want) {
				t.Errorf("got %v, want a refusal with %q", err, c.want)
			}
		})
	}
}

// resized changes the sides in a JPEG's frame header.
func resized(jpeg []byte, width, height uint16) []byte {
	out := append([]byte(nil), jpeg...)
	at := strings.Index(string(out), "\xff\xc0")
	binary.BigEndian.PutUint16(out[at+5:], height)
	binary.BigEndian.PutUint16(out[at+7:], width)
	return out
}

// bomb is a PNG header over too few bytes of pixels.
func bomb(width, height uint32, size int) []byte {
	out := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR")
	out = binary.BigEndian.AppendUint32(out, width)
	out = binary.BigEndian.AppendUint32(out, height)
	out = append(out, 8, 6, 0, 0, 0, 0, 0, 0, 0)
	out = binary.BigEndian.AppendUint32(out, uint32(size))
	out = append(out, "IDAT"...)
	return append(out, make([]byte, size+4)...)
}

func TestInspectAgreesWithDecode(t *testing.T) {
	d := newDecoder(t)
	for name, want := range readGolden(t) {
		if want.Refused {
			continue
		}
		h, err := frame.Inspect(read(t, name), frame.Limits{})
		if err != nil || h.Width != want.Width || h.Height != want.Height {
			t.Errorf("%s: %v, %v, want %d x %d", name, h, err, want.Width, want.Height)
		}
	}
	var f posture.Frame
	if err := d.Decode(read(t, "exif_6.jpg"), &f); err != nil || f.Width != 45 || f.Height != 67 {
		t.Errorf("turned picture is %d x %d (%v), want 45 x 67", f.Width, f.Height, err)
	}
}

// TestNoPixelsBeforeTheLimit: what the header already forbids must cost no memory.
func TestNoPixelsBeforeTheLimit(t *testing.T) {
	huge := resized(read(t, "sampled_420.jpg"), 65000, 65000)
	d := newDecoder(t)
	var f posture.Frame
	if err := d.Decode(huge, &f); !frame.IsRefusal(err) {
		t.Fatalf("got %v, want a refusal", err)
	}
	if f.Pix != nil {
		t.Errorf("%d bytes of pixels were made for a refused picture", cap(f.Pix))
	}
}

func TestDecodeReusesPixels(t *testing.T) {
	d := newDecoder(t)
	f := posture.Frame{Pix: make([]byte, 1<<20)}
	before := &f.Pix[0]
	if err := d.Decode(read(t, "sampled_420.jpg"), &f); err != nil {
		t.Fatal(err)
	}
	if &f.Pix[0] != before {
		t.Error("a buffer that was large enough was not reused")
	}
}

// TestBadPictureLeavesNoTrace: libjpeg's tables must not pass from one picture to the next.
func TestBadPictureLeavesNoTrace(t *testing.T) {
	d := newDecoder(t)
	var f posture.Frame
	good := read(t, "sampled_420.jpg")
	withoutTables := append([]byte(nil), good[:2]...)
	withoutTables = append(withoutTables, good[strings.Index(string(good), "\xff\xc0"):]...)
	for range 2 { // after a good picture as before
		_ = d.Decode(read(t, "damaged_huffman_table.jpg"), &f)
		if err := d.Decode(withoutTables, &f); !frame.IsRefusal(err) {
			t.Errorf("a JPEG without quantization tables: %v, want a refusal", err)
		}
		if err := d.Decode(good, &f); err != nil {
			t.Errorf("a good JPEG after a bad one: %v", err)
		}
	}
}

func TestEncodeAndBack(t *testing.T) {
	for name, size := range map[string][2]int{"one pixel": {1, 1}, "odd": {67, 45}, "wide": {640, 48}} {
		t.Run(name, func(t *testing.T) {
			want, jpeg := picture(t, size[0], size[1])
			var got posture.Frame
			if err := newDecoder(t).Decode(jpeg, &got); err != nil {
				t.Fatal(err)
			}
			if got.Width != want.Width || got.Height != want.Height {
				t.Fatalf("%d x %d came back as %d x %d", want.Width, want.Height, got.Width, got.Height)
			}
			if off := meanDifference(got.Pix, want.Pix); off > 6 {
				t.Errorf("pixels are off by %.1f on average", off)
			}
		})
	}
}

func meanDifference(a, b []byte) float64 {
	sum := 0
	for i := range a {
		sum += max(int(a[i])-int(b[i]), int(b[i])-int(a[i]))
	}
	return float64(sum) / float64(len(a))
}

func TestGroundRefusesWhatIsNoFrame(t *testing.T) {
	for name, f := range map[string]posture.Frame{
		"empty": {}, "too few bytes": {Width: 4, Height: 4, Pix: make([]byte, 47)}, "negative": {Width: -1, Height: -1, Pix: make([]byte, 3)},
	} {
		if err := frame.Ground(&f, new(image.YCbCr)); err == nil {
			t.Errorf("%s: made planes", name)
		}
	}
}

func TestEncodeRefusesWhatIsNoGround(t *testing.T) {
	e, err := frame.NewEncoder(0)
	if err != nil {
		t.Fatal(err)
	}
	short := image.NewYCbCr(image.Rect(0, 0, 8, 8), image.YCbCrSubsampleRatio420)
	short.Cr = short.Cr[1:]
	for name, ground := range map[string]*image.YCbCr{
		"empty": {}, "too few bytes": short,
		"an odd side": image.NewYCbCr(image.Rect(0, 0, 7, 7), image.YCbCrSubsampleRatio420),
		"4:4:4":       image.NewYCbCr(image.Rect(0, 0, 8, 8), image.YCbCrSubsampleRatio444),
	} {
		if _, err := e.Encode(ground); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
	if _, err := frame.NewEncoder(101); err == nil {
		t.Error("a quality of 101 was accepted")
	}
}
