package posture

// StandingUncertainty is the standard deviation in degrees by which a model's neck and torso angle waver when the same
// picture is read again through a crop shifted, scaled and turned by up to 2 %: what a single reading carries. The figures
// are measured for the full model; the others have none of their own yet and are given the same.
func StandingUncertainty(model string) (neck, torso float64) {
	switch model {
	default:
		return 1.9, 0.9
	}
}
