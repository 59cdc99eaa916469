package posture_test

import (
	"math"
	"testing"

	"plumbline/internal/posture"
)

func TestProfileByName(t *testing.T) {
	for _, want := range posture.Profiles() {
		got, err := posture.ProfileByName(want.Name)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", want.Name, got, err)
		}
		if err := got.Validate(); err != nil {
			t.Error(err)
		}
	}
	_, err := posture.ProfileByName("nosuch")
	wantError(t, err, `profile "nosuch" is unknown: built in are learnopencv and original`)
}

func TestProfileValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*posture.Profile)
		want   string
	}{
		"sound":                   {func(*posture.Profile) {}, ""},
		"landmarks only":          {func(p *posture.Profile) { p.Visibility, p.Landmarks, p.LandmarkVisibility = 0, 20, 0.9 }, ""},
		"no name":                 {func(p *posture.Profile) { p.Name = "" }, "needs a name"},
		"a built-in's name":       {func(p *posture.Profile) { p.Name = "original" }, "belongs to a built-in"},
		"truncates":               {func(p *posture.Profile) { p.Truncates = true }, "truncates"},
		"neck limits exchanged":   {func(p *posture.Profile) { p.NeckAbove, p.NeckBelow = 50, 10 }, "must be more than neck_above"},
		"neck not a number":       {func(p *posture.Profile) { p.NeckBelow = math.NaN() }, "neck_below is NaN"},
		"torso never good":        {func(p *posture.Profile) { p.TorsoBelow = 0 }, "no torso is Good"},
		"torso over 180":          {func(p *posture.Profile) { p.TorsoBelow = 200 }, "not between 0 and 180"},
		"visibility in per cent":  {func(p *posture.Profile) { p.Visibility = 50 }, "not between 0 and 1"},
		"too many landmarks":      {func(p *posture.Profile) { p.Landmarks = 34 }, "a pose has 33"},
		"asks for no visibility":  {func(p *posture.Profile) { p.Visibility = 0 }, "must ask for some visibility"},
		"a side that is no side":  {func(p *posture.Profile) { p.Side = "top" }, `side "top" is unknown`},
		"more than one complaint": {func(p *posture.Profile) { p.Side, p.TorsoBelow = "top", 0 }, "no torso is Good"},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := posture.ProfileByName(posture.LearnOpenCV)
			p.Name = "mine"
			c.change(&p)
			wantError(t, p.Validate(), c.want)
		})
	}
}

func TestIntegerAngle(t *testing.T) {
	for name, c := range map[string]struct {
		profile string
		degrees float64
		want    int
	}{
		"original truncates":          {"original", 12.9, 12},
		"learnopencv rounds down":     {"learnopencv", 12.4, 12},
		"learnopencv rounds half up":  {"learnopencv", 12.5, 13},
		"a profile of one's own does": {"mine", 12.9, 13},
	} {
		t.Run(name, func(t *testing.T) {
			if got := posture.IntegerAngle(c.profile, c.degrees); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}
