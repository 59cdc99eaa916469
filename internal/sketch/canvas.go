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

// core returns the columns from x0 to x1 whose centres lie between left and right, which may be the wrong way round: then none.
func (c *canvas) core(left, right float32, x0, x1 int) (from, to int) {
	if !(left <= right) {
		return x1, x1
	}
	from = min(max(bounded(left+0.5, c.frame.Width), x0), x1)
	return from, min(max(bounded(right+0.5, c.frame.Width), from), x1)
}

// bounded rounds down into 0..limit; what is not a number becomes 0.
func bounded(v float32, limit int) int {
	if !(v > 0) {
		return 0
	}
	return int(min(v, float32(limit)))
}

// mix lays ink over as much of a pixel as it covers.
func mix(d []byte, i ink, cover float32) {
	a := int32(cover*i.opacity*256 + 0.5)
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

// fill lays ink over all pixels of a row.
func fill(row []byte, i ink) {
	a := int32(i.opacity*256 + 0.5)
	if a == 0 {
		return
	}
	r, g, b := int32(i.r)*a, int32(i.g)*a, int32(i.b)*a
	for len(row) >= 3 {
		d := row[:3:3]
		d[0] += byte((r - int32(d[0])*a) >> 8)
		d[1] += byte((g - int32(d[1])*a) >> 8)
		d[2] += byte((b - int32(d[2])*a) >> 8)
		row = row[3:]
	}
}

// capsule is a line with round ends whose half width goes from ra to rb.
type capsule struct {
	a, ab   point
	inverse float32 // 1 / |ab|^2
	ra, rb  float32
}

// cover is how much of a pixel the capsule covers.
func (k *capsule) cover(p point) float32 {
	d := p.sub(k.a)
	t := clamp(d.dot(k.ab)*k.inverse, 0, 1)
	d = d.sub(k.ab.times(t))
	r, d2 := k.ra+(k.rb-k.ra)*t, d.dot(d)
	switch {
	case r >= 0.5 && d2 <= (r-0.5)*(r-0.5):
		return 1
	case d2 < (r+0.5)*(r+0.5):
		return r + 0.5 - max(sqrt(d2), 0.5-r)
	}
	return 0
}

// taper draws a line with round ends whose half width goes from ra to rb. On each row, what lies within the lesser half width is
// filled; only the pixels beside it are looked at one by one.
func (c *canvas) taper(a, b point, ra, rb float32, i ink) {
	reach, core := max(ra, rb)+0.5, min(ra, rb)-0.5
	a, b, ok := c.clip(a, b, reach)
	if !ok {
		return
	}
	ab := b.sub(a)
	k := capsule{a: a, ab: ab, inverse: 1 / max(ab.dot(ab), 1e-9), ra: ra, rb: rb}
	from, to := c.rows(min(a.y, b.y)-reach, max(a.y, b.y)+reach)
	for y := from; y < to; y++ {
		py := float32(y) + 0.5
		x0, x1 := c.columns(capsuleRow(a, b, reach, py))
		in0, in1 := x1, x1
		if core > 0 {
			left, right := capsuleRow(a, b, core, py)
			in0, in1 = c.core(left, right, x0, x1)
		}
		row := c.frame.Pix[y*c.frame.Width*3:]
		k.edge(row, x0, in0, py, i)
		fill(row[3*in0:3*in1], i)
		k.edge(row, in1, x1, py, i)
	}
}

// edge lays ink on the pixels of a row from x0 to x1.
func (k *capsule) edge(row []byte, x0, x1 int, py float32, i ink) {
	for x := x0; x < x1; x++ {
		if cover := k.cover(point{float32(x) + 0.5, py}); cover > 0 {
			mix(row[3*x:], i, cover)
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

// sector is what lies between two unit directions from a centre, less than half a turn apart.
type sector struct{ from, to point }

// row gives the part of a row, y below the centre, that lies at least `deep` inside both sides and within reach of the centre.
func (s sector) row(y, deep, reach float32) (left, right float32) {
	half := sqrt(max(reach*reach-y*y, 0))
	left, right = -half, half
	if reach <= abs(y) {
		right = left - 1
	}
	for _, side := range [2]point{{-s.from.y, s.from.x * y}, {s.to.y, -s.to.x * y}} { // side.x * x + side.y is how deep x lies
		switch at := (deep - side.y) / side.x; {
		case side.x > 0:
			left = max(left, at)
		case side.x < 0:
			right = min(right, at)
		case side.y < deep:
			right = left - 1
		}
	}
	return left, right
}

// depth is how far inside both sides a point lies.
func (s sector) depth(p point) float32 {
	return min(s.from.x*p.y-s.from.y*p.x, p.x*s.to.y-p.y*s.to.x)
}

// wedge fills the sector between two unit directions, less than half a turn apart, and draws its arc.
func (c *canvas) wedge(center, from, to point, radius, width float32, inside, arc ink) {
	if from.x*to.y-from.y*to.x < 0 {
		from, to = to, from
	}
	s := sector{from, to}
	outer, inner := radius+width/2+0.5, radius-width/2-0.5
	edge := func(row []byte, x0, x1 int, y float32) {
		for x := x0; x < x1; x++ {
			p := point{float32(x) + 0.5 - center.x, y}
			deep, d := clamp(s.depth(p)+0.5, 0, 1), p.length()
			mix(row[3*x:], inside, deep*clamp(radius+0.5-d, 0, 1))
			mix(row[3*x:], arc, deep*clamp(width/2+0.5-abs(d-radius), 0, 1))
		}
	}
	y0, y1 := c.rows(center.y-outer, center.y+outer)
	for line := y0; line < y1; line++ {
		y := float32(line) + 0.5 - center.y
		left, right := s.row(y, -0.5, outer)
		if !(left <= right) {
			continue
		}
		x0, x1 := c.columns(center.x+left, center.x+right)
		left, right = s.row(y, 0.5, inner)
		in0, in1 := c.core(center.x+left, center.x+right, x0, x1)
		row := c.frame.Pix[line*c.frame.Width*3:]
		edge(row, x0, in0, y)
		fill(row[3*in0:3*in1], inside)
		edge(row, in1, x1, y)
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
	row := c.frame.Pix[y*c.frame.Width*3:]
	in0 := min(bounded(x0+1, c.frame.Width), to)
	in1 := max(min(bounded(x1, c.frame.Width), to), in0)
	cut := func(from, to int) {
		for x := from; x < to; x++ {
			mix(row[3*x:], i, clamp(min(float32(x+1), x1)-max(float32(x), x0), 0, 1))
		}
	}
	cut(from, in0)
	fill(row[3*in0:3*in1], i)
	cut(in1, to)
}
