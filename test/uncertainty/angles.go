package main

import (
	"fmt"
	"math"
	"slices"

	"plumbline/internal/posture"
)

// reading is one reading of both angles in degrees, signed: positive to the right.
type reading struct{ neck, torso float64 }

type readings []reading

// leansOf measures one side of the body as package posture does, but keeps the sign, without which an upright neck could not
// waver to both sides.
func leansOf(p *posture.Pose, side posture.Side) reading {
	ear, shoulder, hip := posture.LeftEar, posture.LeftShoulder, posture.LeftHip
	if side == posture.SideRight {
		ear, shoulder, hip = posture.RightEar, posture.RightShoulder, posture.RightHip
	}
	lean := func(lower, upper int) float64 {
		a, b := p.Landmarks[lower], p.Landmarks[upper]
		return math.Atan2(float64(b.X-a.X)*float64(p.Width), float64(a.Y-b.Y)*float64(p.Height)) * 180 / math.Pi
	}
	return reading{neck: lean(shoulder, ear), torso: lean(hip, shoulder)}
}

// mean averages angles as deviations from the first, so that 180 degrees are no seam.
func (rs readings) mean() reading {
	m := rs[0]
	n := float64(len(rs))
	for _, r := range rs {
		m.neck += math.Remainder(r.neck-rs[0].neck, 360) / n
		m.torso += math.Remainder(r.torso-rs[0].torso, 360) / n
	}
	return m
}

// deviation is a standard deviation of both angles in degrees.
type deviation struct{ neck, torso float64 }

func (d deviation) String() string { return fmt.Sprintf("%.2f, %.2f", d.neck, d.torso) }

func (rs readings) deviation() deviation {
	m := rs.mean()
	var d deviation
	for _, r := range rs {
		d.neck += square(math.Remainder(r.neck-m.neck, 360))
		d.torso += square(math.Remainder(r.torso-m.torso, 360))
	}
	n := float64(len(rs) - 1)
	return deviation{math.Sqrt(d.neck / n), math.Sqrt(d.torso / n)}
}

func square(x float64) float64 { return x * x }

type deviations []deviation

// pooled is the root of the mean variance.
func (ds deviations) pooled() deviation {
	var sum deviation
	for _, d := range ds {
		sum.neck += square(d.neck) / float64(len(ds))
		sum.torso += square(d.torso) / float64(len(ds))
	}
	return deviation{math.Sqrt(sum.neck), math.Sqrt(sum.torso)}
}

func (ds deviations) median() deviation {
	middle := func(of func(deviation) float64) float64 {
		values := make([]float64, len(ds))
		for i, d := range ds {
			values[i] = of(d)
		}
		slices.Sort(values)
		if len(values) == 0 {
			return 0
		}
		return values[len(values)/2]
	}
	return deviation{middle(func(d deviation) float64 { return d.neck }), middle(func(d deviation) float64 { return d.torso })}
}
