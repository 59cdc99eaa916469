package blazepose_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"plumbline/internal/blazepose"
	"plumbline/internal/posture"
)

func TestAnchors(t *testing.T) {
	anchors := blazepose.MakeAnchors()
	if len(anchors) != 2254 {
		t.Fatalf("%d anchors, MediaPipe has 2254", len(anchors))
	}
	first, last := anchors[0], anchors[len(anchors)-1]
	if first.X() != 0.5/28 || first.Y() != 0.5/28 || last.X() != 6.5/7 || last.Y() != 6.5/7 {
		t.Errorf("first %+v, last %+v", first, last)
	}
}

// TestCropLeadsBackToItsCorners: the matrix of a region takes the crop's corners to the region's corners.
func TestCropLeadsBackToItsCorners(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		r := posture.Region{CenterX: rng.Float32() * 4000, CenterY: rng.Float32() * 3000, Side: 1 + rng.Float32()*5000, Rotation: (rng.Float32()*2 - 1) * math.Pi}
		m := blazepose.ToCrop(r, 256)
		for _, c := range [][2]float64{{0, 0}, {256, 0}, {0, 256}, {256, 256}, {128, 128}} {
			w := m[6]*c[0] + m[7]*c[1] + m[8]
			x, y := (m[0]*c[0]+m[1]*c[1]+m[2])/w, (m[3]*c[0]+m[4]*c[1]+m[5])/w
			sin, cos := math.Sincos(float64(r.Rotation))
			across, down := (c[0]/256-0.5)*float64(r.Side), (c[1]/256-0.5)*float64(r.Side)
			wantX, wantY := float64(r.CenterX)+cos*across-sin*down, float64(r.CenterY)+sin*across+cos*down
			if math.Hypot(x-wantX, y-wantY) > 1e-6*float64(r.Side+r.CenterX+r.CenterY) {
				t.Fatalf("%+v: corner %v lies at %f, %f, want %f, %f", r, c, x, y, wantX, wantY)
			}
		}
	}
}

func TestLetterboxOfPictures(t *testing.T) {
	for name, c := range map[string]struct {
		width, height        int
		side                 float32
		horizontal, vertical float32
	}{
		"square":    {100, 100, 100, 0, 0},
		"landscape": {400, 100, 400, 0, 0.375},
		"portrait":  {100, 400, 400, 0.375, 0},
		"one pixel": {1, 1, 1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			square, horizontal, vertical := blazepose.Letterbox(c.width, c.height)
			want := posture.Region{CenterX: float32(c.width) / 2, CenterY: float32(c.height) / 2, Side: c.side}
			if square != want || horizontal != c.horizontal || vertical != c.vertical {
				t.Errorf("got %+v, %v, %v", square, horizontal, vertical)
			}
		})
	}
}

// TestRegionOf: the region is a square round the hips, 2.5 times as long as the line to the body's end, turned by that line.
func TestRegionOf(t *testing.T) {
	f := &posture.Frame{Width: 640, Height: 480}
	for name, c := range map[string]struct {
		dx, dy   float32 // in pixels, from the hips to the body's end
		rotation float64
	}{
		"upright":      {0, -100, 0},
		"to the right": {100, 0, math.Pi / 2},
		"to the left":  {-100, 0, -math.Pi / 2},
		"upside down":  {0, 100, -math.Pi},
	} {
		t.Run(name, func(t *testing.T) {
			r := blazepose.RegionOf(f, 320, 240, 320+c.dx, 240+c.dy)
			turned := math.Abs(math.Remainder(float64(r.Rotation)-c.rotation, 2*math.Pi))
			if math.Abs(float64(r.Side)-250) > 1e-3 || r.CenterX != 320 || r.CenterY != 240 || turned > 1e-6 {
				t.Errorf("got %+v, want a side of 250 and a rotation of %f", r, c.rotation)
			}
		})
	}
}

// peak is a heat map that is high in one cell and low everywhere else.
func peak(x, y int, low, high float32) []float32 {
	heat := make([]float32, 64*64)
	for i := range heat {
		heat[i] = low
	}
	heat[y*64+x] = high
	return heat
}

