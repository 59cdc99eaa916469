package main

import "math"

// person is who is drawn and how they hold themselves. Lengths in metres are for a body of scale 1.
type person struct {
	name                  string
	scale, girth          float64 // of height and of what clothes the bones; 1 is average
	skin, hair            vec
	shirt, trousers, shoe *material
	shortSleeves, hood    bool
	look                  look
}

// stance is a posture: leans of neck and torso in degrees in the body's plane, and what body and hands do.
type stance struct {
	neck, torso float64
	standing    bool
	hands       hands
}

type hands int

const (
	handsTyping  hands = iota
	handsReading       // holding a telephone before the chest
	handsResting       // on the thighs; of who stands, hanging
)

// Lengths of a body of scale 1.
const (
	seatHip     = 0.56 // height of a sitting person's hip joint
	standingHip = 0.93
	// standingForward is how far before a chair's place a person stands, to be at arm's length from a desk.
	standingForward = 0.10
	trunkLength     = 0.50
	neckLength      = 0.205 // shoulder to ear
	upperArm        = 0.285
	forearm         = 0.255
)

// figure is a person being built into a scene.
type figure struct {
	person
	stance
	scene      *scene
	hip        vec
	trunk      frameOf
	shoulders  vec
	head       frameOf
	skinStuff  *material
	deskHeight float64
}

// build puts a person into the scene and notes the marks that the true angles are measured between.
func (s *scene) build(p person, st stance, deskHeight float64) {
	f := &figure{person: p, stance: st, scene: s, deskHeight: deskHeight}
	f.hip = vec{0, seatHip, 0}
	if st.standing {
		f.hip = vec{standingForward, standingHip * p.scale, 0}
	}
	f.trunk = leaning(f.hip, st.torso)
	f.shoulders = f.trunk.at(0, trunkLength*p.scale, 0)
	ear := leaning(f.shoulders, st.neck).at(0, neckLength*p.scale, 0)
	f.head = leaning(ear, 0.4*(st.neck-12))
	if st.hands == handsReading {
		f.head = leaning(ear, 0.4*(st.neck-12)+10)
	}
	s.marks = marks{
		ear:      ear.add(axisZ.times(0.078)),
		shoulder: f.shoulders.add(axisZ.times(0.165 * p.scale)),
		hip:      f.hip.add(axisZ.times(0.10)),
	}
	f.skinStuff = f.skinMaterial()
	f.buildTrunk()
	f.buildArm(1)
	f.buildArm(-1)
	f.buildLeg(1)
	f.buildLeg(-1)
	f.buildHead()
}

// back returns a point of the trunk: forward of the bent spine, up from the hip, to the side. A slouch rounds the back.
func (f *figure) back(forward, up, side float64) vec {
	round := 0.006 + 0.0011*max(f.neck-10, 0) + 0.0006*f.torso
	bend := round * math.Sin(math.Pi*clamp(up/trunkLength, 0, 1))
	return f.trunk.at((forward-bend)*f.scale, up*f.scale, side*f.scale)
}

func (f *figure) trunkBulge(forward, up float64, radii vec) ellipsoid {
	g := f.girth
	at := f.trunk
	at.origin = f.back(forward, up, 0)
	return ellipsoid{at, vec{radii.x * g, radii.y, radii.z * (0.3 + 0.7*g)}.times(f.scale)}
}

func (f *figure) buildTrunk() {
	neckBase := f.shoulders.to(f.head.origin, 0.30).add(f.head.forward.times(-0.030))
	f.scene.put(f.shirt, 0.07,
		f.trunkBulge(0.018+0.05*(f.girth-1), 0.06, vec{0.122, 0.10, 0.160}),
		f.trunkBulge(0.016+0.06*(f.girth-1), 0.15, vec{0.118, 0.14, 0.152}),
		f.trunkBulge(0.010, 0.28, vec{0.114, 0.16, 0.150}),
		f.trunkBulge(0.006, 0.385, vec{0.112, 0.12, 0.158}),
		limb{f.back(-0.012, 0.470, -0.130), f.back(-0.012, 0.470, 0.130), 0.062, 0.062},
		limb{f.back(-0.020, 0.470, 0), neckBase, 0.072, 0.055},
	)
	f.buildCollar()
}

func (f *figure) buildCollar() {
	at := leaning(f.shoulders.to(f.head.origin, 0.24).add(vec{-0.016, 0, 0}), f.neck*0.7+8)
	f.scene.put(f.shirt, 0.01, limb{at.at(-0.012, -0.008, -0.01), at.at(0.016, -0.006, 0), 0.064, 0.060})
	if f.hood {
		f.scene.put(f.shirt, 0.05,
			limb{at.at(-0.055, -0.022, -0.075), at.at(-0.085, -0.055, 0), 0.036, 0.046},
			limb{at.at(-0.085, -0.055, 0), at.at(-0.055, -0.022, 0.075), 0.046, 0.036},
			limb{at.at(-0.055, -0.022, 0.075), at.at(0.035, -0.030, 0.065), 0.034, 0.022})
	}
}

