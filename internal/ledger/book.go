package ledger

import (
	"cmp"
	"slices"
	"time"
)

// place is a set of places; a capture on its way is in two for a moment.
type place uint8

const (
	queued place = 1 << iota
	leased
	dead
	dropped
	recorded
)

// mark is what is known of one entry of the journal. A million of them take some 50 MB with their ids.
type mark struct {
	device uint32
	in     place
}

// book is the journal's side of the ledger, and what was found without an entry.
type book struct {
	marks   []mark
	index   map[key]uint32 // into marks
	devices map[string]uint32
	names   []string

	last  uint64           // sequence up to which the journal was read
	late  map[key]bool     // accepted after the journal was read
	loose map[key]place    // found somewhere without an entry
	twice map[key]struct{} // both row and dead letter
	begin time.Time
	out   Outside
}

func newBook() *book {
	return &book{
		index: map[key]uint32{}, devices: map[string]uint32{},
		late: map[key]bool{}, loose: map[key]place{}, twice: map[key]struct{}{},
	}
}

// accept enters an entry of the journal; an id that comes twice is one.
func (b *book) accept(id key, device string) {
	if _, known := b.index[id]; known {
		return
	}
	d, known := b.devices[device]
	if !known {
		d = uint32(len(b.names)) //nolint:gosec // fewer devices than that
		b.devices[device] = d
		b.names = append(b.names, device)
	}
	b.index[id] = uint32(len(b.marks)) //nolint:gosec // memory ends before
	b.marks = append(b.marks, mark{device: d})
}

// found notes that a capture is in a place.
func (b *book) found(text string, where place) {
	id, ours := parse(text)
	if !ours {
		if where == recorded {
			b.out.OtherRows++
		}
		return
	}
	if i, ok := b.index[id]; ok {
		b.marks[i].in |= where
		if where&(recorded|dead) != 0 && b.marks[i].in&(recorded|dead) == recorded|dead {
			b.twice[id] = struct{}{}
		}
		return
	}
	if where&(queued|dead|recorded) != 0 && !b.older(id, where) { // the note of a drop outlives its entry
		b.loose[id] |= where
	}
}

// older notes what was received before the journal begins: it may have had an entry that left by age.
func (b *book) older(id key, where place) bool {
	if !b.begin.IsZero() && !id.receivedAt().Before(b.begin) {
		return false
	}
	switch where {
	case recorded:
		b.out.OlderRows++
	case dead:
		b.out.OlderDead++
	case queued:
		b.out.OlderQueued++
	}
	return true
}

// setLateAside takes out what was accepted meanwhile.
func (b *book) setLateAside() {
	for id := range b.late {
		delete(b.loose, id)
	}
}

// unplaced are the entries without a place.
func (b *book) unplaced() []key {
	var ids []key
	for id, i := range b.index {
		if b.marks[i].in == 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

// count adds one entry to the count that its place stands for. The queue goes before the dead letters: a replay is in
// both for a moment, and its future is the queue's.
func (c *Counts) count(in place) {
	c.Accepted++
	switch {
	case in&recorded != 0:
		c.Recorded++
	case in&leased != 0:
		c.Leased++
	case in&queued != 0:
		c.Waiting++
	case in&dead != 0:
		c.Dead++
	case in&dropped != 0:
		c.Dropped++
	}
}

// report adds everything up.
func (b *book) report(asOf time.Time) Report {
	r := Report{AsOf: asOf, Devices: make([]Account, len(b.names)), Missing: []Missing{}, Surplus: []Surplus{}, Outside: b.out}
	r.Outside.JournalBegins = b.begin
	for i, name := range b.names {
		r.Devices[i].Device = name
	}
	for _, m := range b.marks {
		r.count(m.in)
		r.Devices[m.device].count(m.in)
	}
	for _, id := range b.unplaced() {
		device := &r.Devices[b.marks[b.index[id]].device]
		device.Missing++
		r.Missing = append(r.Missing, Missing{ID: id.String(), Device: device.Device, ReceivedAt: id.receivedAt()})
	}
	for id, in := range b.loose {
		r.Surplus = append(r.Surplus, Surplus{ID: id.String(), Problem: problem(in)})
	}
	for id := range b.twice {
		r.Surplus = append(r.Surplus, Surplus{ID: id.String(), Problem: RowAndDead})
	}
	slices.SortFunc(r.Devices, func(x, y Account) int { return cmp.Compare(x.Device, y.Device) })
	slices.SortFunc(r.Missing, func(x, y Missing) int { return cmp.Compare(x.ID, y.ID) })
	slices.SortFunc(r.Surplus, func(x, y Surplus) int { return cmp.Compare(x.ID, y.ID) })
	r.Balanced = len(r.Missing) == 0 && len(r.Surplus) == 0
	return r
}

func problem(in place) string {
	if in&recorded != 0 {
		return RowNotAccepted
	}
	return DeadNotAccepted
}
