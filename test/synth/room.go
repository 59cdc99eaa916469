package main

import "math"

// wallZ is where the wall stands behind the person.
const wallZ = -1.25

// room is floor, wall and light.
type room struct {
	floor, wall material
	mood        mood
}

// Materials that several things share.
var (
	deviceBlack = &material{color: vec{0.018, 0.019, 0.022}, shine: 0.35, gloss: 40, reflect: 0.10}
	deviceGray  = &material{color: vec{0.30, 0.31, 0.33}, shine: 0.4, gloss: 36, reflect: 0.10}
	soleWhite   = &material{color: vec{0.70, 0.69, 0.66}, shine: 0.05, gloss: 10}
	eyeWhite    = &material{color: vec{0.70, 0.68, 0.66}, shine: 0.5, gloss: 60}
	iris        = &material{color: vec{0.045, 0.028, 0.020}, shine: 0.8, gloss: 90}
	paintWhite  = &material{color: vec{0.74, 0.74, 0.72}, shine: 0.08, gloss: 16, reflect: 0.04}
	leafGreen   = &material{color: vec{0.060, 0.165, 0.050}, wrap: 0.3, shine: 0.12, gloss: 14}
	terracotta  = &material{color: vec{0.42, 0.16, 0.085}, wrap: 0.1}
	skyBright   = &material{color: vec{0.78, 0.90, 1.05}, glow: 1.6}
	metal       = &material{color: vec{0.050, 0.050, 0.055}, shine: 0.3, gloss: 30, reflect: 0.08}
)

func cloth(color vec, weave float64) *material {
	return &material{
		color: color, wrap: 0.12, shine: 0.015, gloss: 8, reflect: 0.03,
		paint: func(p, c vec) vec { return c.times(0.90 + 0.2*fractal(p.times(weave), 2)) },
		bump:  func(p vec) float64 { return 0.010*fractal(p.times(9), 3) + 0.0020*fractal(p.times(28), 2) },
	}
}

// striped cloth changes to another colour every other band of its width along a height.
func striped(color, other vec, width float64) *material {
	m := cloth(color, 200)
	m.paint = func(p, c vec) vec {
		band := math.Abs(math.Mod(p.y/width+100+0.05*fractal(p.times(8), 2), 1) - 0.5)
		return c.to(other, smoothstep(0.23, 0.27, band)).times(0.92 + 0.16*fractal(p.times(200), 2))
	}
	return m
}

func wood(color vec) *material {
	return &material{color: color, shine: 0.10, gloss: 22, reflect: 0.06, paint: func(p, c vec) vec {
		return c.times(0.72 + 0.56*fractal(vec{p.x * 4, p.y * 40, p.z * 50}, 3))
	}}
}

func plaster(color vec) material {
	return material{color: color, wrap: 0.05, paint: func(p, c vec) vec {
		return c.times(0.965 + 0.07*fractal(p.times(6), 4))
	}}
}

func boards(color vec) material {
	const width, length = 0.14, 0.9
	return material{color: color, shine: 0.10, gloss: 30, reflect: 0.10, paint: func(p, c vec) vec {
		row := math.Floor(p.z / width)
		piece := math.Floor((p.x + 3*hash(int64(row), 7, 1)) / length)
		c = c.times(0.78 + 0.30*hash(int64(row), int64(piece), 3) + 0.25*(fractal(vec{p.x * 5, 0, p.z * 70}, 3)-0.5))
		if p.z/width-row < 0.02 {
			c = c.times(0.55)
		}
		return c
	}}
}

func carpet(color vec) material {
	return material{color: color, wrap: 0.2,
		paint: func(p, c vec) vec { return c.times(0.80 + 0.40*fractal(p.times(120), 3)) },
		bump:  func(p vec) float64 { return 0.003 * fractal(p.times(160), 2) }}
}

func tiles(color vec) material {
	const side = 0.33
	return material{color: color, shine: 0.25, gloss: 40, reflect: 0.18, paint: func(p, c vec) vec {
		tx, tz := math.Floor(p.x/side), math.Floor(p.z/side)
		c = c.times(0.92 + 0.12*hash(int64(tx), int64(tz), 5) + 0.06*(fractal(p.times(14), 3)-0.5))
		if p.x/side-tx < 0.018 || p.z/side-tz < 0.018 {
			c = c.times(0.72)
		}
		return c
	}}
}

// Light of different hours.
var (
	daylight = mood{key: vec{1.0, 0.96, 0.90}, sky: vec{0.60, 0.66, 0.74}, bounce: vec{0.34, 0.26, 0.19},
		from: vec{0.42, 0.74, 0.62}.unit(), keyPower: 1.55, skyPower: 0.62}
	evening = mood{key: vec{1.0, 0.86, 0.68}, sky: vec{0.62, 0.56, 0.54}, bounce: vec{0.38, 0.25, 0.16},
		from: vec{0.62, 0.60, 0.58}.unit(), keyPower: 1.45, skyPower: 0.56}
	overcast = mood{key: vec{0.94, 0.97, 1.0}, sky: vec{0.66, 0.70, 0.76}, bounce: vec{0.28, 0.27, 0.25},
		from: vec{0.20, 0.88, 0.55}.unit(), keyPower: 1.10, skyPower: 0.80}
)