// buildArm builds the arm of one side (1 is towards the camera) from shoulder to fingertips.
func (f *figure) buildArm(side float64) {
	k := f.scale
	shoulder := f.shoulders.add(axisZ.times(0.165 * side * k)).sub(f.trunk.up.times(0.012))
	wrist := f.wristTarget(side)
	elbow, wrist := reach(shoulder, wrist, upperArm*k, forearm*k, vec{-0.55, -0.8, 0.25 * side})
	along := wrist.sub(elbow).unit()
	g := 0.4 + 0.6*f.girth
	sleeve := []solid{limb{shoulder, shoulder.to(elbow, 0.55), 0.066 * g, 0.054 * g}}
	bare := []solid{limb{elbow.to(wrist, 0.35), wrist, 0.038 * g, 0.028}}
	if f.shortSleeves {
		bare = append(bare, limb{shoulder.to(elbow, 0.4), elbow, 0.046 * g, 0.040 * g}, limb{elbow, elbow.to(wrist, 0.4), 0.040 * g, 0.037 * g})
	} else {
		sleeve = append(sleeve, limb{shoulder.to(elbow, 0.5), elbow, 0.054 * g, 0.047 * g}, limb{elbow, elbow.to(wrist, 0.82), 0.047 * g, 0.038 * g})
	}
	f.scene.put(f.shirt, 0.04, sleeve...)
	f.scene.put(f.skinStuff, 0.02, append(bare, f.hand(wrist, along, side)...)...)
	if f.hands == handsReading && side > 0 {
		f.scene.put(deviceBlack, 0, block{leaning(wrist.add(along.times(0.10)).add(vec{0.012, 0.030, -0.06}), -62), vec{0.038, 0.004, 0.072}, 0.003})
	}
}

// hand returns palm, fingers and thumb from the wrist on; a typing hand bends down a little.
func (f *figure) hand(wrist, along vec, side float64) []solid {
	if f.hands == handsTyping {
		along = along.add(vec{0.5, -0.1, 0}).unit()
	}
	up := axisZ.cross(along).unit()
	palm := frameOf{wrist.add(along.times(0.05)), along, up, axisZ}
	knuckle := wrist.add(along.times(0.09))
	solids := []solid{ellipsoid{palm, vec{0.058, 0.019, 0.040}}}
	for _, z := range []float64{-0.024, -0.008, 0.008, 0.024} {
		from := knuckle.add(axisZ.times(z))
		solids = append(solids, limb{from, from.add(along.times(0.072 - 30*z*z)).sub(up.times(0.018)), 0.0105, 0.008})
	}
	return append(solids, limb{wrist.add(along.times(0.03)), wrist.add(along.times(0.078)).add(up.times(0.012)).sub(axisZ.times(0.044 * side)), 0.013, 0.010})
}

func (f *figure) wristTarget(side float64) vec {
	switch {
	case f.hands == handsReading:
		return f.trunk.at(0.27, 0.31, 0.06*side)
	case f.hands == handsTyping:
		return vec{deskX + 0.055, f.deskHeight + 0.042, 0.12 * side}
	case f.standing:
		return f.shoulders.add(vec{0.05, -0.53 * f.scale, 0.215 * side})
	}
	return vec{0.33, 0.665, 0.115 * side}
}

// reach bends a limb of two bones so that it ends at the target, or points to one that is too far; pole is where the
// joint between goes.
func reach(from, target vec, first, second float64, pole vec) (joint, end vec) {
	way := target.sub(from)
	d := min(way.length(), 0.995*(first+second))
	along := way.unit()
	a := (first*first - second*second + d*d) / (2 * d)
	h := math.Sqrt(max(first*first-a*a, 0))
	out := pole.sub(along.times(pole.dot(along))).unit()
	return from.add(along.times(a)).add(out.times(h)), from.add(along.times(d))
}

func (f *figure) buildLeg(side float64) {
	k, g := f.scale, 0.3+0.7*f.girth
	hip := f.hip.add(vec{0.015, -0.012, 0.092 * side})
	knee := vec{0.44 * k, 0.545, 0.125 * side}
	ankle := vec{0.41*k + 0.05*side, 0.095, 0.130 * side}
	if f.standing {
		knee = f.hip.add(vec{0.022 + 0.01*side, 0.50*k - f.hip.y, 0.095 * side})
		ankle = vec{f.hip.x - 0.01 + 0.02*side, 0.095, 0.10 * side}
	}
	pelvis := f.trunk
	pelvis.origin = f.hip.add(vec{-0.018, 0.0, 0.05 * side})
	calf := knee.to(ankle, 0.40).add(vec{-0.012, 0, 0})
	f.scene.put(f.trousers, 0.09,
		limb{hip, knee, 0.092 * g, 0.058 * g},
		limb{knee, calf, 0.058 * g, 0.054 * g},
		limb{calf, ankle.add(vec{0, 0.015, 0}), 0.054 * g, 0.047},
		ellipsoid{pelvis, vec{0.118 * g, 0.115, 0.118 * g}})
	f.buildShoe(ankle, side)
}

func (f *figure) buildShoe(ankle vec, side float64) {
	toe := ankle.add(vec{0.165, -0.058, 0.012 * side})
	f.scene.put(f.shoe, 0.03,
		limb{ankle.add(vec{-0.012, -0.030, 0}), ankle.add(vec{0.06, -0.046, 0}), 0.046, 0.040},
		limb{ankle.add(vec{0.06, -0.046, 0}), toe, 0.040, 0.030})
	f.scene.put(soleWhite, 0.02,
		limb{vec{ankle.x - 0.018, 0.014, ankle.z}, vec{toe.x - 0.05, 0.014, toe.z}, 0.014, 0.014},
		ellipsoid{frameOf{vec{ankle.x + 0.02, 0.014, ankle.z}, axisX, axisY, axisZ}, vec{0.085, 0.016, 0.044}},
		ellipsoid{frameOf{vec{toe.x - 0.065, 0.014, toe.z}, axisX, axisY, axisZ}, vec{0.098, 0.016, 0.041}})
}
