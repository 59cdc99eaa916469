package ledger_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"plumbline/internal/ledger"
)

// world is queue, journal and table in memory. Every read lets it move on before, during and after.
type world struct {
	random *rand.Rand
	clock  time.Time
	made   uint64

	journal  []ledger.Entry
	sequence uint64
	entered  map[string]time.Time
	devices  map[string]string
	halves   []string // stored, without their entry
	queue    map[string]bool
	leased   map[string]bool
	dead     map[string]bool
	refused  map[string]bool
	replayed map[string]bool // in the queue again, and still a dead letter
	dropped  map[string]bool
	rows     map[string]bool
	removed  map[string]bool
	foreign  int64

	still   bool
	page    int  // a list of the queue comes in parts of so many
	expires bool // entries leave the journal by age
}

func newWorld(seed uint64) *world {
	return &world{
		random: rand.New(rand.NewPCG(seed, 1)), clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		devices: map[string]string{}, entered: map[string]time.Time{}, queue: map[string]bool{}, leased: map[string]bool{}, dead: map[string]bool{},
		refused: map[string]bool{}, replayed: map[string]bool{}, dropped: map[string]bool{}, rows: map[string]bool{}, removed: map[string]bool{}, page: 7,
	}
}

func (w *world) id() string {
	w.clock = w.clock.Add(time.Second)
	w.made++
	var id ulid.ULID
	_ = id.SetTime(ulid.Timestamp(w.clock))
	_ = id.SetEntropy(fmt.Appendf(nil, "%010d", w.made))
	return id.String()
}

// any is one of a set, the same for the same seed; empty when there is none.
func (w *world) any(set map[string]bool) string {
	if len(set) == 0 {
		return ""
	}
	return slices.Sorted(maps.Keys(set))[w.random.IntN(len(set))]
}

func (w *world) enter(id string) {
	i := slices.Index(w.halves, id)
	if i < 0 {
		return
	}
	w.halves = slices.Delete(w.halves, i, i+1)
	w.sequence++
	w.clock = w.clock.Add(time.Second)
	w.entered[id] = w.clock
	w.journal = append(w.journal, ledger.Entry{ID: id, Device: w.devices[id], Sequence: w.sequence})
}

func (w *world) arrive(into map[string]bool) string {
	id := w.id()
	w.devices[id] = fmt.Sprintf("pi%d", w.random.IntN(3))
	into[id] = true
	w.halves = append(w.halves, id)
	return id
}

// moves are what happens to captures, each a single write; the second half of what takes two is another move.
var moves = []func(w *world){
	func(w *world) { w.arrive(w.queue) },
	func(w *world) { w.arrive(w.queue) },
	func(w *world) { w.refused[w.arrive(w.dead)] = true },
	func(w *world) { // the second half of an acceptance
		if len(w.halves) > 0 {
			w.enter(w.halves[w.random.IntN(len(w.halves))])
		}
	},
	func(w *world) {
		if id := w.any(w.queue); id != "" {
			w.leased[id] = true
		}
	},
	func(w *world) { // recorded, and acknowledged by another move
		if id := w.any(w.leased); id != "" && (!w.dead[id] || w.replayed[id]) && !w.removed[id] {
			w.enter(id)
			w.rows[id] = true
		}
	},
	func(w *world) { // buried
		if id := w.any(w.leased); id != "" && !w.rows[id] && !w.removed[id] && !w.replayed[id] {
			w.enter(id)
			w.dead[id] = true
		}
	},
	(*world).acknowledge,
	(*world).acknowledge,
	(*world).replay,
	func(w *world) { // dropped
		if id := w.any(w.dead); id != "" && !w.queue[id] {
			w.enter(id)
			w.dropped[id] = true
		}
	},
	(*world).finish,
	(*world).finish,
	func(w *world) { // a row is removed for its age
		if id := w.any(w.rows); id != "" {
			delete(w.rows, id)
			w.removed[id] = true
		}
	},
	func(w *world) {
		if w.expires && len(w.journal) > 20 {
			w.journal = w.journal[5:]
		}
	},
}

