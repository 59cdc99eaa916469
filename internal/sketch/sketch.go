// Package sketch draws what was measured into the picture that it was measured on: the figure, the plumb lines through
// hip and shoulder, the two angles, and a panel with the verdict in words. It decides nothing: every figure and word
// comes from the assessment. It refuses nothing either: landmarks that are not numbers or lie far away are left out.
package sketch

import (
	"image"

	"plumbline/internal/posture"
)

// minVisibility is from where on a landmark is drawn, MediaPipe's own threshold (drawing_utils.py).
const minVisibility = 0.5

// Style chooses what is drawn.
type Style struct {
	Blank bool // the figure on a plain ground: no pixel of the photograph remains
}

// Artist draws annotations and keeps its glyphs between pictures. It is not safe for concurrent use: one per goroutine.
type Artist struct {
	style Style
	texts texts
}

// New returns an artist.
func New(style Style) *Artist { return &Artist{style: style} }

// Draw draws the assessment into a picture, whose planes of chroma must have half its width and height (4:2:0).
func (ar *Artist) Draw(ground *image.YCbCr, a posture.Assessment) {
	if !drawable(ground) {
		return
	}
	c := newCanvas(ground)
	if ar.style.Blank {
		c.clear(groundColor)
	}
	s := scene{canvas: c, texts: &ar.texts, assessment: a, text: textSize(c.width, c.height)}
	s.locate()
	s.drawFigure()
	s.drawMeasure()
	s.drawPanel()
}

// drawable reports whether the planes hold what they say they do.
func drawable(g *image.YCbCr) bool {
	w, h := g.Rect.Dx(), g.Rect.Dy()
	columns, rows := (w+1)/2, (h+1)/2
	return w > 0 && h > 0 && g.SubsampleRatio == image.YCbCrSubsampleRatio420 && g.YStride >= w && len(g.Y) >= g.YStride*h &&
		g.CStride >= columns && len(g.Cb) >= g.CStride*rows && len(g.Cr) >= g.CStride*rows
}

// scene is one picture being drawn.
type scene struct {
	canvas     *canvas
	texts      *texts
	assessment posture.Assessment
	text       float32 // size of ordinary text in pixels
	line       float32 // width of ordinary lines in pixels
	points     [posture.LandmarkCount]joint
	labels     [2]box // where angles are written; empty where none is
}

// joint is a landmark in pixels.
type joint struct {
	point
	shown bool
}

// textSize grows with the picture's shorter side and stays readable on the smallest.
func textSize(width, height int) float32 {
	return max(9.5, float32(min(width, height))/33)
}

// locate finds the landmarks that can be drawn and how bold a figure of that size bears its lines.
func (s *scene) locate() {
	if s.assessment.Pose == nil {
		return
	}
	w, h := float32(s.canvas.width), float32(s.canvas.height)
	var body extent
	for i, l := range s.assessment.Pose.Landmarks {
		p := point{l.X * w, l.Y * h}
		if l.Visibility >= minVisibility && near(l.X) && near(l.Y) {
			s.points[i] = joint{p, true}
			body.add(p)
		}
	}
	picture := min(w, h) / 480 * 3.4
	s.line = min(max(body.longest()/110, 0.35*picture, 0.9), picture+0.6)
}

// near is false for what is not a number and for what lies more than two pictures outside.
func near(fraction float32) bool { return fraction > -2 && fraction < 3 }

// extent is the smallest upright rectangle around points.
type extent struct {
	min, max point
	any      bool
}

func (e *extent) add(p point) {
	if !e.any {
		e.min, e.max, e.any = p, p, true
		return
	}
	e.min = point{min(e.min.x, p.x), min(e.min.y, p.y)}
	e.max = point{max(e.max.x, p.x), max(e.max.y, p.y)}
}

func (e *extent) longest() float32 { return max(e.max.x-e.min.x, e.max.y-e.min.y) }
