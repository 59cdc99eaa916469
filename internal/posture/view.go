package posture

// The view is read from the shoulders' distance divided by the torso's length (middle of the shoulders to middle of the
// hips), both in pixels, so that neither the person's size nor the camera's distance matters. (LearnOpenCV's findDistance
// holds the bare distance, its "offset", against 100 pixels, which depends on both.)
//
// Somebody who faces the camera shows a ratio of about 0.65: the full model's landmarks on nine frontal photographs gave
// 0.56 to 0.86 with a median of 0.66, and 0.01 to 0.12 on 21 renders of people seen exactly from the side. (The skeletal
// proportions of Drillis and Contini, 1966, would give 0.259 / 0.288 = 0.9, measured to the outer ends of the shoulders.)
// The ratio grows where the torso itself is foreshortened, as in somebody bent towards the camera. Turned by an angle t away from an exact side view, about 0.65 sin(t) is left. A lean in the body's own
// plane is seen foreshortened, tan(seen) = tan(true) cos(t): by 13 % at 30 degrees, by half at 60. These two angles are
// the borders, and 0.65 sin(30°) and 0.65 sin(60°) the ratios.
const (
	obliqueFrom = 0.33
	frontalFrom = 0.56
)

// shoulderRatio is the shoulders' distance relative to the torso's length; not finite where that
// length is nought.
func shoulderRatio(p *Pose) float64 {
	left, right := p.at(LeftShoulder), p.at(RightShoulder)
	torso := left.middle(right).distance(p.at(LeftHip).middle(p.at(RightHip)))
	return left.distance(right) / torso
}

// viewOf names the view for a ratio. Without a finite one (a torso of no length, a landmark that is no number on the side
// that is not measured) the view is not known.
func viewOf(ratio float64) View {
	switch {
	case !finite(ratio):
		return ViewNone
	case ratio < obliqueFrom:
		return ViewSide
	case ratio < frontalFrom:
		return ViewOblique
	}
	return ViewFrontal
}
