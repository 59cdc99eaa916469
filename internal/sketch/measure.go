package sketch

import (
	"math"

	"plumbline/internal/posture"
)

// drawMeasure draws the two angles on the side that was measured.
func (s *scene) drawMeasure() {
	a := s.assessment
	if a.Angles == nil || a.Pose == nil {
		return
	}
	ear, shoulder, hip := posture.LeftEar, posture.LeftShoulder, posture.LeftHip
	if a.Side == posture.SideRight {
		ear, shoulder, hip = posture.RightEar, posture.RightShoulder, posture.RightHip
	}
	e, sh, h := s.points[ear], s.points[shoulder], s.points[hip]
	torso := lean{from: h, to: sh, degrees: a.Angles.Torso, reach: 1.18}
	neck := lean{from: sh, to: e, degrees: a.Angles.Neck, reach: 1.45}
	s.drawLean(torso)
	s.drawLean(neck)
	s.drawBob(h)
	for _, j := range []joint{h, sh, e} {
		s.drawKnot(j)
	}
	s.labels[0] = s.drawDegrees(torso, 0.62)
	s.labels[1] = s.drawDegrees(neck, 0.72)
}

// lean is a segment of the body and its angle against the vertical; the plumb line is drawn reach times as long.
type lean struct {
	from, to joint
	degrees  float64
	reach    float32
}

func (l lean) shown() bool     { return l.from.shown && l.to.shown }
func (l lean) length() float32 { return l.to.sub(l.from.point).length() }

func (s *scene) drawLean(l lean) {
	if !l.shown() || l.length() < 2 {
		return
	}
	color := verdictOf(s.assessment.Status).color
	up := point{0, -1}
	toward := l.to.sub(l.from.point).unit()
	r := 0.6 * l.length()
	s.canvas.wedge(l.from.point, up, toward, r, 1.1*s.line+s.halo(s.line), color.faded(0.36), haloColor)
	s.canvas.wedge(l.from.point, up, toward, r, 1.1*s.line, color.faded(0), color)
	s.drawPlumb(l.from.point, l.from.add(up.times(l.reach*l.length())))
	s.canvas.line(l.from.point, l.to.point, 1.7*s.line+s.halo(s.line), haloColor)
	s.canvas.line(l.from.point, l.to.point, 1.7*s.line, color)
}

// drawPlumb draws a dashed line.
func (s *scene) drawPlumb(a, b point) {
	width := max(0.55*s.line, 1)
	dash := max(3.2*s.line, 4)
	whole := b.sub(a)
	n := min(int(whole.length()/dash)|1, 199) // odd: it begins and ends with a dash
	for i := 0; i < n; i += 2 {
		p, q := a.add(whole.times(float32(i)/float32(n))), a.add(whole.times(float32(i+1)/float32(n)))
		s.canvas.line(p, q, width+0.7*s.halo(s.line), haloColor)
		s.canvas.line(p, q, width, plumbColor)
	}
}

// drawBob hangs the plumb bob below the hip.
func (s *scene) drawBob(hip joint) {
	if !hip.shown {
		return
	}
	u := max(s.line, 1.2)
	top := hip.add(point{0, 7 * u})
	tip := top.add(point{0, 5.2 * u})
	s.canvas.line(hip.point, top, 0.4*u+0.7*s.halo(s.line), haloColor)
	s.canvas.taper(top, tip, 2*u+0.5*s.halo(s.line), 0.4*s.halo(s.line), haloColor)
	s.canvas.line(hip.point, top, max(0.4*u, 1), plumbColor)
	s.canvas.taper(top, tip, 2*u, 0.3*u, brassColor)
}

// drawKnot marks a landmark that the angles were measured from.
func (s *scene) drawKnot(j joint) {
	if !j.shown {
		return
	}
	r := 1.75 * s.line
	s.canvas.disc(j.point, r+0.6*s.halo(s.line), haloColor)
	s.canvas.disc(j.point, r, verdictOf(s.assessment.Status).color)
	s.canvas.disc(j.point, 0.5*r, textColor)
}

// labelShare is the share of a picture's height that a label may take; in a thumbnail it would hide the person.
const labelShare = 0.16

// drawDegrees writes the angle beside the plumb line, at a share of the segment's height, on the side that the body does
// not lean to: behind a back that leans forward. Where it hardly leans, behind the back as well. It
// returns the label's box.
func (s *scene) drawDegrees(l lean, share float32) box {
	h := 1.3 * s.text
	if !l.shown() || math.IsNaN(l.degrees) || h > labelShare*float32(s.canvas.height) {
		return box{}
	}
	f := s.texts.face(bold, s.text*0.95)
	text := degrees(l.degrees, 0)
	pad := 0.32 * s.text
	w := f.width(text) + 2*pad
	gap := 1.2*s.line + 0.25*s.text
	at := box{l.from.x + gap, l.from.y - share*l.length() - h/2, w, h}
	if s.labelLeft(l) {
		at.x = l.from.x - gap - w
	}
	at = s.canvas.within(at)
	s.canvas.roundRect(at, 0.4*s.text, panelColor)
	s.canvas.write(f, text, point{at.x + pad, at.y + 0.99*s.text}, verdictOf(s.assessment.Status).color)
	return at
}

// smallLean is in degrees; a wedge that narrow leaves room for its label on either side.
const smallLean = 10

func (s *scene) labelLeft(l lean) bool {
	nose, ear := s.points[posture.Nose], s.points[posture.LeftEar]
	if s.assessment.Side == posture.SideRight {
		ear = s.points[posture.RightEar]
	}
	if l.degrees < smallLean && nose.shown && ear.shown {
		return nose.x > ear.x // behind the back
	}
	return l.to.x >= l.from.x
}

// within moves a box into the picture.
func (c *canvas) within(b box) box {
	b.x = max(min(b.x, float32(c.width)-b.w), 0)
	b.y = max(min(b.y, float32(c.height)-b.h), 0)
	return b
}
