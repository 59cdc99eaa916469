package posture

import (
	"errors"
	"fmt"
	"math"
)

// Profile is a named set of thresholds. Angles are in degrees, visibilities 0..1, and every limit is exclusive: a neck of
// exactly NeckBelow degrees is Bad.
type Profile struct {
	Name string `yaml:"name" json:"name"`

	// Good means NeckAbove < neck < NeckBelow and torso < TorsoBelow. NeckAbove 0 sets no lower limit.
	NeckAbove  float64 `yaml:"neck_above" json:"neck_above"`
	NeckBelow  float64 `yaml:"neck_below" json:"neck_below"`
	TorsoBelow float64 `yaml:"torso_below" json:"torso_below"`

	// Visibility is what ear, shoulder and hip of the measured side need at least; 0 asks nothing of them.
	Visibility float64 `yaml:"visibility" json:"visibility"`
	// Landmarks is how many of the 33 must have a visibility of at least LandmarkVisibility; 0 asks for none.
	Landmarks          int     `yaml:"landmarks" json:"landmarks"`
	LandmarkVisibility float64 `yaml:"landmark_visibility" json:"landmark_visibility"`

	// Side left or right is the side that this profile measures, whatever the Judge's choice; else the Judge chooses.
	Side SideChoice `yaml:"side" json:"side"`

	// Truncates cuts angles to whole degrees and judges those. Only the built-in profile "original" does, so that a
	// profile's name is enough to know how its whole degrees were made.
	Truncates bool `yaml:"-" json:"-"`
}

// Names of the built-in profiles. DefaultProfile is learnopencv, the thresholds of the article that made this way of
// measuring known; "original" wants a neck of more than 10 degrees and so calls somebody who holds the head upright Bad.
const (
	LearnOpenCV    = "learnopencv"
	Original       = "original"
	DefaultProfile = LearnOpenCV
)

// Profiles are the built-in ones, the default first.
func Profiles() []Profile {
	return []Profile{
		{
			// learnopencv.com, "Building a Body Posture Analysis System using MediaPipe": good is neck_inclination < 40
			// and torso_inclination < 10. The article asks for no visibility; 0.5 is where the model believes a landmark
			// more likely seen than hidden, and MediaPipe's own threshold for drawing it.
			Name: LearnOpenCV, NeckBelow: 40, TorsoBelow: 10, Visibility: 0.5,
		},
		{
			// The system that Plumbline replaces: left side, whole degrees cut off before they are judged, and at least
			// 20 landmarks that the model is sure to see.
			Name: Original, NeckAbove: 10, NeckBelow: 50, TorsoBelow: 20,
			Landmarks: 20, LandmarkVisibility: 0.9, Side: AlwaysLeft, Truncates: true,
		},
	}
}

// ProfileByName finds a built-in profile.
func ProfileByName(name string) (Profile, error) {
	for _, p := range Profiles() {
		if p.Name == name {
			return p, nil
		}
	}
	return Profile{}, fmt.Errorf("profile %q is unknown: built in are %s and %s", name, LearnOpenCV, Original)
}

// Validate names everything that is wrong with a profile of the user's own. Such a profile is best read over a copy of a
// built-in one, so that what it does not mention keeps a sensible value.
func (p Profile) Validate() error {
	return p.named(errors.Join(p.validateName(), p.validateAngles(), p.validateVisibility(), p.validateSide()))
}

func (p Profile) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("profile %q: %w", p.Name, err)
}

func (p Profile) validateName() error {
	builtIn, err := ProfileByName(p.Name)
	switch {
	case p.Name == "":
		return errors.New("it needs a name")
	case err == nil && builtIn != p:
		return errors.New("this name belongs to a built-in profile; choose another")
	case err != nil && p.Truncates:
		return errors.New("only the built-in profile original truncates angles")
	}
	return nil
}

func (p Profile) validateAngles() error {
	var errs []error
	for _, limit := range []struct {
		name  string
		value float64
	}{{"neck_above", p.NeckAbove}, {"neck_below", p.NeckBelow}, {"torso_below", p.TorsoBelow}} {
		if !(limit.value >= 0 && limit.value <= 180) {
			errs = append(errs, fmt.Errorf("%s is %v, which is not between 0 and 180 degrees", limit.name, limit.value))
		}
	}
	if p.NeckBelow <= p.NeckAbove {
		errs = append(errs, fmt.Errorf("neck_below (%v) must be more than neck_above (%v), else no neck is Good", p.NeckBelow, p.NeckAbove))
	}
	if p.TorsoBelow == 0 {
		errs = append(errs, errors.New("torso_below must be more than 0, else no torso is Good"))
	}
	return errors.Join(errs...)
}

func (p Profile) validateVisibility() error {
	var errs []error
	for _, v := range []struct {
		name  string
		value float64
	}{{"visibility", p.Visibility}, {"landmark_visibility", p.LandmarkVisibility}} {
		if !(v.value >= 0 && v.value <= 1) {
			errs = append(errs, fmt.Errorf("%s is %v, which is not between 0 and 1", v.name, v.value))
		}
	}
	if p.Landmarks < 0 || p.Landmarks > LandmarkCount {
		errs = append(errs, fmt.Errorf("landmarks is %d, but a pose has %d", p.Landmarks, LandmarkCount))
	}
	if p.Visibility == 0 && (p.Landmarks == 0 || p.LandmarkVisibility == 0) {
		errs = append(errs, errors.New("it must ask for some visibility (visibility, or landmarks and landmark_visibility): "+
			"hidden landmarks are guesses"))
	}
	return errors.Join(errs...)
}

func (p Profile) validateSide() error {
	if p.Side == "" {
		return nil
	}
	_, err := ParseSideChoice(string(p.Side))
	return err
}

// Integer is an angle in whole degrees as the profile makes them: original cuts, all others round half away from zero.
func (p Profile) Integer(degrees float64) int {
	if p.Truncates {
		return int(degrees)
	}
	return int(math.Round(degrees))
}

// IntegerAngle is Integer for a profile of which only the name is known; a name that is not built in is a user's own
// profile, which rounds.
func IntegerAngle(profile string, degrees float64) int {
	p, _ := ProfileByName(profile) // the zero Profile rounds
	return p.Integer(degrees)
}

// sufficient tells whether enough is visible to measure this side.
func (p Profile) sufficient(v *visibilities, s Side) bool {
	return v.weakest(s) >= p.Visibility && v.count(p.LandmarkVisibility) >= p.Landmarks
}

// judge gives Good or Bad.
func (p Profile) judge(neck, torso float64) Status {
	if p.Truncates {
		neck, torso = float64(int(neck)), float64(int(torso))
	}
	if neck < p.NeckBelow && torso < p.TorsoBelow && (p.NeckAbove == 0 || neck > p.NeckAbove) {
		return Good
	}
	return Bad
}
