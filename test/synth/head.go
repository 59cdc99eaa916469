package main

import "math"

// look is what a head wears.
type look struct {
	style   hairStyle
	beard   bool
	glasses bool
}

type hairStyle int

const (
	hairShort hairStyle = iota
	hairCrop            // shaved close
	hairBob             // to the jaw, over the ears
	hairBun
	hairTail
	hairGone // a fringe around a bald top
)

// buildHead builds neck, skull, face and hair. In the head's frame the ear canal is the origin, the nose's tip lies at
// 0.125 forward, the crown at 0.15 up.
func (f *figure) buildHead() {
	h := f.head
	lump := func(x, y, z, rx, ry, rz float64) ellipsoid {
		at := h
		at.origin = h.at(x, y, z)
		return ellipsoid{at, vec{rx, ry, rz}}
	}
	neck := f.shoulders.to(h.origin, 0.16).add(vec{-0.012, 0, 0})
	f.scene.put(f.skinStuff, 0.022,
		limb{neck, h.at(-0.018, -0.045, 0), 0.060, 0.054},
		lump(-0.008, 0.062, 0, 0.098, 0.084, 0.074),
		lump(0.040, 0.005, 0, 0.061, 0.092, 0.062),
		limb{h.at(0.000, -0.045, 0.035), h.at(0.070, -0.088, 0.012), 0.025, 0.019},
		limb{h.at(0.000, -0.045, -0.035), h.at(0.070, -0.088, -0.012), 0.025, 0.019},
		lump(0.077, -0.088, 0, 0.021, 0.019, 0.024),
		limb{h.at(0.094, 0.030, 0), h.at(0.117, -0.012, 0), 0.008, 0.0115},
		lump(0.106, -0.018, 0, 0.016, 0.009, 0.017),
		lump(0.082, 0.046, 0, 0.018, 0.012, 0.045),
		lump(0.094, -0.050, 0, 0.013, 0.022, 0.028),
		lump(0.066, -0.010, 0.040, 0.022, 0.020, 0.018),
		lump(0.066, -0.010, -0.040, 0.022, 0.020, 0.018))
	lips := f.skinLike(f.skin.mul(vec{0.88, 0.52, 0.50}))
	f.scene.put(lips, 0.004, lump(0.1035, -0.0455, 0, 0.0065, 0.0045, 0.019), lump(0.1015, -0.0560, 0, 0.0065, 0.0055, 0.017))
	for _, side := range []float64{1, -1} {
		f.buildEye(side)
		if f.look.style != hairBob {
			f.buildEar(side)
		}
	}
	f.buildHair()
	if f.look.beard {
		f.buildBeard()
	}
	if f.look.glasses {
		f.buildGlasses()
	}
}

func (f *figure) buildEye(side float64) {
	h := f.head
	at := h
	at.origin = h.at(0.0830, 0.024, 0.0315*side)
	f.scene.put(eyeWhite, 0, ellipsoid{at, vec{0.0125, 0.0080, 0.0125}})
	at.origin = h.at(0.0912, 0.024, 0.0345*side)
	f.scene.put(iris, 0, ellipsoid{at, vec{0.0052, 0.0058, 0.0058}})
	lid := f.skinLike(f.skin.times(0.82))
	f.scene.put(lid, 0.004,
		limb{h.at(0.0905, 0.0330, 0.021*side), h.at(0.0800, 0.0320, 0.045*side), 0.0042, 0.0038},
		limb{h.at(0.0880, 0.0155, 0.022*side), h.at(0.0790, 0.0160, 0.043*side), 0.0033, 0.0030})
}

func (f *figure) buildEar(side float64) {
	h := f.head
	at := frameOf{origin: h.at(-0.004, -0.002, 0.073*side), up: h.up}
	at.forward = h.forward.times(math.Cos(radians(20))).add(axisZ.times(-0.34 * side)).unit()
	at.side = at.forward.cross(at.up)
	shell := ellipsoid{at, vec{0.0185, 0.031, 0.010}}
	hollow := at
	hollow.origin = at.origin.add(axisZ.times(0.012 * side)).add(h.forward.times(0.003)).add(h.up.times(0.003))
	inner := ellipsoid{hollow, vec{0.0105, 0.019, 0.008}}
	lobe := at
	lobe.origin = at.origin.add(h.up.times(-0.022)).add(h.forward.times(0.004))
	p := f.scene.put(f.skinStuff, 0.008, shell, ellipsoid{lobe, vec{0.010, 0.012, 0.007}})
	p.cut = func(q vec, d float64) float64 { return max(d, -inner.distance(q)) }
}

// hairline is where hair ends on the side of a head: the forward coordinate for a height.
var hairline = [][2]float64{ // up, forward
	{-0.30, -0.026}, {-0.020, -0.024}, {-0.012, 0.014}, {0.018, 0.026}, {0.040, 0.046}, {0.062, 0.052}, {0.085, 0.066}, {0.104, 0.090}, {0.125, 0.120}, {0.40, 0.120},
}

func hairEdge(up float64) float64 {
	for i := 1; i < len(hairline); i++ {
		if a, b := hairline[i-1], hairline[i]; up <= b[0] {
			return mix(a[1], b[1], clamp((up-a[0])/(b[0]-a[0]), 0, 1))
		}
	}
	return hairline[len(hairline)-1][1]
}

