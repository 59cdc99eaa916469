// Package stop takes back what was deployed to a cluster, in the order in which nothing is lost: no new workers, workers with
// their picture in hand finished, then controller, exporter and hub, then the rest. It may be called at any time, over anything
// half made, and again.
//
// It refuses to touch what deploy did not make, which it knows by labels: an object without them stays, and with it the namespace.
// The hub's volume stays unless that is asked for, and nothing is ever killed: pods end within the time that they were given.
package stop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"plumbline/internal/cluster/kube"
)

// Cluster is what is asked of Kubernetes; *kube.Client does it.
type Cluster interface {
	Made(context.Context, kube.Marks) ([]kube.Object, error)
	Inside(ctx context.Context, namespace string) (all []kube.Object, unseen []string, err error)
	List(context.Context, kube.Query) ([]kube.Object, error)
	Delete(context.Context, kube.Ref, kube.Deletion) (bool, error)
	Merge(context.Context, kube.Ref, map[string]any) (kube.Object, error)
	Machines(context.Context) ([]kube.Machine, error)
	Untaint(ctx context.Context, node, namespace string) (bool, error)
}

// Options say what is to be stopped.
type Options struct {
	Marks      kube.Marks
	DeleteData bool // the hub's volume goes, too
	Force      bool // a ScaledJob that waits for a KEDA that is gone is let go

	Others string // a selector of what others, such as Helm, run of Plumbline; empty: it is not looked for

	// WithData are Secrets that belong to what is on the volume, and stay as long as it does: passwords of its accounts.
	WithData []string
	// Components of pods by their label: workers, who end first.
	Component, Workers string

	Progress func(Progress) // told what happens, from one goroutine; nil: nobody is
	Look     time.Duration  // between two looks; 0: half a second
	// Margin is how long after their own grace periods pods may take to be gone, before it goes on without them; 0: 30 s.
	Margin time.Duration
	// KEDATakes is how long KEDA may take to let a ScaledJob go; 0: 20 s. Where it runs it needs one.
	KEDATakes time.Duration
}

// Stage is a part of stopping.
type Stage string

// The stages, in their order.
const (
	NoNewWorkers Stage = "no new workers"
	WorkersEnd   Stage = "workers end"
	RolesEnd     Stage = "controller, exporter"
	HubEnds      Stage = "hub"
	RestGoes     Stage = "the rest"
	TaintsGo     Stage = "taints"
	DataGoes     Stage = "data"
	NamespaceGo  Stage = "namespace"
)

// Progress is how far a stage is.
type Progress struct {
	Stage Stage
	Done  bool
	Text  string   // what was done; empty: there was nothing to do
	Left  []string // what is still there, for people
}

// Result says what became of it.
type Result struct {
	Deleted int      // objects
	Kept    []string // what stays, each with the reason
	Stuck   []string // what does not go, each with what to do
}

// Run takes everything back. An error means that something of ours is still there, and running it again goes on; the result
// is what was done until then.
func Run(ctx context.Context, c Cluster, o Options) (Result, error) {
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Look == 0 {
		o.Look = 500 * time.Millisecond
	}
	if o.Margin == 0 {
		o.Margin = 30 * time.Second
	}
	if o.KEDATakes == 0 {
		o.KEDATakes = 20 * time.Second
	}
	r := &run{Cluster: c, Options: o, gone: map[string]bool{}}
	if err := r.notOthers(ctx); err != nil {
		return r.result, err
	}
	for _, stage := range []struct {
		name Stage
		run  func(context.Context) (string, error)
	}{
		{NoNewWorkers, r.noNewWorkers}, {WorkersEnd, r.workersEnd}, {RolesEnd, r.rolesEnd}, {HubEnds, r.hubEnds},
		{RestGoes, r.restGoes}, {TaintsGo, r.taintsGo}, {DataGoes, r.dataGoes}, {NamespaceGo, r.namespaceGoes},
	} {
		r.stage = stage.name
		text, err := stage.run(ctx)
		if ctx.Err() != nil && err != nil && !errors.Is(err, context.Cause(ctx)) {
			err = r.over(ctx, nil)
		}
		if err != nil {
			return r.result, fmt.Errorf("stopping (%s): %w", stage.name, err)
		}
		r.Progress(Progress{Stage: stage.name, Done: true, Text: text})
	}
	if len(r.result.Stuck) > 0 {
		return r.result, errors.New(strings.Join(r.result.Stuck, "; "))
	}
	return r.result, nil
}

type run struct {
	Cluster
	Options
	stage  Stage
	result Result
	gone   map[string]bool // UIDs that were asked to go

	hung []kube.Object // ScaledJobs that KEDA did not let go
}

// remove deletes an object once, and counts it.
func (r *run) remove(ctx context.Context, o kube.Object, how kube.Deletion) error {
	if o.Deleting() || r.gone[o.UID()] {
		return nil
	}
	how.UID = o.UID()
	was, err := r.Delete(ctx, o.Ref(), how)
	if was {
		r.result.Deleted++
		r.gone[o.UID()] = true
	}
	return err
}

// await looks until nothing is left, the context ends, or the patience does, which is no error: then what is left is given.
func (r *run) await(ctx context.Context, patience time.Duration, left func(context.Context) ([]kube.Object, error)) (there []kube.Object, err error) {
	tick := time.NewTicker(r.Look)
	defer tick.Stop()
	end := time.Now().Add(patience)
	told := ""
	for {
		now, err := left(ctx)
		if err != nil && ctx.Err() != nil { // it was asked when the time was over
			return there, r.over(ctx, there)
		}
		if err != nil || len(now) == 0 {
			return nil, err
		}
		there = now
		if names := describe(there); strings.Join(names, ";") != told {
			told = strings.Join(names, ";")
			r.Progress(Progress{Stage: r.stage, Left: names})
		}
		if time.Now().After(end) {
			return there, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return there, r.over(ctx, there)
		}
	}
}

// over says what was waited for when the context ended, and what would never have gone.
func (r *run) over(ctx context.Context, there []kube.Object) error {
	err := context.Cause(ctx)
	if len(there) > 0 {
		err = fmt.Errorf("%w; still there: %s", err, strings.Join(describe(there), ", "))
	}
	for _, o := range r.hung {
		if !slices.ContainsFunc(there, func(t kube.Object) bool { return t.UID() == o.UID() }) {
			there = append(there, o)
		}
	}
	if text := waitsForKEDA(there); text != "" && !r.Force {
		err = fmt.Errorf("%w; %s", err, text)
	}
	return err
}

func describe(all []kube.Object) []string {
	var names []string
	for _, o := range all {
		name := o.Ref().String()
		if node := o.Text("spec", "nodeName"); node != "" {
			name += " on " + node
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ofKind lists what is ours of a kind in the namespace.
func (r *run) ofKind(ctx context.Context, kind string) ([]kube.Object, error) {
	return r.List(ctx, kube.Query{Kind: kind, Namespace: r.Marks.Namespace, Labels: r.Marks.Namespaced})
}

// removeKinds deletes everything of some kinds that nothing else brought.
func (r *run) removeKinds(ctx context.Context, kinds ...string) (n int, err error) {
	for _, kind := range kinds {
		all, err := r.ofKind(ctx, kind)
		if err != nil {
			return n, err
		}
		for _, o := range all {
			if o.Owned() {
				continue
			}
			if err := r.remove(ctx, o, kube.Deletion{}); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}
