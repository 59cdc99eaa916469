package placement_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/placement"
)

func (t *town) pin(tb testing.TB) *placement.Pinner {
	tb.Helper()
	p, err := placement.NewPinner(placement.PinnerOptions{Options: t.options(), ScaledJob: "posture"})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, end := context.WithCancel(tb.Context())
	done := make(chan struct{})
	go func() { p.Run(ctx); close(done) }()
	tb.Cleanup(func() { end(); <-done })
	return p
}

func TestAScaledJobIsPatchedForTheBestNodeWithHysteresis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		town := newTown(map[string]float64{"a": 0.1, "b": 0.5})
		town.pin(t)
		after(20 * time.Second)
		town.see(func() {
			same(t, "there is none yet", nil, town.pinned)
			town.scaled = []kube.ScaledJob{{Name: "posture", Namespace: "default", Gradual: true}}
		})
		after(2 * time.Second)
		town.see(func() { same(t, "at first", []string{"a"}, town.pinned); town.loads["a"] = 0.55 })
		after(time.Minute)
		town.see(func() { same(t, "a little worse", []string{"a"}, town.pinned); town.loads["a"] = 0.7 })
		after(time.Minute)
		town.see(func() {
			same(t, "worse by the hysteresis", []string{"a", "b"}, town.pinned)
			town.loads = map[string]float64{"a": 0.9, "b": 0.9}
		})
		after(time.Minute)
		town.see(func() {
			same(t, "no node is fit", []string{"a", "b"}, town.pinned)
			town.loads, town.silent = map[string]float64{"a": 0, "b": 0.9}, errors.New("no answer")
		})
		after(time.Minute)
		town.see(func() { same(t, "nothing is known", []string{"a", "b"}, town.pinned); town.silent = nil })
		after(time.Minute)
		town.see(func() { same(t, "known again", []string{"a", "b", "a"}, town.pinned) })
	})
}

func TestAScaledJobThatWouldDeleteItsJobsIsMadeGradualWhereverItPoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		town := newTown(map[string]float64{"a": 0.1, "b": 0.5})
		town.scaled = []kube.ScaledJob{{Name: "posture", Pinned: "a"}}
		town.pin(t)
		after(time.Minute)
		town.see(func() { same(t, "patches", []string{"a"}, town.pinned) })
	})
}

func TestAGatedScaledJobIsNotPatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		town := newTown(map[string]float64{"a": 0.1})
		town.scaled = []kube.ScaledJob{{Name: "posture", Gated: true}}
		town.pin(t)
		after(time.Minute)
		town.see(func() { same(t, "patches", nil, town.pinned) })
	})
}

// A GPU that others keep busy for a window loses one worker a window; one that is busy by our own workers keeps them.
func TestAWorkerIsAskedToLeaveABusyGPU(t *testing.T) {
	for name, c := range map[string]struct {
		foreign map[string]float64 // load once the worker runs
		want    []string
	}{
		"others keep it busy, another is better": {map[string]float64{"a": 0.95, "b": 0.1}, []string{"w"}},
		"no other is better":                     {map[string]float64{"a": 0.95, "b": 0.95}, nil},
		"its own work":                           {map[string]float64{"a": 0.85, "b": 0.1}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				town := newTown(map[string]float64{"a": 0.2, "b": 0.1})
				town.scaled = []kube.ScaledJob{{Name: "posture", Gated: true}}
				town.born("w", func(p *kube.Pod) {
					p.Gated, p.Bound, p.Node, p.Decision = false, true, "a", "d"
					p.PlacedAt, p.Started = time.Now(), time.Now()
				})
				town.rules.RebalanceWindow, town.rules.WorkerLoad = time.Minute, 0.1
				g, err := placement.NewGate(town.options())
				if err != nil {
					t.Fatal(err)
				}
				ctx, end := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { g.Rebalancer(town.leave).Run(ctx); close(done) }()
				after(10 * time.Second)
				town.see(func() { same(t, "at first", nil, town.left); town.loads = c.foreign })
				after(100 * time.Second)
				town.see(func() {
					same(t, "asked", c.want, town.left)
					same(t, "evicted", nil, town.evicted)
				})
				end()
				<-done
			})
		})
	}
}
