package blazepose

import (
	"math"

	"plumbline/internal/posture"
)

// regionScale is by how much the square round the body is enlarged (pose_detection_to_roi.pbtxt).
const regionScale = 1.25

// region is a rotated rectangle as MediaPipe's NormalizedRect: centre and size as fractions of the picture's width and
// height, rotation in radians, clockwise on the screen.
type region struct{ x, y, width, height, rotation float32 }

// regionOf is the square in which the landmarks are looked for: round the hips, large enough for the body, turned so that
// the body stands upright. It mirrors AlignmentPointsRectsCalculator and RectTransformationCalculator (square_long, 1.25).
func regionOf(d detection, f *posture.Frame) region {
	w, h := float32(f.Width), float32(f.Height)
	x0, y0 := d.keys[hipCentre].x*w, d.keys[hipCentre].y*h
	x1, y1 := d.keys[bodyEnd].x*w, d.keys[bodyEnd].y*h
	dx, dy := x1-x0, y1-y0
	side := 2 * float32(math.Sqrt(float64(float32(dx*dx)+float32(dy*dy))))
	angle := float32(math.Pi/2) - atan2(-dy, dx)
	r := region{x: x0 / w, y: y0 / h, width: side / w, height: side / h, rotation: normalRadians(angle)}
	long := max(r.width*w, r.height*h)
	r.width, r.height = long/w*regionScale, long/h*regionScale
	return r
}

// normalRadians brings an angle to -pi..pi, in float64 as NormalizeRadians does.
func normalRadians(angle float32) float32 {
	a := float64(angle)
	return float32(a - float64(2*math.Pi*math.Floor((a+math.Pi)/(2*math.Pi))))
}

// usable says whether a square can be cut out: a network's output on odd pictures may be anything.
func (r region) usable() bool {
	for _, v := range []float32{r.x, r.y, r.width, r.height, r.rotation} {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return false
		}
	}
	return r.width > 0 && r.height > 0
}

// pixels gives a region in pixels of the picture: a square of the longer side, which is how it is cut.
func (r region) pixels(f *posture.Frame) posture.Region {
	square, _ := padded(r, f)
	return square
}

// fromPixels is the inverse of pixels, for squares.
func fromPixels(p posture.Region, f *posture.Frame) region {
	w, h := float32(f.Width), float32(f.Height)
	return region{x: p.CenterX / w, y: p.CenterY / h, width: p.Side / w, height: p.Side / h, rotation: p.Rotation}
}

// wholeFrame is the region of a whole picture.
func wholeFrame() region { return region{x: 0.5, y: 0.5, width: 1, height: 1} }
