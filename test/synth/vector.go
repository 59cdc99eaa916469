package main

import "math"

// vec is a point or direction in metres (x forward, y up, z towards the camera) or a linear colour (red, green, blue).
type vec struct{ x, y, z float64 }

var (
	axisX = vec{1, 0, 0}
	axisY = vec{0, 1, 0}
	axisZ = vec{0, 0, 1}
)

func (a vec) add(b vec) vec           { return vec{a.x + b.x, a.y + b.y, a.z + b.z} }
func (a vec) sub(b vec) vec           { return vec{a.x - b.x, a.y - b.y, a.z - b.z} }
func (a vec) times(k float64) vec     { return vec{a.x * k, a.y * k, a.z * k} }
func (a vec) mul(b vec) vec           { return vec{a.x * b.x, a.y * b.y, a.z * b.z} }
func (a vec) over(b vec) vec          { return vec{a.x / b.x, a.y / b.y, a.z / b.z} }
func (a vec) dot(b vec) float64       { return a.x*b.x + a.y*b.y + a.z*b.z }
func (a vec) length() float64         { return math.Sqrt(a.dot(a)) }
func (a vec) unit() vec               { return a.times(1 / a.length()) }
func (a vec) largest() float64        { return max(a.x, a.y, a.z) }
func (a vec) abs() vec                { return vec{math.Abs(a.x), math.Abs(a.y), math.Abs(a.z)} }
func (a vec) cross(b vec) vec         { return vec{a.y*b.z - a.z*b.y, a.z*b.x - a.x*b.z, a.x*b.y - a.y*b.x} }
func (a vec) to(b vec, t float64) vec { return a.add(b.sub(a).times(t)) }

func clamp(v, low, high float64) float64 { return min(max(v, low), high) }
func mix(a, b, t float64) float64        { return a + (b-a)*t }
func radians(degrees float64) float64    { return degrees * math.Pi / 180 }

// smoothstep rises from 0 at low to 1 at high.
func smoothstep(low, high, v float64) float64 {
	t := clamp((v-low)/(high-low), 0, 1)
	return t * t * (3 - 2*t)
}

// frameOf is a place with its own axes: forward, up and side.
type frameOf struct{ origin, forward, up, side vec }

// at returns the point with these coordinates in the frame.
func (f frameOf) at(x, y, z float64) vec {
	return f.origin.add(f.forward.times(x)).add(f.up.times(y)).add(f.side.times(z))
}

// local returns a point's coordinates in the frame.
func (f frameOf) local(p vec) vec {
	d := p.sub(f.origin)
	return vec{d.dot(f.forward), d.dot(f.up), d.dot(f.side)}
}

// leaning returns a frame at a point whose up leans forward by degrees.
func leaning(origin vec, degrees float64) frameOf {
	s, c := math.Sincos(radians(degrees))
	return frameOf{origin, vec{c, -s, 0}, vec{s, c, 0}, axisZ}
}

// hash returns a repeatable number in 0..1 for three integers.
func hash(x, y, z int64) float64 {
	h := uint64(x)*0x9E3779B97F4A7C15 ^ uint64(y)*0xC2B2AE3D27D4EB4F ^ uint64(z)*0x165667B19E3779F9
	h ^= h >> 31
	h *= 0xBF58476D1CE4E5B9
	h ^= h >> 29
	return float64(h>>11) / (1 << 53)
}

// noise is smooth between the corners of unit cubes.
func noise(p vec) float64 {
	fx, fy, fz := math.Floor(p.x), math.Floor(p.y), math.Floor(p.z)
	ease := func(t float64) float64 { return t * t * (3 - 2*t) }
	x, y, z := ease(p.x-fx), ease(p.y-fy), ease(p.z-fz)
	ix, iy, iz := int64(fx), int64(fy), int64(fz)
	edge := func(dy, dz int64) float64 { return mix(hash(ix, iy+dy, iz+dz), hash(ix+1, iy+dy, iz+dz), x) }
	return mix(mix(edge(0, 0), edge(1, 0), y), mix(edge(0, 1), edge(1, 1), y), z)
}

// fractal sums noise of rising frequency; its mean is near 0.5.
func fractal(p vec, octaves int) float64 {
	sum, weight := 0.0, 0.5
	for range octaves {
		sum += weight * noise(p)
		p = p.times(2.03).add(vec{17.1, 3.7, 9.2})
		weight *= 0.5
	}
	return sum
}