func (f *figure) buildHair() {
	h := f.head
	lump := func(x, y, z, rx, ry, rz float64) ellipsoid {
		at := h
		at.origin = h.at(x, y, z)
		return ellipsoid{at, vec{rx, ry, rz}}
	}
	full := 0.010
	if f.look.style == hairCrop || f.look.style == hairGone {
		full = 0.0035
	}
	cap := []solid{
		lump(-0.009, 0.063, 0, 0.098+full, 0.084+full*1.2, 0.074+full*0.8),
		lump(-0.055, 0.005, 0, 0.046+full, 0.072, 0.058+full),
	}
	nape := 0.062
	stuff := f.hairMaterial()
	switch f.look.style {
	case hairBob:
		nape = 0.30
		cap = append(cap, lump(-0.035, -0.035, 0, 0.075, 0.095, 0.092), lump(-0.020, 0.02, 0, 0.085, 0.09, 0.088))
	case hairBun:
		f.scene.put(stuff, 0.01, lump(-0.118, 0.085, 0, 0.040, 0.038, 0.038))
	case hairTail:
		f.scene.put(stuff, 0.03, limb{h.at(-0.105, 0.075, 0), h.at(-0.150, 0.030, 0), 0.024, 0.034},
			limb{h.at(-0.150, 0.030, 0), h.at(-0.150, -0.075, 0), 0.034, 0.026}, limb{h.at(-0.150, -0.075, 0), h.at(-0.132, -0.150, 0), 0.026, 0.008})
	}
	hair := f.scene.put(stuff, 0.03, cap...)
	bob := f.look.style == hairBob
	bald := f.look.style == hairGone
	hair.cut = func(p vec, d float64) float64 {
		q := h.local(p)
		ragged := 0.010 * (fractal(p.times(40), 3) - 0.45)
		edge := hairEdge(q.y)
		if bob && q.y < 0.062 {
			edge = 0.044 - 0.012*smoothstep(0.03, -0.10, q.y)
		}
		d = max(d, (q.x-edge)*0.75+ragged, -(q.y+nape)+ragged)
		if bob {
			d = max(d, -(q.y+0.115)+ragged)
		}
		if bald {
			d = max(d, q.y-0.075+ragged)
		}
		if !bob { // around the ear
			d = max(d, 0.024*(1-math.Hypot((q.x+0.002)/0.024, (q.y+0.002)/0.036)))
		}
		return d
	}
}

func (f *figure) buildBeard() {
	h := f.head
	at := func(x, y float64) frameOf { g := h; g.origin = h.at(x, y, 0); return g }
	beard := f.scene.put(f.hairMaterial(), 0.02,
		ellipsoid{at(0.042, -0.030), vec{0.066, 0.066, 0.066}},
		ellipsoid{at(0.078, -0.088), vec{0.027, 0.028, 0.030}},
		ellipsoid{at(0.096, -0.052), vec{0.0145, 0.024, 0.030}})
	beard.cut = func(p vec, d float64) float64 {
		q := h.local(p)
		ragged := 0.006 * (fractal(p.times(70), 3) - 0.45)
		d = max(d, q.y-mix(-0.005, -0.030, smoothstep(0.02, 0.085, q.x))+ragged, 0.012-q.x+ragged)
		return max(d, 0.010-math.Hypot((q.x-0.108)*0.7, q.y+0.050)) // the mouth
	}
}

func (f *figure) buildGlasses() {
	h := f.head
	for _, side := range []float64{1, -1} {
		lens := frameOf{h.at(0.103, 0.022, 0.034*side), axisZ, h.up, h.forward}
		f.scene.put(deviceBlack, 0.002, ring{lens, 0.021, 0.0022},
			limb{h.at(0.100, 0.030, 0.055*side), h.at(-0.002, 0.030, 0.079*side), 0.0026, 0.0026})
	}
}

// skinMaterial is the skin of body and head; the head's cheeks and ears are redder, and its brows are painted on.
func (f *figure) skinMaterial() *material {
	m := f.skinLike(f.skin)
	h, brow := f.head, f.hair.times(0.8).add(f.skin.times(0.06))
	m.paint = func(p, c vec) vec {
		c = c.times(0.93 + 0.14*fractal(p.times(40), 3))
		q := h.local(p)
		blush := math.Exp(-(sq(q.x-0.075) + sq(q.y+0.012)) / 0.0006)
		if math.Abs(q.z) > 0.06 {
			blush = max(blush, 0.8*math.Exp(-(q.x*q.x/0.0006+q.y*q.y/0.0012)))
		}
		c = c.to(c.mul(vec{1.05, 0.80, 0.76}), 0.5*blush)
		z := math.Abs(q.z)
		arch := 0.0475 + 0.005*smoothstep(0.012, 0.034, z) - 0.006*smoothstep(0.036, 0.055, z)
		if q.x > 0.06 && z > 0.010 && z < 0.055 {
			c = c.to(brow, 0.85*smoothstep(0.0065, 0.0030, math.Abs(q.y-arch)))
		}
		return c
	}
	m.bump = func(p vec) float64 { return 0.00012 * fractal(p.times(300), 2) }
	return m
}

func sq(v float64) float64 { return v * v }

func (f *figure) skinLike(color vec) *material {
	return &material{color: color, wrap: 0.25, shine: 0.08, gloss: 18, bleeds: true, reflect: 0.03}
}

func (f *figure) hairMaterial() *material {
	h := f.head
	return &material{
		color: f.hair, shine: 0.22, gloss: 24, reflect: 0.03,
		paint: func(p, c vec) vec {
			q := h.local(p)
			return c.times(0.55 + 0.9*fractal(vec{60*q.x + 36*q.y, 36 * q.y, 240 * q.z}, 3))
		},
		bump: func(p vec) float64 { return 0.0010 * fractal(p.times(140), 2) },
	}
}