// skirting runs along the foot of the wall.
func (s *scene) skirting() {
	s.put(paintWhite, 0, boxAt(vec{0, 0.05, wallZ}, vec{4, 0.05, 0.014}, 0.004))
}

// window hangs on the wall, with its light and its bars.
func (s *scene) window(x, y, w, h float64) {
	s.put(skyBright, 0, boxAt(vec{x, y, wallZ}, vec{w / 2, h / 2, 0.004}, 0.001))
	const bar = 0.028
	edge := func(cx, cy, hw, hh float64) solid { return boxAt(vec{cx, cy, wallZ + 0.02}, vec{hw, hh, 0.022}, 0.005) }
	s.put(paintWhite, 0,
		edge(x-w/2, y, bar, h/2+bar), edge(x+w/2, y, bar, h/2+bar), edge(x, y+h/2, w/2, bar), edge(x, y-h/2, w/2, bar),
		edge(x, y, bar*0.6, h/2), edge(x, y+h*0.12, w/2, bar*0.6))
	s.put(paintWhite, 0, boxAt(vec{x, y - h/2 - 0.035, wallZ + 0.06}, vec{w/2 + 0.06, 0.014, 0.07}, 0.006))
}

// picture hangs framed on the wall; its painting is two hills under a sun.
func (s *scene) picture(x, y, w, h float64, ground, hill, sun vec) {
	s.put(&material{color: vec{0.055, 0.045, 0.038}, shine: 0.1, gloss: 20}, 0, boxAt(vec{x, y, wallZ + 0.012}, vec{w/2 + 0.018, h/2 + 0.018, 0.012}, 0.003))
	art := &material{color: ground, paint: func(p, c vec) vec {
		u, v := (p.x-x)/w, (p.y-y)/h
		if math.Hypot((u-0.14)*w/h, v-0.16) < 0.15 {
			c = sun
		}
		if v < -0.06+0.13*math.Sin(5.2*u+0.6) {
			c = hill
		}
		if v < -0.24+0.10*math.Sin(4.0*u+2.9) {
			c = hill.times(0.45)
		}
		return c
	}}
	s.put(art, 0, boxAt(vec{x, y, wallZ + 0.024}, vec{w / 2, h / 2, 0.003}, 0.001))
}

// shelf hangs on the wall with a row of books.
func (s *scene) shelf(x, y, w float64, board *material, seed int64) {
	s.put(board, 0, boxAt(vec{x, y, wallZ + 0.10}, vec{w / 2, 0.012, 0.10}, 0.004))
	palette := []vec{{0.32, 0.10, 0.08}, {0.10, 0.20, 0.30}, {0.50, 0.42, 0.28}, {0.12, 0.22, 0.16}, {0.55, 0.30, 0.10}, {0.40, 0.40, 0.42}}
	at := x - w/2 + 0.05
	for i := int64(0); at < x+w/2-0.12; i++ {
		thick, high := 0.018+0.020*hash(i, seed, 1), 0.16+0.07*hash(i, seed, 2)
		book := &material{color: palette[int(6*hash(i, seed, 3))%6], shine: 0.05, gloss: 12}
		s.put(book, 0, boxAt(vec{at + thick/2, y + 0.012 + high/2, wallZ + 0.10}, vec{thick/2 - 0.001, high / 2, 0.075}, 0.004))
		at += thick + 0.002
	}
}

// plant stands in a pot; leaves are flat ellipsoids on bent stems.
func (s *scene) plant(x, z, size float64, seed int64) {
	s.put(terracotta, 0.01, limb{vec{x, 0.06 * size, z}, vec{x, 0.26 * size, z}, 0.09 * size, 0.13 * size})
	for i := range int64(11) {
		turn := 2 * math.Pi * (float64(i)/11 + 0.05*hash(i, seed, 1))
		rise, out := 0.45+0.45*hash(i, seed, 2), 0.16+0.20*hash(i, seed, 3)
		foot := vec{x, 0.30 * size, z}
		tip := vec{x + out*math.Cos(turn)*size, (0.30 + rise) * size, z + 0.6*out*math.Sin(turn)*size}
		along := tip.sub(foot).add(vec{math.Cos(turn) * 0.25, -0.2, math.Sin(turn) * 0.2}).unit()
		across := along.cross(vec{math.Sin(turn), 0.1, -math.Cos(turn)}).unit()
		leaf := frameOf{tip, along, across, along.cross(across)}
		s.put(leafGreen, 0.01, rod(foot, tip, 0.006*size), ellipsoid{leaf, vec{0.17, 0.016, 0.065}.times(size)})
	}
}
