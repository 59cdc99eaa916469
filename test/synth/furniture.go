package main

// woodenChair stands under a person who sits at the origin.
func (s *scene) woodenChair(m *material) {
	parts := []solid{boxAt(vec{0.08, 0.425, 0}, vec{0.235, 0.030, 0.225}, 0.018)}
	for _, x := range []float64{-0.12, 0.27} {
		for _, z := range []float64{-0.19, 0.19} {
			parts = append(parts, limb{vec{x, 0.42, z}, vec{x * 1.08, 0, z * 1.06}, 0.018, 0.013})
		}
	}
	for _, z := range []float64{-0.19, 0.19} {
		parts = append(parts, limb{vec{-0.135, 0.40, z}, vec{-0.255, 0.96, z}, 0.017, 0.014})
	}
	for _, y := range []float64{0.66, 0.79, 0.92} {
		lean := -0.135 - (y-0.40)*0.214
		parts = append(parts, boxAt(vec{lean, y, 0}, vec{0.012, 0.042, 0.20}, 0.010))
	}
	s.put(m, 0.010, parts...)
}

// officeChair has a column, five feet on castors, and a padded back.
func (s *scene) officeChair(pad *material) {
	s.put(pad, 0.03, boxAt(vec{0.06, 0.425, 0}, vec{0.25, 0.045, 0.25}, 0.04))
	back := frameOf{vec{-0.235, 0.79, 0}, vec{1, 0.13, 0}.unit(), vec{-0.13, 1, 0}.unit(), axisZ}
	s.put(pad, 0.03, block{back, vec{0.008, 0.20, 0.17}, 0.030})
	s.put(deviceBlack, 0.02,
		rod(vec{0.05, 0.39, 0}, vec{0.05, 0.10, 0}, 0.026),
		limb{vec{-0.10, 0.39, 0}, vec{-0.27, 0.47, 0}, 0.018, 0.018}, limb{vec{-0.27, 0.47, 0}, vec{-0.268, 0.72, 0}, 0.018, 0.016})
	for _, foot := range []vec{{0.33, 0, 0.04}, {0.15, 0, 0.27}, {-0.18, 0, 0.19}, {-0.20, 0, -0.16}, {0.13, 0, -0.27}} {
		s.put(deviceBlack, 0.01, limb{vec{0.05, 0.10, 0}, vec{foot.x, 0.065, foot.z}, 0.022, 0.015}, ball(vec{foot.x, 0.030, foot.z}, 0.030))
	}
}

// stool is a seat on one leg.
func (s *scene) stool(m *material) {
	seat := frameOf{vec{0.04, 0.44, 0}, axisX, axisY, axisZ}
	s.put(m, 0.02, ellipsoid{seat, vec{0.20, 0.032, 0.20}})
	s.put(metal, 0.03, rod(vec{0.04, 0.42, 0}, vec{0.04, 0.03, 0}, 0.022), ellipsoid{frameOf{vec{0.04, 0.008, 0}, axisX, axisY, axisZ}, vec{0.20, 0.022, 0.20}})
}

// deskX is where a desk's front edge lies; its top is at the given height.
const deskX = 0.36

func (s *scene) desk(top *material, height float64) {
	s.put(top, 0, boxAt(vec{deskX + 0.40, height - 0.014, -0.10}, vec{0.40, 0.016, 0.48}, 0.006))
	legs := []solid{}
	for _, x := range []float64{deskX + 0.06, deskX + 0.74} {
		for _, z := range []float64{-0.52, 0.32} {
			legs = append(legs, rod(vec{x, height - 0.02, z}, vec{x, 0, z}, 0.018))
		}
	}
	s.put(metal, 0, legs...)
}

// monitor stands on a desk with a keyboard before it. Its picture is turned to the person: from the side, only its
// edge is seen.
func (s *scene) monitor(height, screenY float64) {
	x := deskX + 0.52
	s.put(deviceBlack, 0.004,
		boxAt(vec{x, height + screenY, -0.05}, vec{0.010, 0.165, 0.28}, 0.006),
		limb{vec{x + 0.03, height + 0.01, -0.05}, vec{x + 0.02, height + screenY, -0.05}, 0.020, 0.016},
		boxAt(vec{x + 0.02, height + 0.008, -0.05}, vec{0.085, 0.007, 0.11}, 0.005))
	s.put(&material{color: vec{0.45, 0.65, 0.95}, glow: 1.1}, 0, boxAt(vec{x - 0.0105, height + screenY + 0.004, -0.05}, vec{0.001, 0.150, 0.268}, 0.0005))
	s.put(deviceGray, 0.002, boxAt(vec{deskX + 0.12, height + 0.008, 0}, vec{0.065, 0.007, 0.21}, 0.004))
}

func (s *scene) laptop(height float64) {
	s.put(deviceGray, 0.001, boxAt(vec{deskX + 0.16, height + 0.009, 0}, vec{0.105, 0.008, 0.16}, 0.005))
	lid := frameOf{vec{deskX + 0.305, height + 0.115, 0}, vec{0.95, -0.30, 0}.unit(), vec{0.30, 0.95, 0}.unit(), axisZ}
	s.put(deviceGray, 0.001, block{lid, vec{0.002, 0.105, 0.157}, 0.003})
	lid.origin = lid.at(-0.0052, 0, 0)
	s.put(&material{color: vec{0.62, 0.76, 1.0}, glow: 0.9}, 0, block{lid, vec{0.0005, 0.095, 0.148}, 0.0003})
}

func (s *scene) mug(x, height, z float64, color vec) {
	m := &material{color: color, shine: 0.3, gloss: 30, reflect: 0.08}
	handle := frameOf{vec{x + 0.045, height + 0.048, z}, axisX, axisY, axisZ}
	p := s.put(m, 0.004, limb{vec{x, height + 0.036, z}, vec{x, height + 0.066, z}, 0.036, 0.038}, ring{handle, 0.024, 0.006})
	p.cut = func(q vec, d float64) float64 { return max(d, q.y-(height+0.088)) }
}

// lamp hangs from above.
func (s *scene) lamp(x, y, z float64, color vec) {
	m := &material{color: color, shine: 0.2, gloss: 24, wrap: 0.2}
	p := s.put(m, 0, ellipsoid{frameOf{vec{x, y, z}, axisX, axisY, axisZ}, vec{0.17, 0.13, 0.17}})
	p.cut = func(q vec, d float64) float64 { return max(d, y-0.02-q.y) }
	s.put(metal, 0, rod(vec{x, y + 0.12, z}, vec{x, 3, z}, 0.004)).unshaded = true
	s.put(&material{color: vec{1.0, 0.86, 0.62}, glow: 2.0}, 0, ball(vec{x, y + 0.005, z}, 0.045))
}

// rug lies under the chair.
func (s *scene) rug(color vec) {
	m := carpet(color)
	s.put(&m, 0, boxAt(vec{0.2, 0.006, 0.1}, vec{1.0, 0.007, 0.72}, 0.006))
}
