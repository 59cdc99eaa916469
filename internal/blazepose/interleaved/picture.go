package interleaved

import "slices"

// group is what the channels of a cell are rounded up to: the longest vector, in floats.
const group = 16

func roundUp(n int) int { return (n + group - 1) / group * group }

// picture is a tensor as it lies in memory: cell by cell, the channels of a cell together.
type picture struct {
	height, width, channels int
	cell                    int  // floats from a cell to the next
	slots                   int  // rows that are kept; set by layOut
	framed                  bool // a window reads the zeros beside it
	at                      int  // where it begins in memory, in floats; set by layOut
	made, used              int  // the steps that write it and that last read it; set by layOut
}

func newPicture(height, width, channels int) *picture {
	return &picture{height: height, width: width, channels: channels, cell: roundUp(channels)}
}

func (p *picture) alike(o *picture) bool {
	return p.height == o.height && p.width == o.width && p.channels == o.channels
}

func (p *picture) pitch() int { return (p.width + beside) * p.cell }

// origin is where its first row lies.
func (p *picture) origin() int { return p.at + roundUp(beside*p.cell) }

func (p *picture) size() int { return roundUp(beside*p.cell) + roundUp(p.slots*p.pitch()) }

// layOut decides which steps are chained, how many rows each picture keeps, and where in memory it lies. It returns how many
// floats are needed.
func (p *plan) layOut() int {
	p.delay()
	p.chain()
	total := 0
	var placed []*picture // sorted by place
	for _, t := range p.lives() {
		t.at = t.fit(placed)
		i, _ := slices.BinarySearchFunc(placed, t.at, func(o *picture, at int) int { return o.at - at })
		placed = slices.Insert(placed, i, t)
		total = max(total, t.at+t.size())
	}
	return total
}

// chainedFrom is the height from which a picture that only the next step reads is made row by row as that step needs it: the
// pictures do not fit the second-level cache otherwise. Smaller ones are made at once, so that a layer's weights, which are then
// larger than its pictures, are read once.
const chainedFrom = 32

// delay moves steps whose result only one later step needs to right before that one, so that the two can take turns.
func (p *plan) delay() {
	readers := p.readers()
	for i := len(p.steps) - 2; i >= 0; i-- {
		s := p.steps[i]
		j := slices.IndexFunc(p.steps, func(o *step) bool { return o.in == s.out })
		if j <= i+1 || readers[s.out] > 1 || s.out.height < chainedFrom || s.added != nil {
			continue
		}
		copy(p.steps[i:], p.steps[i+1:j])
		p.steps[j-1] = s
	}
}

// readers counts what reads each picture.
func (p *plan) readers() map[*picture]int {
	readers := map[*picture]int{}
	for _, s := range p.steps {
		if s.kind != take {
			readers[s.in]++
		}
		readers[s.added]++
	}
	for _, o := range p.outputs {
		readers[o.picture]++
	}
	return readers
}

// chain makes steps that follow each other take turns.
func (p *plan) chain() {
	readers := p.readers()
	for _, s := range p.steps {
		s.in.slots, s.out.slots = s.in.height, s.out.height
	}
	for i := 1; i < len(p.steps); i++ {
		first, second := p.steps[i-1], p.steps[i]
		if first.out != second.in || readers[first.out] > 1 || first.out.height < chainedFrom {
			continue
		}
		second.chained = true
		first.block, second.block = first.rowsAtOnce(), second.rowsAtOnce()
		reach := second.side
		if second.kind == enlarge {
			reach = 3
		}
		stride := max(second.stride, 1)
		first.out.slots = min(first.out.height, (second.block-1)*stride+reach+first.block)
	}
}

// rowsAtOnce is how many rows a chained step makes at once.
func (s *step) rowsAtOnce() int {
	if s.kind == depthwise {
		return 4
	}
	return 2
}

// lives lists all pictures and notes from which to which step each is needed. Chained steps run as one.
func (p *plan) lives() []*picture {
	var pictures []*picture
	use := func(t *picture, from, to int) {
		if t == nil {
			return
		}
		if !slices.Contains(pictures, t) {
			t.made = from
			pictures = append(pictures, t)
		}
		t.used = max(t.used, to)
	}
	for i := 0; i < len(p.steps); {
		end := i + 1
		for end < len(p.steps) && p.steps[end].chained {
			end++
		}
		for _, s := range p.steps[i:end] {
			use(s.in, i, end-1)
			use(s.added, i, end-1)
			use(s.out, i, end-1)
		}
		i = end
	}
	for _, o := range p.outputs {
		use(o.picture, 0, len(p.steps))
	}
	return pictures
}

// fit is the first place with room for p between the pictures that live while p does.
func (p *picture) fit(placed []*picture) int {
	at := 0
	for _, o := range placed {
		if o.used < p.made || p.used < o.made || o.at >= at+p.size() {
			continue
		}
		at = max(at, o.at+o.size())
	}
	return at
}
