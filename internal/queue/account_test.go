package queue_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/queue"
)

func sorted(t *testing.T, list func(context.Context) (map[string]bool, error)) []string {
	t.Helper()
	ids, err := list(t.Context())
	must(t, err)
	return slices.Sorted(maps.Keys(ids))
}

// Leases are known by id, also those of a worker elsewhere and those in the pause after a failed attempt; what was leased
// when the hub ended waits again.
func TestLeasesAreKnownById(t *testing.T) {
	o := options(t)
	o.Lease = time.Minute
	h := open(t, o)
	ids := make([]string, 6)
	for i := range ids {
		ids[i] = accept(t, h, receipt(), picture(100))
	}
	if got := sorted(t, h.LeasedIDs); len(got) != 0 {
		t.Errorf("leased before any claim: %v", got)
	}
	w := worker(t, h, "one")
	elsewhere := worker(t, h, "two").Elsewhere(t.TempDir())
	first, second, third, fourth := claim(t, w), claim(t, elsewhere), claim(t, w), claim(t, w)
	must(t, second.Acknowledge(t.Context()))
	must(t, third.Fail(t.Context(), "for a try"))
	if diff := cmp.Diff([]string{first.Capture.ID, third.Capture.ID, fourth.Capture.ID}, sorted(t, h.LeasedIDs)); diff != "" {
		t.Error(diff)
	}
	if d := depth(t, h); d.Leased != 3 || d.Waiting != 2 {
		t.Errorf("%+v, want the same numbers", d)
	}
	shut(t, h)
	h = open(t, o)
	if got := sorted(t, h.LeasedIDs); len(got) != 0 {
		t.Errorf("leased after a restart: %v", got)
	}
}

func TestCapturesAreLookedUp(t *testing.T) {
	h := open(t, options(t))
	dead := bury(t, h, picture(10))
	dropped := bury(t, h, picture(10))
	must(t, h.Drop(t.Context(), dropped, "for a try"))
	waiting := accept(t, h, receipt(), picture(10))
	for name, c := range map[string]struct {
		among func(context.Context, []string) (map[string]bool, error)
		want  string
	}{"queue": {h.InQueue, waiting}, "dead": {h.AmongDead, dead}, "dropped": {h.AmongDropped, dropped}} {
		all, err := c.among(t.Context(), nil)
		must(t, err)
		if diff := cmp.Diff(map[string]bool{c.want: true}, all); diff != "" {
			t.Errorf("%s, all: %s", name, diff)
		}
		few, err := c.among(t.Context(), []string{waiting, dead, dropped})
		must(t, err)
		for _, id := range []string{waiting, dead, dropped} {
			if few[id] != (id == c.want) {
				t.Errorf("%s: %s is there: %v", name, id, few[id])
			}
		}
	}
}

// The journal goes on after a sequence, and says from when on it is complete.
func TestJournalGoesOn(t *testing.T) {
	h := open(t, options(t))
	if begins, err := h.JournalBegins(t.Context()); err != nil || !begins.IsZero() {
		t.Errorf("an empty journal begins %s, %v", begins, err)
	}
	before := time.Now()
	for range 3 {
		accept(t, h, receipt(), picture(10))
	}
	if begins, err := h.JournalBegins(t.Context()); err != nil || begins.Before(before) || begins.After(time.Now()) {
		t.Errorf("it begins %s, %v; want the time of the first entry", begins, err)
	}
	var last uint64
	for after, want := range map[uint64]int{0: 3, 2: 1, 3: 0, 9: 0} {
		n := 0
		for e, err := range h.JournalAfter(t.Context(), after) {
			must(t, err)
			last = max(last, e.Sequence)
			n++
		}
		if n != want {
			t.Errorf("after %d: %d entries, want %d", after, n, want)
		}
	}
	if last != 3 {
		t.Errorf("the last sequence is %d", last)
	}
	must(t, h.ForgetJournal(t.Context(), 2))
	if begins, err := h.JournalBegins(t.Context()); err != nil || begins.Before(time.Now()) {
		t.Errorf("when entries have left, it begins %s, %v; want some slack", begins, err)
	}
}

// A command that looks at a folder leaves its streams' limits alone.
func TestLimitsAreKept(t *testing.T) {
	o := options(t)
	o.JournalAge = 90 * 24 * time.Hour
	shut(t, open(t, o))
	looking := queue.Options{Dir: o.Dir, KeepLimits: true}
	h := open(t, looking)
	if age, size := h.Limits(t.Context()); age != o.JournalAge || size != o.MaxQueueBytes {
		t.Errorf("age %s and size %d, want the hub's", age, size)
	}
}

// A worker may be done with a replayed capture before the replay is: what it then buries stays buried.
func TestReplayedAndBuriedAgainAtOnce(t *testing.T) {
	h := open(t, options(t))
	id := bury(t, h, picture(10))
	w := worker(t, h, "quick")
	h.BetweenExchange(func(string) { must(t, claim(t, w).Bury(t.Context(), "still not a JPEG")) })
	must(t, h.Replay(t.Context(), id))
	letter, err := h.DeadLetter(t.Context(), id)
	must(t, err)
	if letter.Reason != "still not a JPEG" {
		t.Errorf("it was buried for %q", letter.Reason)
	}
	if queued := sorted(t, h.QueuedIDs); len(queued) != 0 {
		t.Errorf("in the queue: %v", queued)
	}
}
