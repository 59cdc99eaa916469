package posture_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"plumbline/internal/posture"
)

// exact is how far a computed angle may be from the one a body was built with: landmarks are float32.
const exact = 0.02

func TestAssessMeasuresBothAngles(t *testing.T) {
	for name, c := range map[string]struct {
		body        body
		neck, torso float64
	}{
		"upright":                  {body{neck: 0, torso: 0}, 0, 0},
		"to the right":             {body{neck: 30, torso: 8}, 30, 8},
		"to the left":              {body{neck: -30, torso: -8}, 30, 8},
		"neck forward, torso back": {body{neck: 45, torso: -12}, 45, 12},
		"lying":                    {body{neck: 90, torso: 90}, 90, 90},
		"head down":                {body{neck: 170, torso: -179}, 170, 179},
	} {
		t.Run(name, func(t *testing.T) {
			b := c.body
			b.width, b.height, b.scale = 1920, 1080, 1
			a := posture.Judge{}.Assess([]posture.Pose{b.pose()})
			if a.Angles == nil {
				t.Fatalf("status %s without angles", a.Status)
			}
			if !close(a.Angles.Neck, c.neck, exact) || !close(a.Angles.Torso, c.torso, exact) {
				t.Errorf("measured neck %.3f, torso %.3f, want %v, %v", a.Angles.Neck, a.Angles.Torso, c.neck, c.torso)
			}
		})
	}
}

func TestAssessStatuses(t *testing.T) {
	hidden := func(landmark int, visibility float32) posture.Pose {
		p := upright().pose()
		p.Landmarks[landmark].Visibility = visibility
		p.Landmarks[posture.RightEar].Visibility = 0.1 // so that the left side is the better one, or neither is good
		return p
	}
	tests := map[string]struct {
		poses []posture.Pose
		want  posture.Status
	}{
		"nobody":                       {nil, posture.NoLandmarks},
		"good":                         {[]posture.Pose{upright().pose()}, posture.Good},
		"neck too far":                 {[]posture.Pose{body{neck: 41, width: 1920, height: 1080, scale: 1}.pose()}, posture.Bad},
		"torso too far":                {[]posture.Pose{body{torso: 11, width: 1920, height: 1080, scale: 1}.pose()}, posture.Bad},
		"hip hidden":                   {[]posture.Pose{hidden(posture.LeftHip, 0.49)}, posture.InsufficientLandmarks},
		"hip visible at the threshold": {[]posture.Pose{hidden(posture.LeftHip, 0.5)}, posture.Good},
		"visibility is no number":      {[]posture.Pose{hidden(posture.LeftHip, float32(math.NaN()))}, posture.InsufficientLandmarks},
		"readings agree on average":    {[]posture.Pose{hidden(posture.LeftHip, 0.4), hidden(posture.LeftHip, 0.7)}, posture.Good},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			a := posture.Judge{}.Assess(c.poses)
			if a.Status != c.want {
				t.Errorf("status %s, want %s", a.Status, c.want)
			}
			judged := c.want == posture.Good || c.want == posture.Bad
			if (a.Angles != nil) != judged || (a.Side != posture.SideNone) != judged || (a.Pose != nil) != (c.poses != nil) {
				t.Errorf("angles %v, side %q, pose %t do not go with %s", a.Angles, a.Side, a.Pose != nil, a.Status)
			}
			if a.Profile != posture.DefaultProfile {
				t.Errorf("profile %q", a.Profile)
			}
		})
	}
}

func TestAssessRefusesDegenerateGeometry(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, spoil := range map[string]func(*posture.Pose){
		"ear on the shoulder": func(p *posture.Pose) { p.Landmarks[posture.LeftEar] = p.Landmarks[posture.LeftShoulder] },
		"shoulder on the hip": func(p *posture.Pose) { p.Landmarks[posture.LeftShoulder] = p.Landmarks[posture.LeftHip] },
		"no number":           func(p *posture.Pose) { p.Landmarks[posture.LeftEar].X = nan },
		"infinite":            func(p *posture.Pose) { p.Landmarks[posture.LeftHip].Y = inf },
		"no width":            func(p *posture.Pose) { p.Width = 0 },
		"negative height":     func(p *posture.Pose) { p.Height = -1080 },
		"one pixel":           func(p *posture.Pose) { p.Width, p.Height = 1, 1 },
	} {
		t.Run(name, func(t *testing.T) {
			p := upright().pose()
			spoil(&p)
			for _, profile := range posture.Profiles() {
				a := posture.Judge{Profile: profile, Side: posture.AlwaysLeft}.Assess([]posture.Pose{p})
				if a.Status != posture.InsufficientLandmarks || a.Angles != nil || a.Pose == nil {
					t.Errorf("%s: status %s, angles %v", profile.Name, a.Status, a.Angles)
				}
			}
		})
	}
}

