package placement

import (
	"context"
	"fmt"
	"time"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/gpu"
)

// PinnerOptions say which ScaledJob is kept on the best node.
type PinnerOptions struct {
	Options
	ScaledJob string
	Every     time.Duration // between two looks, and so between two patches at least; 0: 15 s
}

// Pinner keeps a ScaledJob's node affinity on the best node, as gpu_affinity_watcher.py did: for ScaledJobs whose pods have no
// scheduling gate. Another node must be better by the hysteresis. All Jobs that KEDA creates between two looks go to the same
// node; Gate does better. Run it where this process leads.
//
// Each patch makes the rollout gradual, without which KEDA deletes the running Jobs.
type Pinner struct {
	Records
	o    PinnerOptions
	m    *metrics
	said string // kind of the last thing that was said about a ScaledJob that can't be pinned
}

// NewPinner prepares to pin.
func NewPinner(o PinnerOptions) (*Pinner, error) {
	o.Options = o.withDefaults()
	if o.Every <= 0 {
		o.Every = 15 * time.Second
	}
	if o.ScaledJob == "" {
		return nil, fmt.Errorf("which ScaledJob is to be patched was not said")
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("registering the metrics of placement: %w", err)
	}
	return &Pinner{o: o, m: m, Records: Records{keep: o.Keep}}, nil
}

// Run pins until the context ends.
func (p *Pinner) Run(ctx context.Context) {
	p.m.leading.Set(1)
	defer p.m.leading.Set(0)
	clock := time.NewTicker(every)
	defer clock.Stop()
	for next := time.Now(); ctx.Err() == nil; {
		if now := time.Now(); !now.Before(next) || p.urgent() {
			next = now.Add(p.o.Every)
			p.look(ctx)
		}
		select {
		case <-ctx.Done():
		case <-clock.C:
		}
	}
}

// urgent says that the ScaledJob has just come, or was written anew: its Jobs would go anywhere, or the next change delete them.
func (p *Pinner) urgent() bool {
	s, ok := p.o.Cluster.ScaledJob(p.o.ScaledJob)
	return ok && !s.Gated && (s.Pinned == "" || !s.Gradual)
}

func (p *Pinner) look(ctx context.Context) {
	s, ok := p.o.Cluster.ScaledJob(p.o.ScaledJob)
	switch {
	case !ok:
		p.say("missing", "there is no such ScaledJob; it is patched when it comes")
		return
	case s.Gated:
		p.say("gated", "its pods carry the gate "+kube.Gate+", which only --placement=gate lifts; it is left alone")
		return
	}
	surroundings, err := p.o.Surroundings(ctx, s.Template)
	if err != nil {
		if ctx.Err() == nil {
			p.m.errors.WithLabelValues("load").Inc()
			p.m.decisions.WithLabelValues("unknown").Inc()
			p.say("load", "it stays as it is, since the nodes' load can't be read: "+err.Error())
		}
		return
	}
	p.pin(ctx, s, p.decide(s, surroundings))
}

func (p *Pinner) decide(s kube.ScaledJob, surroundings gpu.Snapshot) Record {
	now := surroundings.At
	seed := s.Namespace + "/" + s.Name + "@" + now.String()
	d := gpu.DecideKeeping(s.Name, s.Pinned, drawOf(seed), surroundings, p.o.Rules(s.Name))
	p.m.refusals(d.Ranking)
	return Record{ID: identify(seed, now), At: now, Why: d.Explain(), Decision: d}
}

func (p *Pinner) pin(ctx context.Context, s kube.ScaledJob, r Record) {
	node := r.Decision.Node
	switch {
	case node == "":
		p.m.decisions.WithLabelValues("none").Inc()
		p.say("none "+kindOf(r.Decision.Ranking), "it stays as it is: "+r.Why)
		return
	case node == s.Pinned && s.Gradual:
		p.m.decisions.WithLabelValues("kept").Inc()
		p.said = ""
		return
	}
	err := p.o.Hands.Pin(ctx, s, kube.Placing{Node: node, Decision: r.ID, At: r.At})
	if err != nil {
		r.Error = err.Error()
		p.add(r)
		if ctx.Err() == nil {
			p.m.errors.WithLabelValues("pin").Inc()
			p.m.decisions.WithLabelValues("refused").Inc()
			p.o.Log.Warn("the ScaledJob could not be patched; it is tried again", "scaledjob", s.Name, "node", node, "error", err)
		}
		return
	}
	p.add(r)
	p.said = ""
	p.m.decisions.WithLabelValues("pinned").Inc()
	p.o.Log.Info("ScaledJob patched", "scaledjob", s.Name, "node", node, "before", s.Pinned, "decision", r.ID, "why", r.Why)
	if err := p.o.Hands.NoteScaledJob(ctx, s, kube.Note{Reason: "NodeAffinity", Message: r.Why + " (decision " + r.ID + ")"}); err != nil && ctx.Err() == nil {
		p.m.errors.WithLabelValues("event").Inc()
		p.o.Log.Warn("an Event could not be written", "scaledjob", s.Name, "error", err)
	}
}

// say logs why nothing is done, once for each kind of reason.
func (p *Pinner) say(kind, why string) {
	if p.said == kind {
		return
	}
	p.said = kind
	p.o.Log.Warn("the ScaledJob is not patched", "scaledjob", p.o.ScaledJob, "why", why)
}
