package planar

import "slices"

// place finds a place in memory for every tensor, so that tensors which live at the same time do not overlap, and returns how
// many floats are needed. Small memory stays in the caches.
func (p *plan) place() int {
	total := 0
	var placed []*tensor // sorted by place
	for _, t := range p.lives() {
		t.at = t.fit(placed)
		i, _ := slices.BinarySearchFunc(placed, t.at, func(o *tensor, at int) int { return o.at - at })
		placed = slices.Insert(placed, i, t)
		total = max(total, t.at+t.size())
	}
	return total
}

// lives lists all tensors and notes from which to which step each is needed.
func (p *plan) lives() []*tensor {
	var tensors []*tensor
	use := func(t *tensor, step int) {
		if t == nil {
			return
		}
		t = t.root()
		if !slices.Contains(tensors, t) {
			t.made = step
			tensors = append(tensors, t)
		}
		t.used = step
	}
	use(p.input, 0)
	for i, s := range p.steps {
		use(s.in, i)
		if s.out != nil && s.out.kept > 0 {
			use(s.in, i+1) // the next step runs while this one does
		}
		use(s.in2, i)
		use(s.out, i)
	}
	return tensors
}

// fit is the first place with room for t between the tensors that live while t does.
func (t *tensor) fit(placed []*tensor) int {
	at := 0
	for _, o := range placed {
		if o.used < t.made || t.used < o.made || o.at >= at+t.size() {
			continue
		}
		at = max(at, o.at+o.size())
	}
	return at
}
