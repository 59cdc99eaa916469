package main

import "math"

// solid is a shape by its signed distance: negative inside.
type solid interface {
	distance(p vec) float64
	bounds() (center vec, radius float64)
}

// limb is a cone with round ends from a to b.
type limb struct {
	a, b   vec
	ra, rb float64
}

func (l limb) distance(p vec) float64 {
	ab, ap := l.b.sub(l.a), p.sub(l.a)
	t := 0.0
	if n := ab.dot(ab); n > 0 {
		t = clamp(ap.dot(ab)/n, 0, 1)
	}
	return ap.sub(ab.times(t)).length() - mix(l.ra, l.rb, t)
}

func (l limb) bounds() (vec, float64) {
	return l.a.to(l.b, 0.5), l.b.sub(l.a).length()/2 + max(l.ra, l.rb)
}

// ellipsoid has its radii along a frame's axes.
type ellipsoid struct {
	frame frameOf
	radii vec
}

// distance is an approximation that is exact on the surface.
func (e ellipsoid) distance(p vec) float64 {
	q := e.frame.local(p)
	k0, k1 := q.over(e.radii).length(), q.over(e.radii.mul(e.radii)).length()
	if k1 == 0 {
		return -e.radii.largest()
	}
	return k0 * (k0 - 1) / k1
}

func (e ellipsoid) bounds() (vec, float64) { return e.frame.origin, e.radii.largest() }

// block is a box with round edges; half is its half size without the rounding.
type block struct {
	frame frameOf
	half  vec
	round float64
}

func (b block) distance(p vec) float64 {
	q := b.frame.local(p).abs().sub(b.half)
	outside := vec{max(q.x, 0), max(q.y, 0), max(q.z, 0)}
	return outside.length() + min(q.largest(), 0) - b.round
}

func (b block) bounds() (vec, float64) { return b.frame.origin, b.half.length() + b.round }

// ring is a torus around the frame's side axis.
type ring struct {
	frame         frameOf
	radius, thick float64
}

func (r ring) distance(p vec) float64 {
	q := r.frame.local(p)
	return math.Hypot(math.Hypot(q.x, q.y)-r.radius, q.z) - r.thick
}

func (r ring) bounds() (vec, float64) { return r.frame.origin, r.radius + r.thick }

// upright boxes and balls.
func boxAt(center vec, half vec, round float64) block {
	return block{frameOf{center, axisX, axisY, axisZ}, half.sub(vec{round, round, round}), round}
}

func ball(center vec, radius float64) limb { return limb{center, center, radius, radius} }

func rod(a, b vec, radius float64) limb { return limb{a, b, radius, radius} }

// part is solids of one material that flow into one another where they are closer than blend.
type part struct {
	material *material
	blend    float64
	solids   []solid
	cut      func(p vec, distance float64) float64 // takes away or shapes; nil for nothing
	unshaded bool                                  // throws no shadow, for threads that soft light would make broad

	center vec
	radius float64
}

func newPart(m *material, blend float64, solids ...solid) *part {
	p := &part{material: m, blend: blend, solids: solids}
	low, high := vec{1e9, 1e9, 1e9}, vec{-1e9, -1e9, -1e9}
	for _, s := range solids {
		c, r := s.bounds()
		low = vec{min(low.x, c.x-r), min(low.y, c.y-r), min(low.z, c.z-r)}
		high = vec{max(high.x, c.x+r), max(high.y, c.y+r), max(high.z, c.z+r)}
	}
	p.center, p.radius = low.to(high, 0.5), high.sub(low).length()/2
	return p
}

func (p *part) distance(at vec) float64 {
	d := p.solids[0].distance(at)
	for _, s := range p.solids[1:] {
		d = smoothMin(d, s.distance(at), p.blend)
	}
	if p.cut != nil {
		d = p.cut(at, d)
	}
	return d
}

// smoothMin is the union of two distances with a fillet of size k (Quilez, "smooth minimum", quadratic).
func smoothMin(a, b, k float64) float64 {
	if k <= 0 {
		return min(a, b)
	}
	h := max(k-math.Abs(a-b), 0) / k
	return min(a, b) - h*h*k/4
}
