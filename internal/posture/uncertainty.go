package posture

// StandingUncertainty is what a single reading of the neck and torso angle carries: the standard deviation in degrees by
// which the model wavers when the same picture is read again through a crop shifted by up to 2 % of its side, scaled by up
// to 3 % and turned by up to 0.02 radians, as detections of the same person do from picture to picture.
//
// Measured by test/uncertainty on 31 photographs of people (seated and standing; side, front, back, far away, in the dark),
// 20 readings each; pooled over those (25 to 28) in which both angles can be measured in every reading:
//
//	          one crop        median picture    mean of 5 crops
//	          neck  torso     neck  torso       neck  torso
//	lite      3.69  1.38      1.74  1.10        2.17  0.86
//	full      2.10  1.12      1.67  0.86        1.27  0.66
//	heavy     2.29  1.30      1.39  0.94        1.32  0.81
//
// The pooled figures are used: a few pictures waver much more than most (faces turned away or in the dark, necks of a few
// pixels), and a reading does not know whether it is one of them. A model that is not known gets the largest.
func StandingUncertainty(model string) (neck, torso float64) {
	switch model {
	case "full":
		return 2.1, 1.1
	case "heavy":
		return 2.3, 1.3
	}
	return 3.7, 1.4
}

// SharedUncertainty is what averaging crops does not take away: they are all cut around one detection, and its own error
// is in each of them. It is what the measurement above leaves of the mean of five once a fifth of the single readings'
// variance is taken off: the root of mean² - single² / 5.
func SharedUncertainty(model string) (neck, torso float64) {
	switch model {
	case "full":
		return 0.9, 0.4
	case "heavy":
		return 0.8, 0.6
	}
	return 1.4, 0.6
}
