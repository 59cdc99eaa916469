package posture

import (
	"fmt"
	"math"
)

// Judge turns poses into an Assessment. The zero Judge judges by the default profile on the better visible side. It holds
// no state and may be used by many goroutines.
type Judge struct {
	Profile Profile    // the zero Profile means DefaultProfile
	Side    SideChoice // the zero value means SideAuto; a profile that fixes its side overrules it
	Model   string     // lite, full or heavy: whose standing uncertainty a single reading carries
}

// Validate refuses a choice of side that the profile overrules, and whatever the profile refuses.
func (j Judge) Validate() error {
	p := j.profile()
	if err := p.Validate(); err != nil {
		return err
	}
	if p.Side.fixed() && j.Side.fixed() && p.Side != j.Side {
		return fmt.Errorf("profile %q always measures the %s side, so side %q cannot be had with it", p.Name, p.Side, j.Side)
	}
	return nil
}

func (j Judge) profile() Profile {
	if j.Profile.Name != "" {
		return j.Profile
	}
	return Profiles()[0]
}

func (j Judge) side(p Profile) SideChoice {
	if p.Side.fixed() {
		return p.Side
	}
	return j.Side
}

// Assess judges one picture from one pose or from several readings of it (jittered crops). No pose is NoLandmarks. What
// is too little visible, or whose geometry has no angle (an ear on the shoulder, a landmark that is no number, a picture
// without size), is InsufficientLandmarks: nothing is guessed. Of several readings visibilities and angles are averaged;
// those without an angle are left out. The first pose is the one to draw; it is copied, so that the caller may go on
// using its own.
//
// Uncertainties are those of the number given: with one reading the model's StandingUncertainty; with several the standard
// error of their mean (their standard deviation over the square root of their number) and the model's SharedUncertainty,
// as the root of the sum of squares. Both tell how far the model wavers, not how far it is from the truth.
//
// For an oblique or frontal view the angles are given too, as the picture shows them; the view says how much they mean.
func (j Judge) Assess(poses []Pose) Assessment {
	p := j.profile()
	a := Assessment{Status: NoLandmarks, Profile: p.Name}
	if len(poses) == 0 {
		return a
	}
	first := poses[0]
	a.Pose, a.Status = &first, InsufficientLandmarks
	visible := meanVisibilities(poses)
	side := j.side(p).choose(&visible, poses)
	if !p.sufficient(&visible, side) {
		return a
	}
	r := read(poses, side)
	if len(r.necks) == 0 {
		return a
	}
	angles := r.angles(j.Model)
	a.Status, a.Side, a.View, a.Angles = p.judge(angles.Neck, angles.Torso), side, r.view(), &angles
	return a
}

// readings are the signed leans and the shoulder ratios of those poses that have leans.
type readings struct{ necks, torsos, ratios []float64 }

func read(poses []Pose, side Side) readings {
	var r readings
	for i := range poses {
		l, ok := measure(&poses[i], side)
		if !ok {
			continue
		}
		r.necks = append(r.necks, l.neck)
		r.torsos = append(r.torsos, l.torso)
		r.ratios = append(r.ratios, shoulderRatio(&poses[i]))
	}
	return r
}

func (r readings) angles(model string) Angles {
	neck, neckError := mean(r.necks)
	torso, torsoError := mean(r.torsos)
	if len(r.necks) == 1 {
		neckError, torsoError = StandingUncertainty(model)
	} else {
		neckShared, torsoShared := SharedUncertainty(model)
		neckError, torsoError = math.Hypot(neckError, neckShared), math.Hypot(torsoError, torsoShared)
	}
	return Angles{
		Neck: math.Abs(neck), Torso: math.Abs(torso),
		NeckUncertainty: neckError, TorsoUncertainty: torsoError,
	}
}

func (r readings) view() View {
	sum := 0.0
	for _, ratio := range r.ratios {
		sum += ratio
	}
	return viewOf(sum / float64(len(r.ratios)))
}
