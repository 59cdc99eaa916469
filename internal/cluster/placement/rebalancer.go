package placement

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/gpu"
)

// rebalanceEvery is how often it is looked whether a worker should leave. The window is in Rules.
const rebalanceEvery = 5 * time.Second

// Leave asks a worker, by the name of its pod, to finish what it has in hand and to end.
type Leave func(ctx context.Context, worker string) error

// Rebalancer asks workers to leave nodes whose GPU others keep busy, where another node is better. The worker hears it from
// the hub and ends with code 0 when it has handed in what it has in hand; its pod is never deleted, which its Job would answer
// with another one. Run it where this process leads.
type Rebalancer struct {
	o       Options
	m       *metrics
	leave   Leave
	history []gpu.Sample
	asked   map[string]time.Time // by node
}

// Rebalancer gives the one that goes with the gate, and counts in its metrics.
func (g *Gate) Rebalancer(leave Leave) *Rebalancer { return &Rebalancer{o: g.o, m: g.m, leave: leave} }

// Rebalancer gives the one that goes with the pinner.
func (p *Pinner) Rebalancer(leave Leave) *Rebalancer {
	return &Rebalancer{o: p.o.Options, m: p.m, leave: leave}
}

// Run looks until the context ends. It begins without a history: a GPU must have been busy for a whole window under its eyes.
func (r *Rebalancer) Run(ctx context.Context) {
	r.history, r.asked = nil, map[string]time.Time{}
	clock := time.NewTicker(rebalanceEvery)
	defer clock.Stop()
	for ctx.Err() == nil {
		r.look(ctx)
		select {
		case <-ctx.Done():
		case <-clock.C:
		}
	}
}

// look asks for each ScaledJob by itself, since each has its own eyes and rules. Samples are kept while no worker runs, too:
// what a worker adds to a GPU is seen against the time before it.
func (r *Rebalancer) look(ctx context.Context) {
	around, err := r.o.Surroundings(ctx, kube.Template{})
	if err != nil {
		return // the gate says so
	}
	horizon := horizonOf(r.o.Rules(""))
	pods := map[string][]kube.Pod{}
	for _, p := range r.o.Cluster.Pods() {
		if !p.Started.IsZero() && p.Ended.IsZero() && !p.Deleting {
			pods[p.ScaledJob] = append(pods[p.ScaledJob], p)
			horizon = max(horizon, horizonOf(r.o.Rules(p.ScaledJob)))
		}
	}
	r.history = remember(r.history, around.Samples, around.At.Add(-horizon))
	for _, name := range slices.Sorted(maps.Keys(pods)) {
		if s, ok := r.o.Cluster.ScaledJob(name); ok {
			r.balance(ctx, s, pods[name])
		}
	}
}

// horizonOf is how far ranking looks back.
func horizonOf(r gpu.Rules) time.Duration { return r.RebalanceWindow + 2*r.MaxAge }

func (r *Rebalancer) balance(ctx context.Context, s kube.ScaledJob, pods []kube.Pod) {
	rules := r.o.Rules(s.Name)
	around, err := r.o.Surroundings(ctx, s.Template)
	if err != nil || rules.RebalanceWindow <= 0 {
		return
	}
	rises := gpu.Rises(r.history, around.Workers, rules.MaxAge)
	for i, w := range around.Workers {
		around.Workers[i].Load = rises[w.Pod]
	}
	for _, l := range gpu.Rebalance(r.history, r.asked, around, rules) {
		if i := slices.IndexFunc(pods, func(p kube.Pod) bool { return p.Name == l.Pod }); i >= 0 {
			r.ask(ctx, pods[i], l, around.At)
		}
	}
}

func (r *Rebalancer) ask(ctx context.Context, p kube.Pod, l gpu.Leave, now time.Time) {
	why := fmt.Sprintf("the GPU of %s was at %.0f %% or more without workers of ours for %s; %s is expected at %.0f %%",
		l.Node, 100*l.Foreign, r.o.Rules(p.ScaledJob).RebalanceWindow, l.Target, 100*l.Expected)
	if err := r.leave(ctx, p.Name); err != nil {
		if ctx.Err() == nil {
			r.m.errors.WithLabelValues("leave").Inc()
			r.o.Log.Warn("a worker could not be asked to leave", "pod", p.Name, "why", why, "error", err)
		}
		return
	}
	r.asked[l.Node] = now
	r.m.asked.Inc()
	r.o.Log.Info("worker asked to leave", "pod", p.Name, "why", why)
	if err := r.o.Hands.NotePod(ctx, p, kube.Note{Reason: "AskedToLeave", Message: why}); err != nil && ctx.Err() == nil {
		r.m.errors.WithLabelValues("event").Inc()
	}
}

// remember adds samples to a history and drops what is older; the same sample read twice counts once.
func remember(history, samples []gpu.Sample, oldest time.Time) []gpu.Sample {
	history = slices.DeleteFunc(history, func(m gpu.Sample) bool { return m.At.Before(oldest) })
	last := map[string]time.Time{}
	for _, m := range history {
		if m.At.After(last[m.Node]) {
			last[m.Node] = m.At
		}
	}
	for _, m := range samples {
		if m.At.After(last[m.Node]) {
			history = append(history, m)
		}
	}
	return history
}
