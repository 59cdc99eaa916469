package sketch

import (
	"math"

	"plumbline/internal/posture"
)

// point is in pixels; the centre of the first pixel is at 0.5, 0.5.
type point struct{ x, y float32 }

func (p point) add(q point) point        { return point{p.x + q.x, p.y + q.y} }
func (p point) sub(q point) point        { return point{p.x - q.x, p.y - q.y} }
func (p point) times(k float32) point    { return point{p.x * k, p.y * k} }
func (p point) dot(q point) float32      { return p.x*q.x + p.y*q.y }
func (p point) length() float32          { return sqrt(p.dot(p)) }
func (p point) unit() point              { return p.times(1 / max(p.length(), 1e-6)) }
func sqrt(v float32) float32             { return float32(math.Sqrt(float64(v))) }
func clamp(v, low, high float32) float32 { return min(max(v, low), high) }

// canvas draws shapes with smooth edges straight into a frame: a pixel's cover follows from its centre's distance to
// the shape, so that only the pixels under a shape are touched and nothing is allocated.
type canvas struct{ frame *posture.Frame }

// clear fills the whole frame.
func (c *canvas) clear(i ink) {
	pix := c.frame.Pix
	pix[0], pix[1], pix[2] = i.r, i.g, i.b
	for done := 3; done < len(pix); done *= 2 {
		copy(pix[done:], pix[:done])
	}
}

// rows returns the rows whose centres may lie between top and bottom; columns likewise.
func (c *canvas) rows(top, bottom float32) (from, to int) {
	return bounded(top, c.frame.Height), bounded(bottom+1, c.frame.Height)
}

func (c *canvas) columns(left, right float32) (from, to int) {
	return bounded(left, c.frame.Width), bounded(right+1, c.frame.Width)
}

// bounded rounds down into 0..limit; what is not a number becomes 0.
func bounded(v float32, limit int) int {
	if !(v > 0) {
		return 0
	}
	return int(min(v, float32(limit)))
}

// mix lays ink over the pixel at offset i of Pix.
func mix(d []byte, i ink, cover float32) {
	i.over(d, int32(cover*i.opacity*256+0.5))
}

// over lays a/256 of the ink over a pixel.
func (i ink) over(d []byte, a int32) {
	d = d[:3:3]
	d[0] += byte((int32(i.r) - int32(d[0])) * a >> 8)
	d[1] += byte((int32(i.g) - int32(d[1])) * a >> 8)
	d[2] += byte((int32(i.b) - int32(d[2])) * a >> 8)
}

// disc fills a circle.
func (c *canvas) disc(center point, radius float32, i ink) {
	c.taper(center, center, radius, radius, i)
}

// line draws a line with round ends.
func (c *canvas) line(a, b point, width float32, i ink) { c.taper(a, b, width/2, width/2, i) }

// taper draws a line with round ends whose half width goes from ra to rb.
func (c *canvas) taper(a, b point, ra, rb float32, i ink) {
	reach := max(ra, rb) + 0.5
	a, b, ok := c.clip(a, b, reach)
	if !ok {
		return
	}
	ab := b.sub(a)
	inverse := 1 / max(ab.dot(ab), 1e-9)
	whole := int32(i.opacity*256 + 0.5)
	from, to := c.rows(min(a.y, b.y)-reach, max(a.y, b.y)+reach)
	for y := from; y < to; y++ {
		py := float32(y) + 0.5
		x0, x1 := c.columns(capsuleRow(a, b, reach, py))
		row := c.frame.Pix[(y*c.frame.Width+x0)*3:]
		for x := x0; x < x1; x++ {
			px := float32(x) + 0.5
			t := clamp(((px-a.x)*ab.x+(py-a.y)*ab.y)*inverse, 0, 1)
			dx, dy := px-a.x-t*ab.x, py-a.y-t*ab.y
			r := ra + (rb-ra)*t
			d2 := dx*dx + dy*dy
			switch {
			case r >= 0.5 && d2 <= (r-0.5)*(r-0.5):
				i.over(row, whole)
			case d2 < (r+0.5)*(r+0.5):
				mix(row, i, r+0.5-max(sqrt(d2), 0.5-r))
			}
			row = row[3:]
		}
	}
}

