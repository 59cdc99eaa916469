package queue_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"plumbline/internal/posture"
	"plumbline/internal/queue"
)

// While the database is away workers hand the same results in again and again. The hub keeps each once, refuses what is
// beyond its limit so that its worker keeps it, and answers whoever asked last.
func TestResultsHandedInAgainAreKeptOnce(t *testing.T) {
	defer queue.ResultsHeld(3)()
	h := open(t, options(t))
	var recorded atomic.Int64
	back := make(chan struct{}) // the database
	go func() {
		_ = h.ServeResults(t.Context(), func(context.Context, posture.Result) error {
			<-back
			recorded.Add(1)
			return nil
		})
	}()
	ids := []string{accept(t, h, receipt(), picture(10)), accept(t, h, receipt(), picture(10)), accept(t, h, receipt(), picture(10)), accept(t, h, receipt(), picture(10))}
	w := worker(t, h, "one")
	for range 5 { // each time without an answer
		for _, id := range ids[:3] {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			if err := w.HandIn(ctx, posture.Result{CaptureID: id}); err == nil {
				t.Fatal("recorded without a database")
			}
			cancel()
		}
	}
	eventually(t, "three results", func() bool { return h.ResultsUnderWay() == 3 })
	if err := w.HandIn(t.Context(), posture.Result{CaptureID: ids[3]}); err == nil || queue.Permanent(err) {
		t.Errorf("a result more than there is place for: %v, want a refusal for now", err)
	}
	answered := make(chan error, 1)
	go func() { answered <- w.HandIn(t.Context(), posture.Result{CaptureID: ids[0]}) }()
	eventually(t, "the last asker", func() bool { return h.Askers(ids[0]) == 6 })
	close(back)
	must(t, <-answered)
	eventually(t, "three rows", func() bool { return recorded.Load() == 3 && h.ResultsUnderWay() == 0 })
	must(t, w.HandIn(t.Context(), posture.Result{CaptureID: ids[3]}))
	if n := recorded.Load(); n != 4 {
		t.Errorf("%d results were recorded, want 4", n)
	}
}
