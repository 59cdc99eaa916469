package blazepose

import "plumbline/internal/posture"

// How far crops are jittered around the region of interest: shifts by up to 2 % of its side, scales by up to 3 % and turns
// by up to 0.02 radians (1.1 degrees). About as much as detections of the same person waver from picture to picture.
const (
	jitterShift = 0.02
	jitterScale = 0.03
	jitterTurn  = 0.02
)

// Jitter gives the i-th of a sequence of regions around r; the 0th is r itself. The sequence is always the same and fills
// the space of shifts, scales and turns evenly (Halton's, bases 2, 3, 5 and 7).
func Jitter(r posture.Region, i int) posture.Region {
	if i == 0 {
		return r
	}
	return Displace(r, [4]float64{halton(i, 2), halton(i, 3), halton(i, 5), halton(i, 7)})
}

// Displace shifts (to the right, down), scales and turns a region by the jitter's full extent times 2u-1, for each u in 0..1.
func Displace(r posture.Region, u [4]float64) posture.Region {
	of := func(i int, extent float64) float32 { return float32((2*u[i] - 1) * extent) }
	return posture.Region{
		CenterX:  r.CenterX + of(0, jitterShift)*r.Side,
		CenterY:  r.CenterY + of(1, jitterShift)*r.Side,
		Side:     r.Side * (1 + of(2, jitterScale)),
		Rotation: r.Rotation + of(3, jitterTurn),
	}
}

// halton is i's radical inverse: its digits in the base, mirrored at the point.
func halton(i, base int) float64 {
	value, digit := 0.0, 1/float64(base)
	for ; i > 0; i /= base {
		value += float64(i%base) * digit
		digit /= float64(base)
	}
	return value
}