func TestAssessCopiesThePose(t *testing.T) {
	poses := []posture.Pose{upright().pose()}
	a := posture.Judge{}.Assess(poses)
	poses[0].Landmarks[posture.Nose].X = 99
	if a.Pose.Landmarks[posture.Nose].X == 99 {
		t.Error("the assessment's pose changed with the caller's")
	}
}

func TestThresholdsAreExclusive(t *testing.T) {
	// The last float64 under a limit is still under it; landmarks cannot be placed so exactly, so the limit is moved to
	// the angle that was measured.
	p := body{neck: 25, torso: 7, width: 1920, height: 1080, scale: 1}.pose()
	measured := posture.Judge{}.Assess([]posture.Pose{p}).Angles
	profile := posture.Profile{Name: "mine", NeckBelow: measured.Neck, TorsoBelow: 90, Visibility: 0.5}
	at := func(p posture.Profile, pose posture.Pose) posture.Status {
		return posture.Judge{Profile: p}.Assess([]posture.Pose{pose}).Status
	}
	next := func(v float64) float64 { return math.Nextafter(v, 180) }
	for name, c := range map[string]struct {
		neckAbove, neckBelow, torsoBelow float64
		want                             posture.Status
	}{
		"neck at its limit":          {0, measured.Neck, 90, posture.Bad},
		"neck just under":            {0, next(measured.Neck), 90, posture.Good},
		"torso at its limit":         {0, 90, measured.Torso, posture.Bad},
		"torso just under":           {0, 90, next(measured.Torso), posture.Good},
		"neck at its lower limit":    {measured.Neck, 90, 90, posture.Bad},
		"neck just over lower limit": {math.Nextafter(measured.Neck, 0), 90, 90, posture.Good},
	} {
		t.Run(name, func(t *testing.T) {
			profile.NeckAbove, profile.NeckBelow, profile.TorsoBelow = c.neckAbove, c.neckBelow, c.torsoBelow
			if got := at(profile, p); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestProfileOriginalJudgesWholeDegrees(t *testing.T) {
	original, err := posture.ProfileByName(posture.Original)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		neck, torso float64
		want        posture.Status
	}{
		"upright is Bad":                    {5, 5, posture.Bad},
		"10.9 is cut to 10":                 {10.9, 5, posture.Bad},
		"11.1":                              {11.1, 5, posture.Good},
		"49.9 is cut to 49":                 {49.9, 5, posture.Good},
		"50.1":                              {50.1, 5, posture.Bad},
		"torso 19.9":                        {30, 19.9, posture.Good},
		"torso 20.1":                        {30, 20.1, posture.Bad},
		"to the left is cut to nought also": {-10.9, -5, posture.Bad},
	} {
		t.Run(name, func(t *testing.T) {
			b := body{neck: c.neck, torso: c.torso, width: 1920, height: 1080, scale: 1}
			if a := (posture.Judge{Profile: original}).Assess([]posture.Pose{b.pose()}); a.Status != c.want {
				t.Errorf("%s at %+v, want %s", a.Status, a.Angles, c.want)
			}
		})
	}
}

func TestProfileOriginalCountsLandmarks(t *testing.T) {
	original, _ := posture.ProfileByName(posture.Original)
	pose := func(sure int) posture.Pose {
		p := upright().pose()
		for i := range p.Landmarks {
			p.Landmarks[i].Visibility = 0.89
			if i < sure {
				p.Landmarks[i].Visibility = 0.91
			}
		}
		p.Landmarks[posture.RightHip].Visibility = 1 // the better side, which the original does not look for
		return p
	}
	judge := posture.Judge{Profile: original}
	if a := judge.Assess([]posture.Pose{pose(18)}); a.Status != posture.InsufficientLandmarks {
		t.Errorf("19 sure landmarks give %s", a.Status)
	}
	a := judge.Assess([]posture.Pose{pose(19)})
	if a.Status != posture.Good || a.Side != posture.SideLeft {
		t.Errorf("20 sure landmarks give %s, side %s", a.Status, a.Side)
	}
}

func TestUncertainty(t *testing.T) {
	tilted := func(neck, torso float64) posture.Pose {
		return body{neck: neck, torso: torso, width: 1920, height: 1080, scale: 1}.pose()
	}
	judge := posture.Judge{Model: "full"}
	one := judge.Assess([]posture.Pose{tilted(20, 5)}).Angles
	neck, torso := posture.StandingUncertainty("full")
	if one.NeckUncertainty != neck || one.TorsoUncertainty != torso || neck <= 0 || torso <= 0 {
		t.Errorf("a single reading carries %v, %v, want the model's standing %v, %v", one.NeckUncertainty, one.TorsoUncertainty, neck, torso)
	}
	// 18, 20, 22: mean 20, standard deviation 2, standard error 2/sqrt(3).
	three := judge.Assess([]posture.Pose{tilted(18, 4), tilted(20, 5), tilted(22, 6)}).Angles
	sharedNeck, sharedTorso := posture.SharedUncertainty("full")
	want := posture.Angles{Neck: 20, Torso: 5, NeckUncertainty: math.Hypot(2/math.Sqrt(3), sharedNeck), TorsoUncertainty: math.Hypot(1/math.Sqrt(3), sharedTorso)}
	if !close(three.Neck, want.Neck, exact) || !close(three.NeckUncertainty, want.NeckUncertainty, exact) ||
		!close(three.Torso, want.Torso, exact) || !close(three.TorsoUncertainty, want.TorsoUncertainty, exact) {
		t.Errorf("three readings give %+v, want %+v", three, want)
	}
	// Readings on both sides of the vertical, above and below, are averaged with their sign.
	if a := judge.Assess([]posture.Pose{tilted(20, -2), tilted(20, 2)}).Angles; !close(a.Torso, 0, exact) {
		t.Errorf("torsos of -2 and 2 degrees average to %v", a.Torso)
	}
	if a := judge.Assess([]posture.Pose{tilted(179, 0), tilted(-179, 0)}).Angles; !close(a.Neck, 180, exact) {
		t.Errorf("necks of 179 and -179 degrees average to %v", a.Neck)
	}
}

func TestReadingsWithoutAnglesAreLeftOut(t *testing.T) {
	broken := upright().pose()
	broken.Landmarks[posture.LeftEar] = broken.Landmarks[posture.LeftShoulder]
	broken.Landmarks[posture.LeftEar].Visibility = 1
	a := posture.Judge{Side: posture.AlwaysLeft, Model: "full"}.Assess([]posture.Pose{broken, upright().pose()})
	neck, _ := posture.StandingUncertainty("full")
	if a.Angles == nil || !close(a.Angles.Neck, 15, exact) || a.Angles.NeckUncertainty != neck {
		t.Errorf("one good reading of two gives %+v", a.Angles)
	}
}

func TestJudgeValidate(t *testing.T) {
	original, _ := posture.ProfileByName(posture.Original)
	for name, c := range map[string]struct {
		judge posture.Judge
		want  string
	}{
		"zero":                      {posture.Judge{}, ""},
		"original on the left":      {posture.Judge{Profile: original, Side: posture.AlwaysLeft}, ""},
		"original on the auto side": {posture.Judge{Profile: original, Side: posture.SideAuto}, ""},
		"original on the right":     {posture.Judge{Profile: original, Side: posture.AlwaysRight}, "always measures the left side"},
		"broken profile":            {posture.Judge{Profile: posture.Profile{Name: "mine"}}, "no neck is Good"},
	} {
		t.Run(name, func(t *testing.T) { wantError(t, c.judge.Validate(), c.want) })
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("unexpected error: %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("error %v, want one that says %q", err, want)
	}
}

// FuzzAssess: whatever the landmarks are, there is no panic, and angles are finite and within 0..180 where there are any.
func FuzzAssess(f *testing.F) {
	f.Add(uint64(1), 640, 480, 3)
	f.Add(uint64(2), 0, 0, 1)
	f.Add(uint64(3), 1<<40, -1, 2)
	f.Fuzz(func(t *testing.T, seed uint64, width, height, readings int) {
		random := rand.New(rand.NewPCG(seed, 1))
		poses := make([]posture.Pose, min(max(readings, 0), 5))
		for i := range poses {
			poses[i] = randomPose(random, width, height)
		}
		for _, profile := range append(posture.Profiles(), posture.Profile{Name: "mine"}) {
			checkSound(t, posture.Judge{Profile: profile}.Assess(poses))
		}
	})
}

func randomPose(random *rand.Rand, width, height int) posture.Pose {
	p := posture.Pose{Width: width, Height: height}
	any32 := func() float32 {
		if random.IntN(4) == 0 {
			return math.Float32frombits(random.Uint32())
		}
		return random.Float32()
	}
	for i := range p.Landmarks {
		p.Landmarks[i] = posture.Landmark{X: any32(), Y: any32(), Z: any32(), Visibility: any32(), Presence: any32()}
	}
	return p
}

func checkSound(t *testing.T, a posture.Assessment) {
	t.Helper()
	if (a.Angles != nil) != (a.Status == posture.Good || a.Status == posture.Bad) {
		t.Fatalf("status %s with angles %v", a.Status, a.Angles)
	}
	if a.Angles == nil {
		return
	}
	for _, angle := range []float64{a.Angles.Neck, a.Angles.Torso, a.Angles.NeckUncertainty, a.Angles.TorsoUncertainty} {
		if !(angle >= 0 && angle <= 180) {
			t.Fatalf("angles %+v", *a.Angles)
		}
	}
}
