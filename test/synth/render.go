package main

import (
	"math"
	"runtime"
	"sync"

	"plumbline/internal/posture"
)

// material is how a surface looks. Colours are linear.
type material struct {
	color   vec
	paint   func(p vec, color vec) vec // colours places differently; nil for a plain colour
	bump    func(p vec) float64        // height in metres of a fine relief; nil for a smooth surface
	wrap    float64                    // how far light creeps round into the shade, for skin
	shine   float64                    // strength of the highlight
	gloss   float64                    // and its sharpness
	glow    float64                    // light of its own
	bleeds  bool                       // reddish at the edge of the shade, for skin
	reflect float64                    // share of what is mirrored at a flat angle
}

// mood is the light of a room.
type mood struct {
	key, sky, bounce vec // colours of window light, of the air, and from the floor
	from             vec // where the window light comes from
	keyPower         float64
	skyPower         float64
}

// render draws the scene: one ray a pixel, and samples squared where the pixels around differ.
func render(s *scene, c camera, samples int, seed int64) *posture.Frame {
	r := &rendering{camera: c, samples: samples, seed: seed, first: make([]vec, c.width*c.height),
		frame: &posture.Frame{Width: c.width, Height: c.height, Pix: make([]byte, 3*c.width*c.height)}}
	r.eachRow(s, r.firstRow)
	r.eachRow(s, r.lastRow)
	return r.frame
}

// rendering is a picture in work.
type rendering struct {
	camera
	samples int
	seed    int64
	first   []vec // a ray through each pixel's centre
	frame   *posture.Frame
}

func (r *rendering) eachRow(s *scene, do func(v *view, y int)) {
	rows := make(chan int, r.height)
	for y := range r.height {
		rows <- y
	}
	close(rows)
	var wg sync.WaitGroup
	for range runtime.NumCPU() {
		wg.Go(func() {
			v := &view{scene: s}
			for y := range rows {
				do(v, y)
			}
		})
	}
	wg.Wait()
}

func (r *rendering) firstRow(v *view, y int) {
	for x := range r.width {
		r.first[y*r.width+x] = toned(v.light(r.eye, r.ray(float64(x)+0.5, float64(y)+0.5)))
	}
}

func (r *rendering) lastRow(v *view, y int) {
	for x := range r.width {
		c := r.first[y*r.width+x]
		if r.samples > 1 && r.onEdge(x, y) {
			c = r.refined(v, x, y)
		}
		vx, vy := float64(x)/float64(r.width)-0.5, float64(y)/float64(r.height)-0.5
		grain := (hash(int64(x), int64(y), r.seed) - 0.5) * 0.012
		c = c.times(1 - 0.30*(vx*vx+vy*vy)).add(vec{grain, grain, grain})
		d := r.frame.Pix[3*(y*r.width+x):]
		d[0], d[1], d[2] = toByte(c.x), toByte(c.y), toByte(c.z)
	}
}

// onEdge reports whether a pixel differs visibly from one beside it.
func (r *rendering) onEdge(x, y int) bool {
	const visible = 0.045
	here := r.first[y*r.width+x]
	for _, at := range [4][2]int{{x - 1, y}, {x + 1, y}, {x, y - 1}, {x, y + 1}} {
		if at[0] < 0 || at[1] < 0 || at[0] >= r.width || at[1] >= r.height {
			continue
		}
		if here.sub(r.first[at[1]*r.width+at[0]]).abs().largest() > visible {
			return true
		}
	}
	return false
}

func (r *rendering) refined(v *view, x, y int) vec {
	var sum vec
	n := float64(r.samples)
	for i := range r.samples * r.samples {
		px := float64(x) + (float64(i%r.samples)+0.5)/n
		py := float64(y) + (float64(i/r.samples)+0.5)/n
		sum = sum.add(toned(v.light(r.eye, r.ray(px, py))))
	}
	return sum.times(1 / (n * n))
}

func toByte(v float64) byte { return byte(clamp(v*255+0.5, 0, 255)) }

// toned is a film-like curve (Narkowicz's fit of ACES) and the display's gamma.
func toned(c vec) vec {
	curve := func(v float64) float64 {
		v *= 0.80
		v = v * (2.51*v + 0.03) / (v*(2.43*v+0.59) + 0.14)
		return math.Pow(clamp(v, 0, 1), 1/2.2)
	}
	return vec{curve(c.x), curve(c.y), curve(c.z)}
}

// light returns the light that comes back along a ray.
func (v *view) light(from, along vec) vec {
	t, m, hit := v.march(from, along)
	if !hit {
		return vec{0.6, 0.65, 0.7}
	}
	p := from.add(along.times(t))
	v.near = v.alongRay(v.near, p, vec{}, 0.25) // no direction: around the point
	n := relief(m, p, v.normal(p))
	color := m.color
	if m.paint != nil {
		color = m.paint(p, color)
	}
	if m.glow > 0 {
		return color.times(m.glow)
	}
	return v.lit(m, color, p, n, along)
}

// relief tilts the normal by the material's fine relief.
func relief(m *material, p, n vec) vec {
	if m.bump == nil {
		return n
	}
	const e = 0.002
	h := m.bump(p)
	slope := vec{m.bump(p.add(axisX.times(e))) - h, m.bump(p.add(axisY.times(e))) - h, m.bump(p.add(axisZ.times(e))) - h}
	return n.sub(slope.times(1 / e)).unit()
}

func (v *view) lit(m *material, color, p, n, along vec) vec {
	l := v.room.mood
	facing := n.dot(l.from)
	lit := clamp((facing+m.wrap)/(1+m.wrap), 0, 1)
	seen := 0.0
	if lit > 0 {
		seen = v.shadow(p.add(n.times(0.003)), l.from)
	}
	open := v.openness(p, n)
	sum := l.key.times(l.keyPower * lit * (0.06 + 0.94*seen))
	sum = sum.add(l.sky.times(l.skyPower * open * (0.65 + 0.35*n.y)))
	sum = sum.add(l.sky.times(0.34 * open * clamp(n.dot(vec{-0.45, 0.25, 0.86}), 0, 1)))
	sum = sum.add(l.bounce.times(0.42 * open * (0.5 - 0.5*n.y)))
	if m.bleeds {
		sum = sum.add(vec{0.5, 0.13, 0.07}.times(0.30 * clamp(0.35-math.Abs(facing), 0, 1) * open))
	}
	out := color.mul(sum)
	half := l.from.sub(along).unit()
	spot := m.shine * math.Pow(clamp(n.dot(half), 0, 1), m.gloss) * seen * lit * 2
	rim := m.reflect * math.Pow(1-clamp(-n.dot(along), 0, 1), 4) * open
	return out.add(l.key.times(spot)).add(l.sky.times(rim))
}
