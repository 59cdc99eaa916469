package ledger_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"plumbline/internal/ledger"
)

// histories is how many random histories each property is tried with.
const histories = 200

// atOnce looks again without a pause; the world moves by being read.
func atOnce(w *world) ledger.Options {
	return ledger.Options{Pauses: []time.Duration{0, 0, 0}, Step: func(what string) {
		if strings.Contains(what, "again") {
			w.settle()
		}
	}}
}

func take(t *testing.T, w *world) ledger.Report {
	t.Helper()
	r, err := ledger.Take(t.Context(), w.sources(), atOnce(w))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMovingWorldBalances(t *testing.T) {
	for seed := range uint64(histories) {
		w := newWorld(seed)
		w.expires = seed%2 == 0
		w.move(int(seed * 8))
		before := len(w.journal)
		r := take(t, w)
		if !r.Balanced {
			t.Fatalf("seed %d: %+v", seed, r)
		}
		if r.Accepted < before && !w.expires {
			t.Errorf("seed %d: %d accepted, the journal held %d", seed, r.Accepted, before)
		}
		checkSums(t, r)
	}
}

func checkSums(t *testing.T, r ledger.Report) {
	t.Helper()
	var all ledger.Counts
	missing := 0
	for _, d := range r.Devices {
		if sum := d.Recorded + d.Waiting + d.Leased + d.Dead + d.Dropped + d.Missing; sum != d.Accepted {
			t.Errorf("%s: %d accepted, %d found or missing", d.Device, d.Accepted, sum)
		}
		all.Accepted += d.Accepted
		all.Recorded += d.Recorded
		all.Waiting += d.Waiting
		all.Leased += d.Leased
		all.Dead += d.Dead
		all.Dropped += d.Dropped
		missing += d.Missing
	}
	if diff := cmp.Diff(r.Counts, all); diff != "" || missing != len(r.Missing) {
		t.Errorf("the devices do not add up: %s", diff)
	}
}

// settled is a world in which something is in each place and nothing on its way.
func settled(t *testing.T, seed uint64) *world {
	t.Helper()
	for w := newWorld(seed); ; w.move(50) {
		for len(w.halves) > 0 {
			w.enter(w.halves[0])
		}
		for range w.made {
			w.finish()
			w.acknowledge()
		}
		if len(w.journal) > 10 && len(w.queue) > 0 && len(w.rows) > 0 && len(w.dead) > 0 && len(w.dropped) > 0 && len(w.removed) > 0 {
			return w
		}
	}
}

// Whatever is deleted by hand is reported, and nothing else is, also when the rest moves on meanwhile.
func TestEachDeletionIsFound(t *testing.T) {
	for name, set := range map[string]func(*world) map[string]bool{
		"row":               func(w *world) map[string]bool { return w.rows },
		"queued capture":    func(w *world) map[string]bool { return w.queue },
		"dead letter":       func(w *world) map[string]bool { return w.dead },
		"note of a drop":    func(w *world) map[string]bool { return w.dropped },
		"note of a removal": func(w *world) map[string]bool { return w.removed },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(histories / 4) {
				w := settled(t, seed)
				id := w.any(set(w))
				delete(set(w), id)
				delete(w.leased, id)
				w.move(int(seed % 3 * 20))
				r := take(t, w)
				if len(r.Missing) != 1 || r.Missing[0].ID != id || r.Missing[0].Device != w.devices[id] || len(r.Surplus) != 0 || r.Balanced {
					t.Fatalf("seed %d: deleted %s, reported %+v", seed, id, r)
				}
				checkSums(t, r)
			}
		})
	}
}

func TestDeletedEntryIsFound(t *testing.T) {
	for seed := range uint64(histories / 4) {
		w := settled(t, seed)
		n := 1 + w.random.IntN(len(w.journal)-1)
		id := w.journal[n].ID
		if ulid.Time(ulid.MustParseStrict(id).Time()).Before(w.entered[w.journal[0].ID]) {
			continue // the journal began when this one was stored already: nobody can tell
		}
		w.journal = append(w.journal[:n:n], w.journal[n+1:]...)
		want := ""
		switch {
		case w.rows[id]:
			want = ledger.RowNotAccepted
		case w.dead[id] && !w.refused[id]:
			want = ledger.DeadNotAccepted
		}
		w.still = true
		r := take(t, w)
		switch {
		case want == "" && !r.Balanced, want != "" && (len(r.Surplus) != 1 || r.Surplus[0] != ledger.Surplus{ID: id, Problem: want}):
			t.Fatalf("seed %d: the entry of %s is deleted, reported %+v; want %q", seed, id, r.Surplus, want)
		}
	}
}

