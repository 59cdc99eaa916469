package posture

import "math"

// point is a place in the picture in pixels, X to the right and Y down. Angles are taken here and not in the landmarks'
// own fractions, in which a picture that is wider than high would bend every slanted line.
type point struct{ X, Y float64 }

// shortestSegment is the least length in pixels of a neck or torso that is measured: a line between two points of the
// same pixel has no direction.
const shortestSegment = 1.0

// at gives landmark i of the pose in pixels. MediaPipe's drawing and LearnOpenCV's example cut these to whole pixels
// first; on a neck of 60 pixels that alone moves the angle by up to a degree, so here nothing is cut.
func (p *Pose) at(i int) point {
	return point{float64(p.Landmarks[i].X) * float64(p.Width), float64(p.Landmarks[i].Y) * float64(p.Height)}
}

func (a point) finite() bool { return finite(a.X) && finite(a.Y) }

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func (a point) distance(b point) float64 { return math.Hypot(b.X-a.X, b.Y-a.Y) }

func (a point) middle(b point) point { return point{(a.X + b.X) / 2, (a.Y + b.Y) / 2} }

// lean is the angle in degrees between the line from lower to upper and the plumb line through lower: 0 when upper
// stands straight above it, positive to the right of the picture, negative to its left, ±180 straight below.
//
// It is findAngle of LearnOpenCV's "Building a Body Posture Analysis System using MediaPipe", acos((y1 - y2) / |p2 - p1|),
// with its sign kept and in atan2's form, which stays exact near 0 where acos loses half of the digits. The article
// multiplies by int(180/pi) = 57 where 57.2958 is meant, so that its 40 degrees are 40.2 here.
//
// ok is false where there is no such line: a point that is no number, or both points in the same pixel.
func lean(lower, upper point) (degrees float64, ok bool) {
	if !lower.finite() || !upper.finite() || lower.distance(upper) < shortestSegment {
		return 0, false
	}
	return math.Atan2(upper.X-lower.X, lower.Y-upper.Y) * 180 / math.Pi, true
}

// leans are the two signed leans of one pose.
type leans struct{ neck, torso float64 }

// measure takes neck (shoulder to ear) and torso (hip to shoulder) on one side of the body. The neck's line is an
// estimate from ear and shoulder: a craniovertebral angle needs the vertebra C7, which BlazePose does not report.
func measure(p *Pose, s Side) (leans, bool) {
	if p.Width <= 0 || p.Height <= 0 {
		return leans{}, false
	}
	m := measuredBy(s)
	shoulder := p.at(m.shoulder)
	neck, neckOK := lean(shoulder, p.at(m.ear))
	torso, torsoOK := lean(p.at(m.hip), shoulder)
	return leans{neck, torso}, neckOK && torsoOK
}

// mean is the mean of signed leans and its standard error (0 for a single one, of which there is none). Leans are
// averaged with their sign, so that readings on both sides of the vertical cancel as they should, and as deviations from
// the first, so that ±180 is no seam.
func mean(degrees []float64) (value, standardError float64) {
	n := float64(len(degrees))
	var sum, squares float64
	for _, d := range degrees {
		deviation := wrap(d - degrees[0])
		sum += deviation
		squares += deviation * deviation
	}
	value = wrap(degrees[0] + sum/n)
	if n < 2 {
		return value, 0
	}
	variance := math.Max(0, squares-sum*sum/n) / (n - 1)
	return value, math.Sqrt(variance / n)
}

// wrap brings an angle in degrees into -180..180.
func wrap(degrees float64) float64 { return math.Remainder(degrees, 360) }
