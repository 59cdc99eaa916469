package sketch_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"plumbline/internal/posture"
	"plumbline/internal/sketch"
)

var update = flag.Bool("update", false, "write the golden pictures anew; look at them before you commit them")

// ground is a dim room: a wall, a lighter patch, a floor.
func ground(w, h int) *posture.Frame {
	f := &posture.Frame{Width: w, Height: h, Pix: make([]byte, 0, 3*w*h)}
	for y := range h {
		for x := range w {
			shade := 150 + 60*x/w - 40*y/h
			if y > h*4/5 {
				shade = 96 + 20*x/w
			}
			f.Pix = append(f.Pix, byte(shade), byte(shade-6), byte(shade-14))
		}
	}
	return f
}

// mirrored turns the person's left for their right, as a camera on the other side would see them.
func mirrored(a posture.Assessment) posture.Assessment {
	p := *a.Pose
	for i := range p.Landmarks {
		p.Landmarks[i].X = 1 - p.Landmarks[i].X
	}
	for _, pair := range [][2]int{{1, 4}, {2, 5}, {3, 6}, {7, 8}, {9, 10}, {11, 12}, {13, 14}, {15, 16}, {17, 18}, {19, 20}, {21, 22}, {23, 24}, {25, 26}, {27, 28}, {29, 30}, {31, 32}} {
		p.Landmarks[pair[0]], p.Landmarks[pair[1]] = p.Landmarks[pair[1]], p.Landmarks[pair[0]]
	}
	a.Pose, a.Side = &p, posture.SideLeft
	return a
}

// upright straightens the person.
func upright(a posture.Assessment) posture.Assessment {
	p := *a.Pose
	for i := range posture.RightShoulder + 1 {
		p.Landmarks[i].X -= 0.055
	}
	for i := range posture.LeftShoulder {
		p.Landmarks[i].X -= 0.03
	}
	a.Pose = &p
	a.Angles = &posture.Angles{Neck: 18.2, Torso: 0.6, NeckUncertainty: 0.8, TorsoUncertainty: 0.4}
	a.Status = posture.Good
	return a
}

func insufficient(a posture.Assessment) posture.Assessment {
	p := *a.Pose
	for i := posture.LeftHip; i < posture.LandmarkCount; i++ {
		p.Landmarks[i].Visibility = 0.1
	}
	return posture.Assessment{Status: posture.InsufficientLandmarks, View: posture.ViewOblique, Pose: &p}
}

func TestGoldenPictures(t *testing.T) {
	slouch := slouching(640, 480)
	for name, c := range map[string]struct {
		w, h  int
		a     posture.Assessment
		style sketch.Style
	}{
		"bad_640x480":      {640, 480, slouch, sketch.Style{}},
		"good_left":        {400, 300, mirrored(upright(slouch)), sketch.Style{}},
		"good_right":       {400, 300, upright(slouch), sketch.Style{}},
		"tiny":             {160, 120, slouch, sketch.Style{}},
		"portrait":         {240, 426, slouch, sketch.Style{}},
		"strip":            {500, 30, slouch, sketch.Style{}},
		"thumbnail":        {40, 30, slouch, sketch.Style{}},
		"insufficient":     {400, 300, insufficient(slouch), sketch.Style{}},
		"nobody":           {400, 300, posture.Assessment{Status: posture.NoLandmarks}, sketch.Style{}},
		"blank":            {400, 300, mirrored(slouch), sketch.Style{Blank: true}},
		"blank_nobody":     {400, 300, posture.Assessment{Status: posture.NoLandmarks}, sketch.Style{Blank: true}},
		"without_a_spread": {400, 300, withoutSpread(slouch), sketch.Style{}},
	} {
		t.Run(name, func(t *testing.T) {
			f := ground(c.w, c.h)
			sketch.New(c.style).Draw(f, c.a)
			checkGolden(t, filepath.Join("testdata", name+".png"), f)
		})
	}
}

func withoutSpread(a posture.Assessment) posture.Assessment {
	a.Angles = &posture.Angles{Neck: a.Angles.Neck, Torso: a.Angles.Torso}
	a.View = posture.ViewFrontal
	return a
}

// checkGolden allows for rounding: other processors fuse multiplication and addition.
func checkGolden(t *testing.T, path string, got *posture.Frame) {
	t.Helper()
	if *update {
		writePNG(t, path, got)
		return
	}
	want := readPNG(t, path)
	if want.Width != got.Width || want.Height != got.Height {
		t.Fatalf("%d x %d pixels, golden picture has %d x %d", got.Width, got.Height, want.Width, want.Height)
	}
	off := 0
	for i := range got.Pix {
		if math.Abs(float64(got.Pix[i])-float64(want.Pix[i])) > 8 {
			off++
		}
	}
	if off > len(got.Pix)/2000 {
		t.Errorf("%d of %d samples differ from %s", off, len(got.Pix), path)
	}
}