func TestRefine(t *testing.T) {
	nan := float32(math.NaN())
	for name, c := range map[string]struct {
		heat         []float32
		x, y         float32
		wantX, wantY float32
	}{
		"drawn to the peak":                {peak(34, 30, -100, 10), 32.5 / 64, 32.5 / 64, 34.0 / 64, 30.0 / 64},
		"four cells away":                  {peak(36, 32, -100, 10), 32.5 / 64, 32.5 / 64, 36.0 / 64, 32.0 / 64},
		"five cells away":                  {peak(37, 32, -100, 10), 32.5 / 64, 32.5 / 64, 32.5 / 64, 32.5 / 64},
		"belief of exactly a half":         {peak(34, 30, -100, 0), 32.5 / 64, 32.5 / 64, 34.0 / 64, 30.0 / 64},
		"belief below a half":              {peak(34, 30, -100, -0.01), 32.5 / 64, 32.5 / 64, 32.5 / 64, 32.5 / 64},
		"outside on the right":             {peak(63, 32, -100, 10), 1.01, 0.5, 1.01, 0.5},
		"a little outside on the left":     {peak(0, 32, -100, 10), -0.01, 0.5, 0, 0.5}, // -0.64 is cut to cell 0, as C++ does
		"in the corner":                    {peak(0, 0, -100, 10), 0, 0, 0, 0},
		"in the last cell":                 {peak(63, 63, -100, 10), 0.999, 0.999, 63.0 / 64, 63.0 / 64},
		"heat that is not a number at all": {peak(34, 30, nan, nan), 0.5, 0.5, 0.5, 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			x, y := blazepose.Refine(c.heat, c.x, c.y)
			if math.Abs(float64(x-c.wantX)) > 1e-6 || math.Abs(float64(y-c.wantY)) > 1e-6 {
				t.Errorf("got %v, %v, want %v, %v", x, y, c.wantX, c.wantY)
			}
		})
	}
}

// TestBoxesOfOnePersonAreMerged by score, and those of another person left out.
func TestBoxesOfOnePersonAreMerged(t *testing.T) {
	box := func(x, score float32) blazepose.Box {
		return blazepose.Box{X: x, Y: 0, Width: 1, Height: 1, Score: score}
	}
	for name, c := range map[string]struct {
		boxes []blazepose.Box
		want  float32 // x of the result
	}{
		"alone":            {[]blazepose.Box{box(3, 0.9)}, 3},
		"two of one":       {[]blazepose.Box{box(0.1, 0.6), box(0, 0.9)}, 0.1 * 0.6 / 1.5},
		"another person":   {[]blazepose.Box{box(5, 0.8), box(0, 0.9)}, 0},
		"hardly touching":  {[]blazepose.Box{box(0.6, 0.8), box(0, 0.9)}, 0},
		"without any area": {[]blazepose.Box{{X: 7, Score: 0.9}, box(7, 0.8)}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			if got := blazepose.Suppress(c.boxes); math.Abs(float64(got.X-c.want)) > 1e-6 {
				t.Errorf("got %+v, want x %v", got, c.want)
			}
		})
	}
}

func TestJitter(t *testing.T) {
	r := posture.Region{CenterX: 100, CenterY: 200, Side: 300, Rotation: 0.5}
	if blazepose.Jitter(r, 0) != r {
		t.Error("the first is not the region itself")
	}
	var x, y, side, turn float64
	const n = 64
	for i := 1; i <= n; i++ {
		j := blazepose.Jitter(r, i)
		if j != blazepose.Jitter(r, i) || j == blazepose.Jitter(r, i+1) {
			t.Errorf("sample %d is not its own", i)
		}
		dx, dy, ds, dt := float64(j.CenterX-100)/300, float64(j.CenterY-200)/300, float64(j.Side/300-1), float64(j.Rotation-0.5)
		if math.Abs(dx) > 0.02001 || math.Abs(dy) > 0.02001 || math.Abs(ds) > 0.03001 || math.Abs(dt) > 0.02001 {
			t.Errorf("sample %d lies too far away: %+v", i, j)
		}
		x, y, side, turn = x+dx/n, y+dy/n, side+ds/n, turn+dt/n
	}
	if max(math.Abs(x), math.Abs(y), math.Abs(side), math.Abs(turn)) > 0.003 {
		t.Errorf("the samples lean to one side: %v, %v, %v, %v", x, y, side, turn)
	}
}