// capsuleRow returns the first and last x within reach of the segment on a row: the widest of both end circles and the
// two edges between them.
func capsuleRow(a, b point, reach, y float32) (left, right float32) {
	left, right = float32(math.Inf(1)), float32(math.Inf(-1))
	for _, p := range [2]point{a, b} {
		if h := reach*reach - (y-p.y)*(y-p.y); h >= 0 {
			h = sqrt(h)
			left, right = min(left, p.x-h), max(right, p.x+h)
		}
	}
	ab := b.sub(a)
	if ab.y == 0 {
		return left, right
	}
	n := point{-ab.y, ab.x}.unit().times(reach)
	for _, side := range [2]point{n, {-n.x, -n.y}} {
		if t := (y - a.y - side.y) / ab.y; t >= 0 && t <= 1 {
			x := a.x + side.x + t*ab.x
			left, right = min(left, x), max(right, x)
		}
	}
	return left, right
}

// clip cuts a segment down to what lies within margin of the frame (Liang and Barsky), so that an end far outside costs
// neither time nor precision.
func (c *canvas) clip(a, b point, margin float32) (point, point, bool) {
	d := b.sub(a)
	t0, t1 := float32(0), float32(1)
	w, h := float32(c.frame.Width), float32(c.frame.Height)
	for _, e := range [4][2]float32{ // speed outwards and distance to each edge
		{-d.x, a.x + margin}, {d.x, w + margin - a.x}, {-d.y, a.y + margin}, {d.y, h + margin - a.y},
	} {
		speed, room := e[0], e[1]
		switch {
		case speed == 0 && room >= 0:
		case speed < 0:
			t0 = max(t0, room/speed)
		case speed > 0:
			t1 = min(t1, room/speed)
		default:
			return a, b, false // parallel and outside, or not a number
		}
	}
	return a.add(d.times(t0)), a.add(d.times(t1)), t0 <= t1
}

// wedge fills the sector between two unit directions, less than half a turn apart, and draws its arc.
func (c *canvas) wedge(center, from, to point, radius, width float32, fill, arc ink) {
	if from.x*to.y-from.y*to.x < 0 {
		from, to = to, from
	}
	var box extent
	for _, p := range [4]point{{}, from, to, from.add(to).unit()} {
		box.add(center.add(p.times(radius)))
	}
	reach := width/2 + 0.5 + radius*0.1 // an arc bulges beyond the points by less than a tenth of its radius
	y0, y1 := c.rows(box.min.y-reach, box.max.y+reach)
	x0, x1 := c.columns(box.min.x-reach, box.max.x+reach)
	for y := y0; y < y1; y++ {
		for x := x0; x < x1; x++ {
			p := point{float32(x) + 0.5 - center.x, float32(y) + 0.5 - center.y}
			inside := clamp(min(from.x*p.y-from.y*p.x, p.x*to.y-p.y*to.x)+0.5, 0, 1)
			d := p.length()
			if inside == 0 || d > radius+width/2+0.5 {
				continue
			}
			at := c.frame.Pix[(y*c.frame.Width+x)*3:]
			mix(at, fill, inside*clamp(radius+0.5-d, 0, 1))
			mix(at, arc, inside*clamp(width/2+0.5-abs(d-radius), 0, 1))
		}
	}
}

func abs(v float32) float32 { return max(v, -v) }

// box is an upright rectangle in pixels.
type box struct{ x, y, w, h float32 }

// roundRect fills a rectangle with round corners.
func (c *canvas) roundRect(b box, radius float32, i ink) {
	radius = min(radius, b.w/2, b.h/2)
	from, to := c.rows(b.y, b.y+b.h)
	for y := from; y < to; y++ {
		py := float32(y) + 0.5
		into := max(b.y+radius-py, py-(b.y+b.h-radius), 0) // how far into a corner's rows
		if into >= radius {
			continue
		}
		inset := radius - sqrt(radius*radius-into*into)
		c.span(y, b.x+inset, b.x+b.w-inset, i)
	}
}

// span lays ink on a row from x0 to x1, partly on the pixels that these cut.
func (c *canvas) span(y int, x0, x1 float32, i ink) {
	from, to := c.columns(x0, x1)
	row := c.frame.Pix[(y*c.frame.Width+from)*3:]
	whole := int32(i.opacity*256 + 0.5)
	for x := from; x < to; x++ {
		if cover := min(float32(x+1), x1) - max(float32(x), x0); cover >= 1 {
			i.over(row, whole)
		} else if cover > 0 {
			mix(row, i, cover)
		}
		row = row[3:]
	}
}
