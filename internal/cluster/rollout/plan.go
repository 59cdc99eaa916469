package rollout

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"plumbline/internal/cluster/kube"
)

// Act is what becomes of an object.
type Act string

// The acts.
const (
	Create Act = "create"
	Change Act = "change"
	Keep   Act = "keep"  // it is as it is wanted
	Leave  Act = "leave" // it is somebody else's, and is used as it is
)

// Step is one object, and what becomes of it.
type Step struct {
	Act    Act
	Object kube.Object // as it is wanted
	Before kube.Object // nil: there is none
	After  kube.Object // as the cluster says that it would be
}

// Plan is what a rollout would do. Making it changes nothing.
type Plan struct {
	Steps     []Step
	Leftovers []kube.Object // made by an earlier version, wanted no more
	Retaints  []Retaint     // not of Rollout.Plan: nodes come and go, and the rollout asks again when it is at them
}

// Changes tells whether anything would become different.
func (p Plan) Changes() bool {
	return len(p.Leftovers) > 0 || len(p.Retaints) > 0 || slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Act == Create || s.Act == Change })
}

// Late parts the new ScaledJobs from what must be ready before them: one whose scaler does not answer yet is asked about again after
// gRPC's and KEDA's patience only.
func (p Plan) Late() (first, late []Step) {
	for _, s := range p.Steps {
		if s.Act == Create && s.Object.Kind() == "ScaledJob" {
			late = append(late, s)
		} else {
			first = append(first, s)
		}
	}
	return first, late
}

// Plan asks the cluster what would become of each object, by a dry run of the apply: so what it does not allow, or refuses, is
// known before anything was changed.
func (r *Rollout) Plan(ctx context.Context, set []kube.Object) (p Plan, err error) {
	d := dryRun{Rollout: r, fresh: map[kube.Ref]bool{}}
	for _, o := range set {
		s, err := d.step(ctx, o)
		if err != nil {
			return p, err
		}
		p.Steps = append(p.Steps, s)
	}
	p.Leftovers, err = r.leftovers(ctx, set)
	return p, err
}

// dryRun knows what does not exist yet, and so cannot be referred to.
type dryRun struct {
	*Rollout
	fresh map[kube.Ref]bool
}

func (d *dryRun) step(ctx context.Context, o kube.Object) (Step, error) {
	s := Step{Act: Create, Object: o, After: o}
	before, there, err := d.Cluster.Get(ctx, o.Ref())
	if err != nil {
		return s, err
	}
	if !there {
		d.fresh[o.Ref()] = true
		s.After, err = d.try(ctx, o)
		return s, err
	}
	s.Before = before
	switch {
	case before.Deleting():
		return s, fmt.Errorf("%s is being deleted: wait until it is gone, then try again", o.Ref())
	case d.Marks.Carries(before):
	case o.Kind() == "Namespace" || o.Kind() == "Secret":
		s.Act, s.After = Leave, before
		return s, nil
	default:
		return s, fmt.Errorf("%s in namespace %s is there already, and Plumbline did not make it (it lacks the labels %s): remove or rename it, or choose another --namespace",
			o.Ref(), o.Namespace(), d.Marks.Namespaced)
	}
	if s.After, err = d.try(ctx, o); err != nil {
		return s, err
	}
	s.Act = Change
	if reflect.DeepEqual(bare(before), bare(s.After)) {
		s.Act = Keep
	}
	return s, nil
}

// spareNamespace is where objects are tried whose own namespace does not exist yet.
const spareNamespace = "default"

func (d *dryRun) try(ctx context.Context, o kube.Object) (kube.Object, error) {
	if d.fresh[roleOf(o)] { // the API server looks the role up, which a dry run has not made
		return o, nil
	}
	tried, namespace := o, o.Namespace()
	spare := namespace != "" && d.fresh[kube.Ref{Kind: "Namespace", Name: namespace}]
	if spare {
		tried = o.Copy()
		if err := tried.Set(spareNamespace, "metadata", "namespace"); err != nil {
			return nil, err
		}
	}
	after, err := d.Cluster.Apply(ctx, tried, kube.Applying{DryRun: true, Force: d.Force})
	if !spare {
		return after, err
	}
	var conflict *kube.Conflict
	if errors.Is(err, kube.ErrForbidden) || errors.As(err, &conflict) { // which says something about the spare namespace only
		return o, nil
	}
	if err != nil {
		return nil, err
	}
	return after, after.Set(namespace, "metadata", "namespace")
}

// roleOf is what a binding binds to.
func roleOf(o kube.Object) kube.Ref {
	r := kube.Ref{Kind: o.Text("roleRef", "kind"), Name: o.Text("roleRef", "name")}
	if r.Kind == "Role" {
		r.Namespace = o.Namespace()
	}
	return r
}

// leftovers are what an earlier version made. Secrets and volumes cannot be made again, and stay; what another object brought goes
// with that.
func (r *Rollout) leftovers(ctx context.Context, set []kube.Object) (left []kube.Object, err error) {
	wanted := map[kube.Ref]bool{}
	for _, o := range set {
		wanted[o.Ref()] = true
	}
	made, err := r.Cluster.Made(ctx, r.Marks)
	if err != nil {
		return nil, err
	}
	stays := []string{"Namespace", "Secret", "PersistentVolumeClaim"}
	for _, o := range made {
		if !wanted[o.Ref()] && !slices.Contains(stays, o.Kind()) && !o.Owned() && !o.Deleting() {
			left = append(left, o)
		}
	}
	return left, nil
}

// counters are annotations in which the cluster counts up changes.
var counters = []string{"deprecated.daemonset.template.generation", "deployment.kubernetes.io/revision"}

// bare is an object without what the cluster alone writes.
func bare(o kube.Object) kube.Object {
	if o == nil {
		return nil
	}
	o = o.Copy()
	delete(o, "status")
	m, ok := o["metadata"].(map[string]any)
	if !ok {
		return o
	}
	for _, field := range []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"} {
		delete(m, field)
	}
	if notes, ok := m["annotations"].(map[string]any); ok {
		for _, name := range counters {
			delete(notes, name)
		}
		if len(notes) == 0 {
			delete(m, "annotations")
		}
	}
	if o.Kind() == "Service" {
		for _, port := range o.List("spec", "ports") {
			delete(port, "nodePort") // given out by the cluster, and another one in each dry run
		}
	}
	return o
}