func (w *world) acknowledge() {
	for _, id := range slices.Sorted(maps.Keys(w.leased)) {
		if w.rows[id] || w.removed[id] || w.dead[id] && !w.replayed[id] {
			delete(w.leased, id)
			delete(w.queue, id)
			return
		}
	}
}

func (w *world) replay() {
	if id := w.any(w.dead); id != "" && !w.refused[id] && !w.queue[id] && !w.dropped[id] {
		w.queue[id], w.replayed[id] = true, true
	}
}

// settle ends what was begun: some time has passed.
func (w *world) settle() {
	for n := 0; !w.still && n < len(w.devices); n++ {
		w.finish()
	}
}

// finish removes the letter of what was dropped or replayed.
func (w *world) finish() {
	for _, id := range slices.Sorted(maps.Keys(w.dead)) {
		if w.dropped[id] || w.replayed[id] {
			delete(w.dead, id)
			delete(w.replayed, id)
			return
		}
	}
}

// move does so many random moves.
func (w *world) move(n int) {
	for range n {
		moves[w.random.IntN(len(moves))](w)
	}
}

func (w *world) letMove() {
	if !w.still && w.random.IntN(3) == 0 {
		w.move(w.random.IntN(4))
	}
}

func (w *world) sources() ledger.Sources {
	return ledger.Sources{
		Journal: w.readJournal,
		Begins: func(context.Context) (time.Time, error) {
			w.letMove()
			if len(w.journal) == 0 {
				return time.Time{}, nil
			}
			return w.entered[w.journal[0].ID], nil
		},
		Queued: w.list(w.queue), Dead: w.list(w.dead), Dropped: w.list(w.dropped),
		Leased:  func(ctx context.Context) (map[string]bool, error) { return w.list(w.leased)(ctx, nil) },
		Refused: func(_ context.Context, id string) (bool, error) { return w.refused[id], nil },
		Rows:    w.snapshot(w.rows), Removed: w.snapshot(w.removed),
		Recorded: func(_ context.Context, ids []string) (map[string]bool, error) {
			w.letMove()
			found := map[string]bool{}
			for _, id := range ids {
				found[id] = w.rows[id] || w.removed[id]
			}
			return found, nil
		},
		Others: func(context.Context) (int64, error) { return w.foreign, nil },
	}
}

func (w *world) readJournal(_ context.Context, after uint64) iter.Seq2[ledger.Entry, error] {
	return func(yield func(ledger.Entry, error) bool) {
		if !w.still {
			w.move(w.random.IntN(30))
		}
		for _, e := range slices.Clone(w.journal) {
			if e.Sequence > after && !yield(e, nil) {
				return
			}
			w.letMove()
		}
	}
}

// list is how the queue lists: in parts, in order, each part as the set is by then; or by id.
func (w *world) list(set map[string]bool) func(context.Context, []string) (map[string]bool, error) {
	return func(_ context.Context, ids []string) (map[string]bool, error) {
		found := map[string]bool{}
		for _, id := range ids {
			w.letMove()
			found[id] = set[id]
		}
		for from := 0; ids == nil; from += w.page {
			w.letMove()
			sorted := slices.Sorted(maps.Keys(set))
			if from >= len(sorted) {
				break
			}
			for _, id := range sorted[from:min(from+w.page, len(sorted))] {
				found[id] = true
			}
		}
		return found, nil
	}
}

// snapshot is how a table is read: as it was at the beginning.
func (w *world) snapshot(set map[string]bool) func(context.Context) iter.Seq2[string, error] {
	return func(context.Context) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			w.letMove()
			for _, id := range slices.Sorted(maps.Keys(set)) {
				if !yield(id, nil) {
					return
				}
				w.letMove()
			}
		}
	}
}
