package posture_test

import (
	"math"

	"plumbline/internal/posture"
)

// body builds poses whose angles are known: a hip at Hip pixels, a torso and a neck of given length and signed lean
// (degrees, positive to the right), and shoulders (and hips) apart by Apart pixels, the measured side in the middle of
// nothing: the other side is moved horizontally.
type body struct {
	neck, torso float64
	apart       float64
	width       int
	height      int
	scale       float64
	shiftX      float64
	shiftY      float64
}

func upright() body { return body{neck: 15, torso: 5, apart: 10, width: 1920, height: 1080, scale: 1} }

func (b body) pose() posture.Pose {
	p := posture.Pose{Width: b.width, Height: b.height, Confidence: 1}
	for i := range p.Landmarks {
		b.put(&p, i, 400, 300)
		p.Landmarks[i].Visibility, p.Landmarks[i].Presence = 1, 1
	}
	hipX, hipY := 900.0, 800.0
	shoulderX, shoulderY := above(hipX, hipY, 300, b.torso)
	earX, earY := above(shoulderX, shoulderY, 120, b.neck)
	for _, side := range []struct {
		ear, shoulder, hip int
		off                float64
	}{
		{posture.LeftEar, posture.LeftShoulder, posture.LeftHip, 0},
		{posture.RightEar, posture.RightShoulder, posture.RightHip, b.apart},
	} {
		b.put(&p, side.ear, earX+side.off, earY)
		b.put(&p, side.shoulder, shoulderX+side.off, shoulderY)
		b.put(&p, side.hip, hipX+side.off, hipY)
	}
	return p
}

func (b body) put(p *posture.Pose, i int, x, y float64) {
	p.Landmarks[i].X = float32((x*b.scale + b.shiftX) / float64(b.width))
	p.Landmarks[i].Y = float32((y*b.scale + b.shiftY) / float64(b.height))
}

func above(x, y, length, degrees float64) (float64, float64) {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	return x + length*sin, y - length*cos
}

// mirrored is the same picture seen in a mirror: x turned round, left and right exchanged.
func mirrored(p posture.Pose) posture.Pose {
	m := p
	for _, pair := range [][2]int{
		{posture.LeftEar, posture.RightEar},
		{posture.LeftShoulder, posture.RightShoulder},
		{posture.LeftHip, posture.RightHip},
	} {
		m.Landmarks[pair[0]], m.Landmarks[pair[1]] = p.Landmarks[pair[1]], p.Landmarks[pair[0]]
	}
	for i := range m.Landmarks {
		m.Landmarks[i].X = 1 - m.Landmarks[i].X
	}
	return m
}

func close(got, want, tolerance float64) bool { return math.Abs(got-want) <= tolerance }
