package main

import (
	"math"
	"slices"
)

// scene is what stands in the room and what it is made of.
type scene struct {
	parts []*part
	room  room
	marks marks
}

// marks are the points that the true angles are measured between, on the side that the camera sees.
type marks struct{ ear, shoulder, hip vec }

func (s *scene) put(m *material, blend float64, solids ...solid) *part {
	p := newPart(m, blend, solids...)
	s.parts = append(s.parts, p)
	return p
}

// view is the scene as one ray or one neighbourhood meets it: the few parts that can matter there. It is not safe for
// concurrent use.
type view struct {
	*scene
	ray, shade, near []*part // working memory: parts along a ray, along its shadow, around a surface
}

// alongRay collects the parts whose bounding sphere a ray passes within a margin.
func (s *scene) alongRay(into []*part, from, along vec, margin float64) []*part {
	into = into[:0]
	for _, p := range s.parts {
		way := p.center.sub(from)
		t := max(way.dot(along), 0)
		reach := p.radius + margin
		if off := way.sub(along.times(t)); off.dot(off) <= reach*reach {
			into = append(into, p)
		}
	}
	return into
}

// nearby is from where on a part's own shape is looked at. It is more than shadow takes for a thing in the light's way,
// or the bounding spheres themselves would throw shadows.
const nearby = 0.36

// distance returns the distance to the nearest of some parts, floor and wall, and its material. Far parts count by
// their bounding sphere.
func (s *scene) distance(parts []*part, p vec) (float64, *material) {
	nearest, m := p.y, &s.room.floor
	if d := p.z - wallZ; d < nearest {
		nearest, m = d, &s.room.wall
	}
	for _, part := range parts {
		far := p.sub(part.center).length() - part.radius
		if far >= nearest {
			continue
		}
		if far > nearby {
			if far+0.02 < nearest {
				nearest, m = far+0.02, part.material
			}
			continue
		}
		if d := part.distance(p); d < nearest {
			nearest, m = d, part.material
		}
	}
	return nearest, m
}

// march follows a ray to the first surface.
func (v *view) march(from, along vec) (t float64, m *material, hit bool) {
	v.ray = v.alongRay(v.ray, from, along, 0.01)
	for range 200 {
		d, m := v.distance(v.ray, from.add(along.times(t)))
		if d < 0.0004*(1+0.3*t) {
			return t, m, true
		}
		t += 0.92 * d
		if t > 9 {
			break
		}
	}
	return t, nil, false
}

// normal is the gradient of the distance, by four samples (Quilez, tetrahedron technique).
func (v *view) normal(p vec) vec {
	const e = 0.0009
	var n vec
	for _, k := range [4]vec{{1, -1, -1}, {-1, -1, 1}, {-1, 1, -1}, {1, 1, 1}} {
		d, _ := v.distance(v.near, p.add(k.times(e)))
		n = n.add(k.times(d))
	}
	return n.unit()
}

// shadow returns how much of a light is seen, 0..1, softer the farther off the thing in the way is.
func (v *view) shadow(from, along vec) float64 {
	const softness, longest = 8, 2.8
	v.shade = v.alongRay(v.shade, from, along, longest/softness)
	v.shade = slices.DeleteFunc(v.shade, func(p *part) bool { return p.unshaded })
	seen, t := 1.0, 0.012
	for i := 0; i < 52 && t < longest; i++ {
		d, _ := v.distance(v.shade, from.add(along.times(t)))
		if d < 0.0008 {
			return 0
		}
		seen = min(seen, softness*d/t)
		t += clamp(d, 0.012, 0.12)
	}
	return seen
}

// openness returns how little stands around a surface, 0..1 (ambient occlusion by five steps outwards).
func (v *view) openness(p, n vec) float64 {
	closed, weight := 0.0, 1.0
	for i := 1; i <= 5; i++ {
		h := 0.012 + 0.035*float64(i)
		d, _ := v.distance(v.near, p.add(n.times(h)))
		closed += (h - d) * weight
		weight *= 0.72
	}
	return clamp(1-1.6*closed, 0, 1)
}

// camera looks at a point from the side; fit is how many times half the picture's height a metre at one metre is.
type camera struct {
	eye, right, up, along vec
	fit                   float64
	width, height         int
	mirrored              bool // the picture is turned left for right: the person's left side is seen
}

func newCamera(target vec, distance, yaw, rise, fit float64) camera {
	s, c := math.Sincos(radians(yaw))
	eye := target.add(vec{s * distance, rise, c * distance})
	along := target.sub(eye).unit()
	right := along.cross(axisY).unit()
	return camera{eye: eye, right: right, up: right.cross(along), along: along, fit: fit}
}

// ray returns the direction through a point of the picture, in pixels.
func (c camera) ray(px, py float64) vec {
	if c.mirrored {
		px = float64(c.width) - px
	}
	half := float64(c.height) / 2
	x, y := (px-float64(c.width)/2)/(c.fit*half), (half-py)/(c.fit*half)
	return c.along.add(c.right.times(x)).add(c.up.times(y)).unit()
}

// project is the inverse of ray.
func (c camera) project(p vec) (px, py float64) {
	d := p.sub(c.eye)
	half := float64(c.height) / 2
	depth := d.dot(c.along)
	px = float64(c.width)/2 + d.dot(c.right)/depth*c.fit*half
	py = half - d.dot(c.up)/depth*c.fit*half
	if c.mirrored {
		px = float64(c.width) - px
	}
	return px, py
}

// leanOnPicture is the angle in degrees of the segment from a up to b against the vertical, as it appears.
func (c camera) leanOnPicture(a, b vec) float64 {
	ax, ay := c.project(a)
	bx, by := c.project(b)
	return math.Abs(math.Atan2(bx-ax, ay-by)) * 180 / math.Pi
}
