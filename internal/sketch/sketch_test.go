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
func ground(w, h int) *image.YCbCr {
	g := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	for y := range h {
		for x := range w {
			shade := 150 + 60*x/w - 40*y/h
			if y > h*4/5 {
				shade = 96 + 20*x/w
			}
			c := g.COffset(x, y)
			g.Y[g.YOffset(x, y)], g.Cb[c], g.Cr[c] = color.RGBToYCbCr(byte(shade), byte(shade-6), byte(shade-14))
		}
	}
	return g
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
func checkGolden(t *testing.T, path string, got image.Image) {
	t.Helper()
	if *update {
		writePNG(t, path, got)
		return
	}
	want := readPNG(t, path)
	if want.Bounds() != got.Bounds() {
		t.Fatalf("%v pixels, golden picture has %v", got.Bounds(), want.Bounds())
	}
	off := 0
	for y := range got.Bounds().Dy() {
		for x := range got.Bounds().Dx() {
			if apart(got.At(x, y), want.At(x, y)) {
				off++
			}
		}
	}
	if pixels := got.Bounds().Dx() * got.Bounds().Dy(); off > pixels/1000 {
		t.Errorf("%d of %d pixels differ from %s", off, pixels, path)
	}
}

// apart reports whether a red, green or blue differs by more than 8 of 255.
func apart(a, b color.Color) bool {
	p, q := color.NRGBAModel.Convert(a).(color.NRGBA), color.NRGBAModel.Convert(b).(color.NRGBA)
	differ := func(v, w byte) bool { return max(v, w)-min(v, w) > 8 }
	return differ(p.R, q.R) || differ(p.G, q.G) || differ(p.B, q.B)
}

func writePNG(t *testing.T, path string, m image.Image) {
	t.Helper()
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readPNG(t *testing.T, path string) image.Image {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// equal reports whether two pictures have the same planes.
func equal(a, b *image.YCbCr) bool {
	return bytes.Equal(a.Y, b.Y) && bytes.Equal(a.Cb, b.Cb) && bytes.Equal(a.Cr, b.Cr)
}

// TestBlankLeavesNothingOfThePhotograph draws on two different grounds.
func TestBlankLeavesNothingOfThePhotograph(t *testing.T) {
	for name, a := range map[string]posture.Assessment{
		"measured": slouching(320, 240), "insufficient": insufficient(slouching(320, 240)), "nobody": {Status: posture.NoLandmarks},
	} {
		first, second := ground(320, 240), grayGround(320, 240)
		artist := sketch.New(sketch.Style{Blank: true})
		artist.Draw(first, a)
		artist.Draw(second, a)
		if !equal(first, second) {
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
	if !equal(got, want) {
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
		if !equal(got, want) {
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
		g := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
		planes := []*[]byte{&g.Y, &g.Cb, &g.Cr}
		var guards [][]byte
		for _, plane := range planes {
			guarded := bytes.Repeat([]byte{77}, len(*plane)+64)
			*plane = guarded[:len(*plane)]
			guards = append(guards, guarded[len(*plane):])
		}
		artist.Draw(g, strange(bits, angle, kind))
		for _, guard := range guards {
			if bytes.Count(guard, []byte{77}) != 64 {
				t.Fatal("written beyond the picture")
			}
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

func TestDrawSurvivesBadPictures(t *testing.T) {
	short := ground(10, 10)
	short.Cr = short.Cr[1:]
	for _, g := range []*image.YCbCr{{}, short, image.NewYCbCr(image.Rect(0, 0, 10, 10), image.YCbCrSubsampleRatio444)} {
		before := bytes.Clone(g.Y)
		sketch.New(sketch.Style{Blank: true}).Draw(g, slouching(10, 10))
		if !bytes.Equal(before, g.Y) {
			t.Errorf("drawn on %+v", g)
		}
	}
}
