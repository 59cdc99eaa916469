package posture

import "fmt"

// SideChoice says which side of the body is measured.
type SideChoice string

// The choices. Left and right are the person's own. The zero value means SideAuto.
const (
	SideAuto    SideChoice = "auto" // the side whose ear, shoulder and hip are better visible, or else nearer
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

// weakest is the visibility of the side's least visible landmark of the three.
func (v *visibilities) weakest(s Side) float64 {
	m := measuredBy(s)
	return min(v[m.ear], v[m.shoulder], v[m.hip])
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

// clearlyBetter is by how much one side's visibility must exceed the other's to decide. Below it the sides count as equally
// visible: in side views of a clothed person the network gives 0.99 and more to both, and the rest is chance.
const clearlyBetter = 0.1

// choose picks the side to measure: the better visible one, else the one nearer to the camera. Both angles need all three
// landmarks, so the weakest of the three tells how visible a side is.
func (c SideChoice) choose(v *visibilities, poses []Pose) Side {
	switch c {
	case AlwaysLeft:
		return SideLeft
	case AlwaysRight:
		return SideRight
	}
	better := v.weakest(SideRight) - v.weakest(SideLeft)
	if better > clearlyBetter || better >= -clearlyBetter && depth(poses, SideRight) < depth(poses, SideLeft) {
		return SideRight
	}
	return SideLeft
}

// depth is the side's mean depth over all readings, in MediaPipe's unit; smaller is nearer. A depth that is no number
// counts as 0, the depth of the hips' middle.
func depth(poses []Pose, s Side) float64 {
	m, sum := measuredBy(s), 0.0
	for i := range poses {
		for _, k := range []int{m.ear, m.shoulder, m.hip} {
			if z := float64(poses[i].Landmarks[k].Z); finite(z) {
				sum += z
			}
		}
	}
	return sum / float64(3*max(1, len(poses)))
}
