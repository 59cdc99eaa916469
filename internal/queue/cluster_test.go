package queue_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/posture"
	"plumbline/internal/queue"
	"plumbline/internal/testkit/nats"
)

// TestClusterLosesANode lets captures go in and out while one of three servers dies, which one is chosen so that it
// leads the queue. Nothing that was accepted is lost, and nothing is recorded under two ids or not at all.
func TestClusterLosesANode(t *testing.T) {
	t.Parallel()
	servers := nats.Cluster(t, 3)
	o := options(t)
	o.Lease = 2 * time.Second
	o.Outside = &queue.Outside{}
	registry := prometheus.NewRegistry()
	o.Registerer = registry
	for _, s := range servers {
		o.Outside.URLs = append(o.Outside.URLs, s.URL())
	}
	h := open(t, o)
	recorded := &rows{ids: map[string]int{}}
	go func() { _ = h.ServeResults(t.Context(), recorded.record) }()

	const captures = 300
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	var working sync.WaitGroup
	for _, name := range []string{"one", "two"} {
		w := worker(t, h, name)
		working.Go(func() { carry(ctx, w) })
	}
	accepted := map[string]bool{}
	for i := range captures {
		if i == captures/3 {
			leaderOf(t, servers, "PLUMBLINE_QUEUE").Stop()
		}
		accepted[acceptAtLast(ctx, t, h)] = true
	}
	recorded.await(ctx, t, captures)
	recorded.mu.Lock() // results may come once more
	for id := range accepted {
		if recorded.ids[id] == 0 {
			t.Errorf("%s was accepted and has no row", id)
		}
	}
	if len(recorded.ids) != captures || len(accepted) != captures {
		t.Errorf("%d accepted, %d recorded, want %d", len(accepted), len(recorded.ids), captures)
	}
	recorded.mu.Unlock()
	if ids := unique(journalIDs(t, h)); ids != captures {
		t.Errorf("%d in the journal, want %d", ids, captures)
	}
	eventually(t, "an empty queue", func() bool { d := depth(t, h); return d.Waiting+d.Leased+d.Dead == 0 })

	cancel()
	working.Wait()
	must(t, h.Ready(t.Context()))
	leaderOf(t, servers, "PLUMBLINE_QUEUE").Stop() // one is left of three: no majority
	eventually(t, "unreadiness", func() bool { return h.Ready(t.Context()) != nil })
	if _, err := registry.Gather(); err != nil {
		t.Errorf("no metrics are told when they are wanted most: %v", err)
	}
}

// A server that thinks of a dead one as its leader answers nothing at all. What was asked in that moment is asked again.
func TestClusterWithoutAnAnswerIsAskedAgain(t *testing.T) {
	t.Parallel()
	servers := nats.Cluster(t, 3)
	o := options(t)
	o.Outside = &queue.Outside{}
	for _, s := range servers {
		o.Outside.URLs = append(o.Outside.URLs, s.URL())
	}
	h := open(t, o)
	id := accept(t, h, receipt(), picture(10))
	for _, s := range servers[:2] {
		s.Stop()
	}
	journal, opened := make(chan error, 1), make(chan error, 1)
	go func() {
		for e, err := range h.Journal(t.Context()) {
			if err != nil || e.ID != id {
				journal <- fmt.Errorf("entry %s: %w", e.ID, err)
				return
			}
		}
		journal <- nil
	}()
	go func() {
		second := o
		second.Dir = t.TempDir()
		other, err := queue.Open(t.Context(), second)
		if err == nil {
			err = other.Close()
		}
		opened <- err
	}()
	await := func(what string, done <-chan error) {
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		case <-time.After(40 * time.Second):
			t.Errorf("%s hangs", what)
		}
	}
	for _, s := range servers[:2] {
		s.Start()
	}
	await("reading the journal", journal)
	await("opening a second hub", opened)
}

// The server that hands the journal out dies in the middle. Reading goes on where it was, with another one.
func TestClusterLosesTheServerThatIsReadFrom(t *testing.T) {
	t.Parallel()
	servers := nats.Cluster(t, 3)
	o := options(t)
	o.Outside = &queue.Outside{}
	for _, s := range servers {
		o.Outside.URLs = append(o.Outside.URLs, s.URL())
	}
	h := open(t, o)
	const entries = 2 * queue.ReadBatch
	must(t, h.EnterMany(entries))
	seen, last := 0, uint64(0)
	for e, err := range h.Journal(t.Context()) {
		if err != nil {
			t.Fatalf("after %d of %d entries: %v", seen, entries, err)
		}
		if seen++; e.Sequence <= last {
			t.Fatalf("entry %d comes after %d", e.Sequence, last)
		}
		if last = e.Sequence; seen == 1 {
			named(t, servers, h.ReadersAt(t.Context())).Stop()
		}
	}
	if seen != entries {
		t.Errorf("%d entries read, want %d", seen, entries)
	}
}

func named(t *testing.T, servers []*nats.Server, name string) *nats.Server {
	t.Helper()
	for _, s := range servers {
		if s.Name() == name {
			return s
		}
	}
	t.Fatalf("no server is called %q", name)
	return nil
}

// rows stands for the table, in which a capture has one row however often its result comes.
type rows struct {
	mu  sync.Mutex
	ids map[string]int
}

func (r *rows) record(_ context.Context, result posture.Result) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids[result.CaptureID]++
	return nil
}

func (r *rows) await(ctx context.Context, t *testing.T, n int) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		r.mu.Lock()
		have := len(r.ids)
		r.mu.Unlock()
		if have >= n {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%d of %d recorded", have, n)
		}
	}
}

// carry is a worker's life.
func carry(ctx context.Context, w *queue.Worker) {
	for {
		c, err := w.Claim(ctx)
		if err != nil {
			return
		}
		if err := w.HandIn(ctx, posture.Result{CaptureID: c.Capture.ID, Device: "pi1"}); err != nil {
			continue // its lease runs out
		}
		_ = c.Acknowledge(ctx) // else it comes again, and its row is there
	}
}

// acceptAtLast sends one message until it is acknowledged, as a device does: with DUP when it is sent again.
func acceptAtLast(ctx context.Context, t *testing.T, h *queue.Hub) string {
	t.Helper()
	pic := picture(20_000)
	for r := receipt(); ; r.DUP = true {
		a, err := h.Accept(ctx, r, posture.Capture{Device: "pi1", Topic: r.Topic, Picture: pic})
		if err == nil {
			return a.ID
		}
		t.Log(err)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Fatal("nothing is accepted any more")
		}
	}
}

func leaderOf(t *testing.T, servers []*nats.Server, stream string) *nats.Server {
	t.Helper()
	for _, s := range servers {
		if s.LeadsStream("$G", stream) {
			return s
		}
	}
	t.Fatalf("nobody leads %s", stream)
	return nil
}

func unique(ids []string) int {
	seen := map[string]bool{}
	for _, id := range ids {
		seen[id] = true
	}
	return len(seen)
}
