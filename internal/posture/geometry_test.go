package posture_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"plumbline/internal/posture"
)

// bodies are random but measurable ones, the same in every run.
func bodies(n int) []body {
	random := rand.New(rand.NewPCG(7, 11))
	all := make([]body, n)
	for i := range all {
		all[i] = body{
			neck: random.Float64()*160 - 80, torso: random.Float64()*120 - 60, apart: random.Float64() * 250,
			width: 640 + random.IntN(3000), height: 480 + random.IntN(2000), scale: 1,
		}
	}
	return all
}

func assess(t *testing.T, p posture.Pose) posture.Assessment {
	t.Helper()
	a := posture.Judge{}.Assess([]posture.Pose{p})
	if a.Angles == nil {
		t.Fatalf("status %s without angles", a.Status)
	}
	return a
}

func sameAngles(t *testing.T, what string, got, want posture.Assessment) {
	t.Helper()
	if !close(got.Angles.Neck, want.Angles.Neck, exact) || !close(got.Angles.Torso, want.Angles.Torso, exact) || got.View != want.View {
		t.Errorf("%s: %+v %s, want %+v %s", what, *got.Angles, got.View, *want.Angles, want.View)
	}
}

func TestMirrorKeepsAnglesAndExchangesSides(t *testing.T) {
	for _, b := range bodies(50) {
		p := b.pose()
		p.Landmarks[posture.LeftEar].Visibility = 0.8 // the right side is the better one
		before, after := assess(t, p), assess(t, mirrored(p))
		sameAngles(t, "mirrored", after, before)
		if before.Side != posture.SideRight || after.Side != posture.SideLeft {
			t.Fatalf("sides %s and, mirrored, %s", before.Side, after.Side)
		}
	}
}

func TestSizePlaceAndAspectDoNotMatter(t *testing.T) {
	for _, b := range bodies(50) {
		want := assess(t, b.pose())
		for name, change := range map[string]func(*body){
			"half the size":   func(b *body) { b.scale = 0.5 },
			"four times":      func(b *body) { b.scale = 4 },
			"elsewhere":       func(b *body) { b.shiftX, b.shiftY = 313, -117 },
			"portrait":        func(b *body) { b.width, b.height = b.height, b.width },
			"out of the page": func(b *body) { b.shiftX, b.shiftY = -1500, 900 },
		} {
			changed := b
			change(&changed)
			sameAngles(t, name, assess(t, changed.pose()), want)
		}
	}
}

func TestRotationAddsToBothAngles(t *testing.T) {
	for _, b := range bodies(50) {
		for _, turn := range []float64{-170, -90, -5, 5, 45, 180} {
			a := assess(t, rotated(b.pose(), turn))
			if want := math.Abs(math.Remainder(b.neck+turn, 360)); !close(a.Angles.Neck, want, exact) {
				t.Errorf("neck %.2f turned by %v is %.2f, want %.2f", b.neck, turn, a.Angles.Neck, want)
			}
			if want := math.Abs(math.Remainder(b.torso+turn, 360)); !close(a.Angles.Torso, want, exact) {
				t.Errorf("torso %.2f turned by %v is %.2f, want %.2f", b.torso, turn, a.Angles.Torso, want)
			}
		}
	}
}

// rotated turns a pose clockwise around the picture's top left corner.
func rotated(p posture.Pose, degrees float64) posture.Pose {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	w, h := float64(p.Width), float64(p.Height)
	for i := range p.Landmarks {
		x, y := float64(p.Landmarks[i].X)*w, float64(p.Landmarks[i].Y)*h
		p.Landmarks[i].X, p.Landmarks[i].Y = float32((x*cos-y*sin)/w), float32((x*sin+y*cos)/h)
	}
	return p
}

func TestSideIsTheBetterVisibleOrNearerOne(t *testing.T) {
	type seen map[int]float32
	for name, c := range map[string]struct {
		choice posture.SideChoice
		seen   seen
		right  float32 // depth of the right shoulder
		want   posture.Side
	}{
		"equal":                      {"", nil, 0, posture.SideLeft},
		"left ear hidden":            {posture.SideAuto, seen{posture.LeftEar: 0.7}, 0.5, posture.SideRight},
		"right hip hidden":           {posture.SideAuto, seen{posture.RightHip: 0.7}, -0.5, posture.SideLeft},
		"the weakest decides":        {posture.SideAuto, seen{posture.LeftHip: 0.5, posture.RightEar: 0.7, posture.RightShoulder: 0.7, posture.RightHip: 0.7}, 0, posture.SideRight},
		"right is nearer":            {posture.SideAuto, seen{posture.RightEar: 0.98}, -0.3, posture.SideRight},
		"left is nearer":             {posture.SideAuto, seen{posture.LeftEar: 0.98}, 0.3, posture.SideLeft},
		"left wanted":                {posture.AlwaysLeft, seen{posture.LeftEar: 0.7}, -0.5, posture.SideLeft},
		"right wanted":               {posture.AlwaysRight, nil, 0.5, posture.SideRight},
		"a landmark is not a number": {posture.SideAuto, seen{posture.LeftEar: float32(math.NaN())}, 0, posture.SideRight},
		"a depth is not a number":    {posture.SideAuto, nil, float32(math.NaN()), posture.SideLeft},
	} {
		t.Run(name, func(t *testing.T) {
			p := upright().pose()
			for landmark, visibility := range c.seen {
				p.Landmarks[landmark].Visibility = visibility
			}
			p.Landmarks[posture.RightShoulder].Z = c.right
			if a := (posture.Judge{Side: c.choice}).Assess([]posture.Pose{p}); a.Side != c.want {
				t.Errorf("side %q, want %q", a.Side, c.want)
			}
		})
	}
}

func TestViewFollowsTheShoulders(t *testing.T) {
	for name, c := range map[string]struct {
		apart float64 // of a torso of 300
		want  posture.View
	}{
		"profile":           {0, posture.ViewSide},
		"nearly oblique":    {98, posture.ViewSide},
		"oblique":           {100, posture.ViewOblique},
		"three quarters":    {140, posture.ViewOblique},
		"nearly frontal":    {167, posture.ViewOblique},
		"frontal":           {169, posture.ViewFrontal},
		"facing the camera": {200, posture.ViewFrontal},
	} {
		t.Run(name, func(t *testing.T) {
			b := upright()
			b.apart = c.apart
			if a := assess(t, b.pose()); a.View != c.want {
				t.Errorf("view %q, want %q", a.View, c.want)
			}
		})
	}
	p := upright().pose()
	p.Landmarks[posture.RightShoulder].X = float32(math.NaN())
	if a := assess(t, p); a.View != posture.ViewNone {
		t.Errorf("without a far shoulder the view is %q", a.View)
	}
}

func TestParseSideChoice(t *testing.T) {
	for _, s := range []string{"auto", "left", "right"} {
		var c posture.SideChoice
		if err := c.UnmarshalText([]byte(s)); err != nil || string(c) != s {
			t.Errorf("%q is read as %q, %v", s, c, err)
		}
	}
	_, err := posture.ParseSideChoice("Left")
	wantError(t, err, `side "Left" is unknown`)
}