func writePNG(t *testing.T, path string, f *posture.Frame) {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, f.Width, f.Height))
	for i := range f.Width * f.Height {
		m.SetNRGBA(i%f.Width, i/f.Width, color.NRGBA{f.Pix[3*i], f.Pix[3*i+1], f.Pix[3*i+2], 255})
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readPNG(t *testing.T, path string) *posture.Frame {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	f := &posture.Frame{Width: m.Bounds().Dx(), Height: m.Bounds().Dy()}
	for y := range f.Height {
		for x := range f.Width {
			r, g, b, _ := m.At(x, y).RGBA()
			f.Pix = append(f.Pix, byte(r>>8), byte(g>>8), byte(b>>8))
		}
	}
	return f
}

// TestBlankLeavesNothingOfThePhotograph draws on two different grounds.
func TestBlankLeavesNothingOfThePhotograph(t *testing.T) {
	for name, a := range map[string]posture.Assessment{
		"measured": slouching(320, 240), "insufficient": insufficient(slouching(320, 240)), "nobody": {Status: posture.NoLandmarks},
	} {
		first, second := ground(320, 240), grayFrame(320, 240)
		artist := sketch.New(sketch.Style{Blank: true})
		artist.Draw(first, a)
		artist.Draw(second, a)
		if !bytes.Equal(first.Pix, second.Pix) {
			t.Errorf("%s: the photograph shows through", name)
		}
	}
}

// TestArtistKeepsNothingOfAPicture: what was drawn before, at other sizes too, changes nothing.
func TestArtistKeepsNothingOfAPicture(t *testing.T) {
	used := sketch.New(sketch.Style{})
	for size := 40; size < 900; size += 37 { // more sizes than glyphs are kept for
		used.Draw(ground(size, size), slouching(size, size))
	}
	got, want := ground(320, 240), ground(320, 240)
	used.Draw(got, slouching(320, 240))
	sketch.New(sketch.Style{}).Draw(want, slouching(320, 240))
	if !bytes.Equal(got.Pix, want.Pix) {
		t.Error("a used artist draws otherwise than a new one")
	}
}

func TestLandmarksThatAreNotDrawn(t *testing.T) {
	nan := float32(math.NaN())
	for name, change := range map[string]func(l *posture.Landmark){
		"hidden":                     func(l *posture.Landmark) { l.Visibility = 0.49 },
		"of unknown visibility":      func(l *posture.Landmark) { l.Visibility = nan },
		"not a number":               func(l *posture.Landmark) { l.X = nan },
		"many pictures to the right": func(l *posture.Landmark) { l.X += 5 },
		"infinitely high":            func(l *posture.Landmark) { l.Y = float32(math.Inf(-1)) },
	} {
		a := slouching(320, 240)
		elbow := &a.Pose.Landmarks[posture.RightElbow]
		change(elbow)
		got, want := ground(320, 240), ground(320, 240)
		sketch.New(sketch.Style{}).Draw(got, a)
		*elbow = posture.Landmark{}
		sketch.New(sketch.Style{}).Draw(want, a)
		if !bytes.Equal(got.Pix, want.Pix) {
			t.Errorf("a landmark that is %s was drawn", name)
		}
	}
}

// FuzzDraw: whatever the landmarks, angles and sides, nothing is written beyond the frame and nothing panics.
func FuzzDraw(f *testing.F) {
	f.Add([]byte{0, 0, 0x80, 0x3f}, uint16(64), uint16(48), 12.5, uint8(0))
	f.Add([]byte{0, 0, 0xc0, 0x7f, 0, 0, 0x80, 0x7f, 0xff, 0xff, 0x7f, 0x7f}, uint16(3), uint16(200), math.NaN(), uint8(1))
	f.Add([]byte{0, 0, 0, 0xc0, 0, 0, 0x40, 0x40}, uint16(200), uint16(1), math.Inf(1), uint8(2))
	artist := sketch.New(sketch.Style{})
	f.Fuzz(func(t *testing.T, bits []byte, w, h uint16, angle float64, kind uint8) {
		width, height := int(w%300)+1, int(h%300)+1
		n := 3 * width * height
		guarded := bytes.Repeat([]byte{77}, n+64)
		frame := &posture.Frame{Width: width, Height: height, Pix: guarded[:n]}
		artist.Draw(frame, strange(bits, angle, kind))
		if bytes.Count(guarded[n:], []byte{77}) != 64 {
			t.Fatal("written beyond the frame")
		}
	})
}

// strange makes an assessment whose landmarks are the given bits, over and over.
func strange(bits []byte, angle float64, kind uint8) posture.Assessment {
	p := &posture.Pose{}
	at := 0
	next := func() float32 {
		if len(bits) < 4 {
			return 0.5
		}
		if at+4 > len(bits) {
			at = at % 4
		}
		at += 4
		return math.Float32frombits(binary.LittleEndian.Uint32(bits[at-4:]))
	}
	for i := range p.Landmarks {
		p.Landmarks[i] = posture.Landmark{X: next(), Y: next(), Visibility: 1}
	}
	statuses := []posture.Status{posture.Good, posture.Bad, posture.InsufficientLandmarks, posture.NoLandmarks, "other"}
	sides := []posture.Side{posture.SideLeft, posture.SideRight, posture.SideNone}
	return posture.Assessment{
		Status: statuses[int(kind)%len(statuses)], Side: sides[int(kind)%len(sides)], View: posture.ViewSide, Pose: p,
		Angles: &posture.Angles{Neck: angle, Torso: -angle, NeckUncertainty: angle, TorsoUncertainty: 1},
	}
}

func TestDrawSurvivesBadFrames(t *testing.T) {
	for _, f := range []posture.Frame{{}, {Width: 10, Height: 10}, {Width: -1, Height: 5, Pix: make([]byte, 30)}} {
		sketch.New(sketch.Style{Blank: true}).Draw(&f, slouching(10, 10))
	}
}
