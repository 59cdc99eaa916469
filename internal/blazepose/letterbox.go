package blazepose

import "plumbline/internal/posture"

// letterbox is what was added at each side to make a rectangle square, as fractions of the square.
type letterbox struct{ horizontal, vertical float32 }

// padded makes a region a square in pixels by enlarging its shorter side, and says by how much. It mirrors PadRoi
// (image_to_tensor_utils.cc) for square tensors with keep_aspect_ratio.
func padded(r region, f *posture.Frame) (posture.Region, letterbox) {
	w, h := float32(f.Width), float32(f.Height)
	width, height := r.width*w, r.height*h
	square := posture.Region{CenterX: r.x * w, CenterY: r.y * h, Rotation: r.rotation}
	aspect := height / width
	if 1 > aspect {
		square.Side = width
		return square, letterbox{vertical: (1 - aspect) / 2}
	}
	square.Side = height
	return square, letterbox{horizontal: (1 - 1/aspect) / 2}
}

// removeFrom turns a detection in the square into one in the rectangle. It mirrors DetectionLetterboxRemovalCalculator.
func (l letterbox) removeFrom(d *detection) {
	d.x, d.y = l.removeX(d.x), l.removeY(d.y)
	d.width /= 1 - 2*l.horizontal
	d.height /= 1 - 2*l.vertical
	for k := range d.keys {
		d.keys[k] = point{l.removeX(d.keys[k].x), l.removeY(d.keys[k].y)}
	}
}

func (l letterbox) removeX(x float32) float32 {
	return (x - l.horizontal) / (1 - (l.horizontal + l.horizontal))
}
func (l letterbox) removeY(y float32) float32 {
	return (y - l.vertical) / (1 - (l.vertical + l.vertical))
}
