package sketch

import (
	"encoding/binary"
	"image"
	"math"
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

// canvas draws shapes with smooth edges straight into a picture's planes: a sample's cover follows from its centre's distance to
// the shape, so that only the samples under a shape are touched and nothing is allocated. Each shape is drawn on each layer at
// the layer's scale.
type canvas struct {
	width, height int
	layers        [2]layer
}

// layer is what has one resolution: luma, or both planes of chroma.
type layer struct {
	planes        []plane
	stride        int
	width, height int     // in samples
	scale         float32 // samples a pixel
}

// plane is a component of colour, as image.YCbCr holds it.
type plane struct {
	component int // of an ink: 0 is luma, 1 Cb, 2 Cr
	samples   []byte
}

func newCanvas(ground *image.YCbCr) *canvas {
	w, h := ground.Rect.Dx(), ground.Rect.Dy()
	return &canvas{width: w, height: h, layers: [2]layer{
		{planes: []plane{{0, ground.Y}}, stride: ground.YStride, width: w, height: h, scale: 1},
		{planes: []plane{{1, ground.Cb}, {2, ground.Cr}}, stride: ground.CStride, width: (w + 1) / 2, height: (h + 1) / 2, scale: 0.5},
	}}
}

// clear fills the whole picture, to the last sample that is encoded.
func (c *canvas) clear(i ink) {
	for _, l := range c.layers {
		for _, p := range l.planes {
			for at := range p.samples {
				p.samples[at] = i.components[p.component]
			}
		}
	}
}

// rows returns the rows whose centres may lie between top and bottom; columns likewise.
func (l *layer) rows(top, bottom float32) (from, to int) {
	return bounded(top, l.height), bounded(bottom+1, l.height)
}

func (l *layer) columns(left, right float32) (from, to int) {
	return bounded(left, l.width), bounded(right+1, l.width)
}

// core returns the columns from x0 to x1 whose centres lie between left and right, which may be the wrong way round: then none.
func (l *layer) core(left, right float32, x0, x1 int) (from, to int) {
	if !(left <= right) {
		return x1, x1
	}
	from = min(max(bounded(left+0.5, l.width), x0), x1)
	return from, min(max(bounded(right+0.5, l.width), from), x1)
}

// bounded rounds down into 0..limit; what is not a number becomes 0.
func bounded(v float32, limit int) int {
	if !(v > 0) {
		return 0
	}
	return int(min(v, float32(limit)))
}

// mix lays ink over as much of a sample as it covers.
func (l *layer) mix(x, y int, i ink, cover float32) {
	a := int32(cover*i.opacity*256 + 0.5)
	if a == 0 {
		return
	}
	at := y*l.stride + x
	for n := range l.planes {
		p := &l.planes[n]
		p.samples[at] = byte((int32(p.samples[at])*(256-a) + int32(i.components[p.component])*a) >> 8)
	}
}

// fill lays ink over the samples of a row from x0 to x1.
func (l *layer) fill(y, x0, x1 int, i ink) {
	if x0 >= x1 {
		return
	}
	a := uint64(i.opacity*256 + 0.5)
	for _, p := range l.planes {
		blend(p.samples[y*l.stride+x0:y*l.stride+x1], 256-a, uint64(i.components[p.component])*a)
	}
}

// blend makes each sample (sample * keep + add) / 256, eight at once: two words hold four samples each in 16 bits. The results
// must fit in a byte.
func blend(row []byte, keep, add uint64) {
	const low, each = 0x00ff00ff00ff00ff, 0x0001000100010001
	for ; len(row) >= 8; row = row[8:] {
		v := binary.LittleEndian.Uint64(row)
		even, odd := (v&low)*keep+add*each, (v>>8&low)*keep+add*each
		binary.LittleEndian.PutUint64(row, even>>8&low|odd&^low)
	}
	for at, v := range row {
		row[at] = byte((uint64(v)*keep + add) >> 8)
	}
}

// disc fills a circle.
func (c *canvas) disc(center point, radius float32, i ink) {
	c.taper(center, center, radius, radius, i)
}

// line draws a line with round ends.
func (c *canvas) line(a, b point, width float32, i ink) { c.taper(a, b, width/2, width/2, i) }

// capsule is a line with round ends whose half width goes from ra to rb.
type capsule struct {
	a, b     point
	along    point // times a point less a: 0 at a, 1 at b
	across   point // times a point less a: the distance from the line
	ra, rise float32
}

func newCapsule(a, b point, ra, rb float32) capsule {
	ab := b.sub(a)
	return capsule{a, b, ab.times(1 / max(ab.dot(ab), 1e-9)), point{-ab.y, ab.x}.unit(), ra, rb - ra}
}

// cover is how much of a sample the capsule covers; none where it is not positive.
func (k *capsule) cover(p point) float32 {
	d := p.sub(k.a)
	t := d.dot(k.along)
	var distance float32
	switch {
	case t <= 0:
		t, distance = 0, d.length()
	case t >= 1:
		t, distance = 1, p.sub(k.b).length()
	default:
		distance = abs(d.dot(k.across))
	}
	r := k.ra + k.rise*t
	return min(r+0.5-max(distance, 0.5-r), 1)
}

// taper draws a line with round ends whose half width goes from ra to rb.
func (c *canvas) taper(a, b point, ra, rb float32, i ink) {
	for n := range c.layers {
		l := &c.layers[n]
		l.taper(a.times(l.scale), b.times(l.scale), ra*l.scale, rb*l.scale, i)
	}
}

// taper fills, on each row, what lies within the lesser half width; only the samples beside it are looked at one by one.
func (l *layer) taper(a, b point, ra, rb float32, i ink) {
	reach, core := max(ra, rb)+0.5, min(ra, rb)-0.5
	a, b, ok := l.clip(a, b, reach)
	if !ok {
		return
	}
	k := newCapsule(a, b, ra, rb)
	whole, inner := newOutline(a, b, reach), newOutline(a, b, core)
	from, to := l.rows(min(a.y, b.y)-reach, max(a.y, b.y)+reach)
	for y := from; y < to; y++ {
		py := float32(y) + 0.5
		x0, x1 := l.columns(whole.row(py))
		in0, in1 := x1, x1
		if core > 0 {
			left, right := inner.row(py)
			in0, in1 = l.core(left, right, x0, x1)
		}
		l.edge(&k, y, x0, in0, i)
		l.fill(y, in0, in1, i)
		l.edge(&k, y, in1, x1, i)
	}
}

// edge lays ink on the samples of a row from x0 to x1.
func (l *layer) edge(k *capsule, y, x0, x1 int, i ink) {
	for x := x0; x < x1; x++ {
		if cover := k.cover(point{float32(x) + 0.5, float32(y) + 0.5}); cover > 0 {
			l.mix(x, y, i, cover)
		}
	}
}

// outline is that of all points within reach of a segment: two edges and two half circles.
type outline struct {
	a, b  point
	reach float32
	side  point   // from a to where one edge begins; the other begins opposite
	slope float32 // of the edges, columns a row
}

func newOutline(a, b point, reach float32) outline {
	ab := b.sub(a)
	return outline{a, b, reach, point{-ab.y, ab.x}.unit().times(reach), ab.x / ab.y}
}

// row returns the first and last x of the outline on a row: of both edges where it meets them, else of the circles, too.
func (o *outline) row(y float32) (left, right float32) {
	left, right = float32(math.Inf(1)), float32(math.Inf(-1))
	met := 0
	low, high := min(o.a.y, o.b.y), max(o.a.y, o.b.y)
	for _, side := range [2]point{o.side, {-o.side.x, -o.side.y}} {
		if level := y - side.y; low < high && level >= low && level <= high {
			x := o.a.x + side.x + (level-o.a.y)*o.slope
			left, right = min(left, x), max(right, x)
			met++
		}
	}
	if met == 2 {
		return left, right
	}
	for _, p := range [2]point{o.a, o.b} {
		if h := o.reach*o.reach - (y-p.y)*(y-p.y); h >= 0 {
			h = sqrt(h)
			left, right = min(left, p.x-h), max(right, p.x+h)
		}
	}
	return left, right
}

// clip cuts a segment down to what lies within margin of the layer (Liang and Barsky), so that an end far outside costs
// neither time nor precision.
func (l *layer) clip(a, b point, margin float32) (point, point, bool) {
	d := b.sub(a)
	t0, t1 := float32(0), float32(1)
	w, h := float32(l.width), float32(l.height)
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
	for n := range c.layers {
		l := &c.layers[n]
		l.wedge(center.times(l.scale), sector{from, to}, radius*l.scale, width*l.scale, inside, arc)
	}
}

func (l *layer) wedge(center point, s sector, radius, width float32, inside, arc ink) {
	outer, inner := radius+width/2+0.5, radius-width/2-0.5
	edge := func(row, x0, x1 int, y float32) {
		for x := x0; x < x1; x++ {
			p := point{float32(x) + 0.5 - center.x, y}
			deep, d := clamp(s.depth(p)+0.5, 0, 1), p.length()
			l.mix(x, row, inside, deep*clamp(radius+0.5-d, 0, 1))
			l.mix(x, row, arc, deep*clamp(width/2+0.5-abs(d-radius), 0, 1))
		}
	}
	y0, y1 := l.rows(center.y-outer, center.y+outer)
	for row := y0; row < y1; row++ {
		y := float32(row) + 0.5 - center.y
		left, right := s.row(y, -0.5, outer)
		if !(left <= right) {
			continue
		}
		x0, x1 := l.columns(center.x+left, center.x+right)
		left, right = s.row(y, 0.5, inner)
		in0, in1 := l.core(center.x+left, center.x+right, x0, x1)
		edge(row, x0, in0, y)
		l.fill(row, in0, in1, inside)
		edge(row, in1, x1, y)
	}
}

func abs(v float32) float32 { return max(v, -v) }

// box is an upright rectangle in pixels.
type box struct{ x, y, w, h float32 }

// times is the same rectangle at another scale.
func (b box) times(k float32) box { return box{b.x * k, b.y * k, b.w * k, b.h * k} }

// roundRect fills a rectangle with round corners.
func (c *canvas) roundRect(b box, radius float32, i ink) {
	for n := range c.layers {
		l := &c.layers[n]
		l.roundRect(b.times(l.scale), radius*l.scale, i)
	}
}

func (l *layer) roundRect(b box, radius float32, i ink) {
	radius = min(radius, b.w/2, b.h/2)
	from, to := l.rows(b.y, b.y+b.h)
	for y := from; y < to; y++ {
		py := float32(y) + 0.5
		into := max(b.y+radius-py, py-(b.y+b.h-radius), 0) // how far into a corner's rows
		if into >= radius {
			continue
		}
		inset := radius - sqrt(radius*radius-into*into)
		l.span(y, b.x+inset, b.x+b.w-inset, i)
	}
}

// span lays ink on a row from x0 to x1, partly on the samples that these cut.
func (l *layer) span(y int, x0, x1 float32, i ink) {
	from, to := l.columns(x0, x1)
	in0 := min(bounded(x0+1, l.width), to)
	in1 := max(min(bounded(x1, l.width), to), in0)
	cut := func(from, to int) {
		for x := from; x < to; x++ {
			l.mix(x, y, i, clamp(min(float32(x+1), x1)-max(float32(x), x0), 0, 1))
		}
	}
	cut(from, in0)
	l.fill(y, in0, in1, i)
	cut(in1, to)
}
