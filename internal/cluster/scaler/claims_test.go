package scaler_test

import (
	"testing"
	"time"

	"plumbline/internal/cluster/scaler"
	"plumbline/internal/gpu"
)

// A worker died with its node: the hub knows it no longer, but its Job stays unfinished for as long as its pod hangs there. What
// returned to the queue does not wait for that Job.
func TestJobOfADeadWorkerIsNotWaitedFor(t *testing.T) {
	now := time.Now()
	w := &world{nodes: map[string]float64{"a": 0.2}, claimed: []string{"pod-1"}, jobs: []scaler.Job{{Name: "one", Pods: []string{"pod-1"}}}}
	s, err := scaler.New(scaler.Options{
		Defaults: scaler.Trigger{CapturesPerJob: 20, Rules: gpu.DefaultRules()}, View: w.view, Backlog: w.backlog, Now: func() time.Time { return now },
	})
	must(t, err)
	decide := func() scaler.Decision {
		now = now.Add(time.Second)
		d, err := s.Decide(t.Context(), "here", "worker", nil)
		must(t, err)
		return d
	}
	decide()
	w.change(func(w *world) { w.claimed, w.waiting = nil, 1 })
	if d := decide(); d.New != 1 || d.Unclaimed != 0 {
		t.Errorf("%d new Jobs, %d are waited for (%s); want 1 and 0", d.New, d.Unclaimed, d.Because)
	}
	now = now.Add(2 * time.Hour)
	if d := decide(); len(d.Backlog.Claimed) != 0 {
		t.Errorf("%v are remembered after two hours", d.Backlog.Claimed)
	}
}
