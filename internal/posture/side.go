package posture

import "fmt"

// SideChoice says which side of the body is measured.
type SideChoice string

// The choices. Left and right are the person's own. The zero value means SideAuto.
const (
	SideAuto    SideChoice = "auto" // the side whose ear, shoulder and hip are better visible
	AlwaysLeft  SideChoice = "left"
	AlwaysRight SideChoice = "right"
)

// ParseSideChoice reads auto, left or right.
func ParseSideChoice(s string) (SideChoice, error) {
	switch c := SideChoice(s); c {
	case SideAuto, AlwaysLeft, AlwaysRight:
		return c, nil
	}
	return "", fmt.Errorf("side %q is unknown: auto, left and right are known", s)
}

func (c SideChoice) fixed() bool { return c == AlwaysLeft || c == AlwaysRight }

// UnmarshalText reads a choice from a flag, an environment variable or a file.
func (c *SideChoice) UnmarshalText(text []byte) error {
	choice, err := ParseSideChoice(string(text))
	if err == nil {
		*c = choice
	}
	return err
}

// measured are the indices of the three landmarks from which one side is measured.
type measured struct{ ear, shoulder, hip int }

func measuredBy(s Side) measured {
	if s == SideRight {
		return measured{RightEar, RightShoulder, RightHip}
	}
	return measured{LeftEar, LeftShoulder, LeftHip}
}

// visibilities holds one visibility (0..1) a landmark.
type visibilities [LandmarkCount]float64

// meanVisibilities averages over readings of the same picture. A visibility that is no number counts as 0.
func meanVisibilities(poses []Pose) visibilities {
	var v visibilities
	for i := range poses {
		for k := range v {
			if visibility := float64(poses[i].Landmarks[k].Visibility); finite(visibility) {
				v[k] += visibility
			}
		}
	}
	for k := range v {
		v[k] /= float64(len(poses))
	}
	return v
}

// weakest is the visibility of the side's least visible landmark of the three, sum that of all three together.
func (v *visibilities) weakest(s Side) float64 {
	m := measuredBy(s)
	return min(v[m.ear], v[m.shoulder], v[m.hip])
}

func (v *visibilities) sum(s Side) float64 {
	m := measuredBy(s)
	return v[m.ear] + v[m.shoulder] + v[m.hip]
}

// count tells how many landmarks are visible at least so much.
func (v *visibilities) count(atLeast float64) int {
	n := 0
	for _, visibility := range v {
		if visibility >= atLeast {
			n++
		}
	}
	return n
}

// choose picks the side to measure. Both angles need all three landmarks, so the weakest of the three decides and their
// sum breaks a tie; the left side is taken where even that is equal.
func (c SideChoice) choose(v *visibilities) Side {
	switch c {
	case AlwaysLeft:
		return SideLeft
	case AlwaysRight:
		return SideRight
	}
	left, right := v.weakest(SideLeft), v.weakest(SideRight)
	if right > left || right == left && v.sum(SideRight) > v.sum(SideLeft) {
		return SideRight
	}
	return SideLeft
}
