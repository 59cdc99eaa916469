package blazepose

import (
	"fmt"

	"plumbline/internal/posture"
)

// minDetection is the score from which a detection counts: MediaPipe's min_detection_confidence, left at its default.
const minDetection = 0.5

// Key points of a detection. MediaPipe's model gives four; the region of interest needs two.
const (
	hipCentre    = 0
	bodyEnd      = 1 // on the circle round the hips that holds the whole body
	keyPoints    = 2
	valuesPerBox = 12 // box (4) and key points (4 x 2)
)

// detection is a candidate person. Coordinates are fractions of the detector's input, later of the picture.
type detection struct {
	score               float32
	x, y, width, height float32 // left upper corner and size
	keys                [keyPoints]point
}

type point struct{ x, y float32 }

// detector finds people in a whole picture.
type detector struct {
	session    session
	anchors    []anchor
	values     byteValues
	candidates []detection // kept between pictures
	merged     []detection
}

func newDetector(s session) *detector {
	return &detector{session: s, anchors: makeAnchors(), values: newByteValues(-1, 1)}
}

// crop fills the detector's input: the picture, centred in a black square, scaled to 224 x 224 and to -1..1.
func (d *detector) crop(f *posture.Frame) letterbox {
	square, box := padded(wholeFrame(), f)
	sample(f, square, detectorSide, zeroBorder, &d.values, d.session.Input())
	return box
}

// detect runs the network on its input and returns the best detection, in fractions of the picture.
func (d *detector) detect(box letterbox) (best detection, found bool, err error) {
	if err := d.session.Run(); err != nil {
		return detection{}, false, fmt.Errorf("detecting people: %w", err)
	}
	d.decode(d.session.Output(0), d.session.Output(1))
	if len(d.candidates) == 0 {
		return detection{}, false, nil
	}
	best = d.suppress()
	box.removeFrom(&best)
	return best, true, nil
}

// decode turns the network's output into candidates. It mirrors TensorsToDetectionsCalculator (sigmoid_score,
// score_clipping_thresh 100, reverse_output_order, scales 224), which drops boxes of negative size.
func (d *detector) decode(boxes, scores []float32) {
	d.candidates = d.candidates[:0]
	for i, a := range d.anchors {
		if scores[i] < -1 { // the sigmoid is far below minDetection: spares 2254 exponentials
			continue
		}
		score := sigmoid(min(max(scores[i], -100), 100))
		if !(score >= minDetection) {
			continue
		}
		if c := decodeBox(boxes[i*valuesPerBox:(i+1)*valuesPerBox], a); c.width >= 0 && c.height >= 0 {
			c.score = score
			d.candidates = append(d.candidates, c)
		}
	}
}

func decodeBox(raw []float32, a anchor) detection {
	at := func(i int) float32 { return raw[i] / detectorSide }
	x, y, w, h := at(0)+a.x, at(1)+a.y, at(2), at(3)
	left, top, right, bottom := x-w/2, y-h/2, x+w/2, y+h/2
	c := detection{x: left, y: top, width: right - left, height: bottom - top}
	for k := range c.keys {
		c.keys[k] = point{at(4+2*k) + a.x, at(5+2*k) + a.y}
	}
	return c
}

// sigmoid is 1 / (1 + e^-x) in float32.
func sigmoid(x float32) float32 { return 1 / (1 + exp(-x)) }