func TestRowAndDeadLetterExcludeEachOther(t *testing.T) {
	w := settled(t, 1)
	w.still = true
	id := w.any(w.rows)
	w.dead[id] = true
	r := take(t, w)
	if len(r.Missing) != 0 || len(r.Surplus) != 1 || r.Surplus[0] != (ledger.Surplus{ID: id, Problem: ledger.RowAndDead}) {
		t.Errorf("%+v, want %s as row and dead letter", r, id)
	}
}

// A replay is through when a letter that was seen beside its row is gone at the second look.
func TestReplayIsNoFalseAlarm(t *testing.T) {
	w := settled(t, 1)
	w.still = true
	id := w.any(w.rows)
	w.dead[id] = true
	o := atOnce(w)
	o.Step = func(what string) {
		if strings.Contains(what, "again") {
			delete(w.dead, id)
		}
	}
	r, err := ledger.Take(t.Context(), w.sources(), o)
	if err != nil || !r.Balanced {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestWhatIsNoneOfOurs(t *testing.T) {
	w := settled(t, 2)
	w.still = true
	older := newWorld(3)
	older.clock = w.clock.Add(-1000 * time.Hour)
	w.rows[older.id()], w.dead[older.id()], w.queue[older.id()] = true, true, true
	w.rows["somebody's own id"] = true
	w.foreign = 5
	r := take(t, w)
	if !r.Balanced || r.Outside.OlderRows != 1 || r.Outside.OlderDead != 1 || r.Outside.OlderQueued != 1 || r.Outside.OtherRows != 6 {
		t.Errorf("%+v", r)
	}
}

func TestNothingBalances(t *testing.T) {
	w := newWorld(4)
	w.still = true
	r := take(t, w)
	want := ledger.Report{AsOf: r.AsOf, Balanced: true, Devices: []ledger.Account{}, Missing: []ledger.Missing{}, Surplus: []ledger.Surplus{}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
}

func TestReadErrorsAreNoReport(t *testing.T) {
	broken := errors.New("the disk is gone")
	brokenIDs := func(context.Context) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) { yield("", broken) }
	}
	brokenSet := func(context.Context, []string) (map[string]bool, error) { return nil, broken }
	for name, damage := range map[string]func(*ledger.Sources){
		"journal": func(s *ledger.Sources) {
			s.Journal = func(context.Context, uint64) iter.Seq2[ledger.Entry, error] {
				return func(yield func(ledger.Entry, error) bool) { yield(ledger.Entry{}, broken) }
			}
		},
		"begin": func(s *ledger.Sources) {
			s.Begins = func(context.Context) (time.Time, error) { return time.Time{}, broken }
		},
		"queue":   func(s *ledger.Sources) { s.Queued = brokenSet },
		"dead":    func(s *ledger.Sources) { s.Dead = brokenSet },
		"dropped": func(s *ledger.Sources) { s.Dropped = brokenSet },
		"leases": func(s *ledger.Sources) {
			s.Leased = func(context.Context) (map[string]bool, error) { return nil, broken }
		},
		"rows":     func(s *ledger.Sources) { s.Rows = brokenIDs },
		"removed":  func(s *ledger.Sources) { s.Removed = brokenIDs },
		"others":   func(s *ledger.Sources) { s.Others = func(context.Context) (int64, error) { return 0, broken } },
		"recorded": func(s *ledger.Sources) { s.Recorded = brokenSet },
	} {
		t.Run(name, func(t *testing.T) {
			w := settled(t, 5)
			delete(w.rows, w.any(w.rows)) // so that it must look again
			s := w.sources()
			damage(&s)
			if _, err := ledger.Take(t.Context(), s, atOnce(w)); !errors.Is(err, broken) {
				t.Errorf("%v, want the broken disk", err)
			}
		})
	}
}
