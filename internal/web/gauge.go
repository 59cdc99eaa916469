package web

import (
	"fmt"
	"math"

	"plumbline/internal/posture"
)

// gauge is a small drawing: a plumb line through the hip, and torso and neck leaning away from it by the angles that were
// measured, with a fan of two standard uncertainties around each. It shows both leans towards where the person faces; the
// angles have no sign. Coordinates are those of the SVG's viewBox (-46 -100 92 114), the hip at height 0.
type gauge struct {
	Hip, Shoulder, Ear   spot
	Head                 spot
	TorsoFan, NeckFan    string // outlines of the fans
	TorsoArc, NeckArc    string // from the vertical to the limb
	PlumbTop, PlumbCross float64
}

type spot struct{ X, Y float64 }

// Lengths in the drawing: about those of a person's torso and of the line from shoulder to ear.
const (
	torsoLength = 48
	neckLength  = 24
	headRadius  = 8.5
	torsoArc    = 30
	neckArc     = 17
	plumbTop    = -98
	hipOffset   = 14
)

func newGauge(side posture.Side, a posture.Angles) *gauge {
	// Who turns the left side to the camera looks to the left of the picture.
	facing := 1.0
	if side == posture.SideLeft {
		facing = -1
	}
	hip := spot{-hipOffset * facing, 0}
	shoulder := hip.towards(a.Torso*facing, torsoLength)
	return &gauge{
		Hip: hip, Shoulder: shoulder, Ear: shoulder.towards(a.Neck*facing, neckLength),
		Head:     shoulder.towards(a.Neck*facing, neckLength+headRadius),
		TorsoFan: fan(hip, a.Torso*facing, a.TorsoUncertainty, torsoLength),
		NeckFan:  fan(shoulder, a.Neck*facing, a.NeckUncertainty, neckLength),
		TorsoArc: arc(hip, a.Torso*facing, torsoArc), NeckArc: arc(shoulder, a.Neck*facing, neckArc),
		PlumbTop: plumbTop, PlumbCross: shoulder.Y - neckLength - headRadius,
	}
}

// towards is the spot a length away, at an angle in degrees from straight up, positive to the right.
func (s spot) towards(degrees, length float64) spot {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	return spot{round(s.X + length*sin), round(s.Y - length*cos)}
}

func round(v float64) float64 { return math.Round(v*10) / 10 }

// fan outlines two standard uncertainties to either side of a limb.
func fan(from spot, degrees, uncertainty, length float64) string {
	if uncertainty <= 0 {
		return ""
	}
	spread := math.Min(2*uncertainty, 45)
	a, b := from.towards(degrees-spread, length), from.towards(degrees+spread, length)
	return fmt.Sprintf("M%g %gL%g %gA%g %g 0 0 1 %g %gZ", from.X, from.Y, a.X, a.Y, length, length, b.X, b.Y)
}

// arc runs from the vertical to a limb.
func arc(from spot, degrees, radius float64) string {
	a, b, sweep := from.towards(0, radius), from.towards(degrees, radius), 1
	if degrees < 0 {
		sweep = 0
	}
	return fmt.Sprintf("M%g %gA%g %g 0 0 %d %g %g", a.X, a.Y, radius, radius, sweep, b.X, b.Y)
}
