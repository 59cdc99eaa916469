package rollout_test

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/rollout"
)

// town is a cluster in memory: it keeps what is applied as it stands, and merges nothing.
type town struct {
	objects  map[kube.Ref]kube.Object
	order    []kube.Ref // of what was applied
	machines []kube.Machine
	log      string // of every container
	refuse   map[string]error
	filled   map[string]any // into the specification of every new Service
	versions int
	said     []string
}

const mark = "app.kubernetes.io/managed-by=plumbline,app.kubernetes.io/part-of=plumbline"

func newTown() (*town, *rollout.Rollout) {
	t := &town{objects: map[kube.Ref]kube.Object{}, refuse: map[string]error{}}
	t.put(object("Namespace", "default", nil))
	return t, &rollout.Rollout{
		Cluster: t, Marks: kube.Marks{Namespace: "plumbline", Namespaced: mark, Everywhere: mark},
		Say: func(format string, args ...any) { t.said = append(t.said, fmt.Sprintf(format, args...)) },
	}
}

// object is one of ours.
func object(kind, name string, fields map[string]any) kube.Object {
	metadata := map[string]any{"name": name, "labels": map[string]any{"app.kubernetes.io/managed-by": "plumbline", "app.kubernetes.io/part-of": "plumbline"}}
	if _, _, namespaced := kube.Kind(kind); namespaced {
		metadata["namespace"] = "plumbline"
	}
	o := kube.Object{"apiVersion": "v1", "kind": kind, "metadata": metadata}
	for key, value := range fields {
		o[key] = value
	}
	o, err := kube.ObjectOf(o)
	if err != nil {
		panic(err)
	}
	return o
}

// foreign takes one of our labels off: half of them is not ours.
func foreign(o kube.Object) kube.Object {
	delete(o.At("metadata", "labels").(map[string]any), "app.kubernetes.io/part-of")
	return o
}

func (t *town) put(o kube.Object) kube.Object {
	t.versions++
	o = o.Copy()
	set(o, strconv.Itoa(t.versions), "metadata", "resourceVersion")
	if o.UID() == "" {
		set(o, "uid-"+strconv.Itoa(t.versions), "metadata", "uid")
	}
	t.objects[o.Ref()] = o
	return o
}

func set(o kube.Object, value any, path ...string) {
	if err := o.Set(value, path...); err != nil {
		panic(err)
	}
}

func (t *town) Apply(_ context.Context, o kube.Object, how kube.Applying) (kube.Object, error) {
	if err := t.refuse[o.Ref().String()]; err != nil {
		return nil, err
	}
	if o.Namespace() != "" && t.objects[kube.Ref{Kind: "Namespace", Name: o.Namespace()}] == nil {
		return nil, fmt.Errorf("namespaces %q not found", o.Namespace())
	}
	after := o.Copy()
	if before := t.objects[o.Ref()]; before != nil {
		set(after, before.UID(), "metadata", "uid")
		set(after, before.Version(), "metadata", "resourceVersion")
		if before["status"] != nil {
			after["status"] = before["status"]
		}
		if reflect.DeepEqual(before, after) {
			return before, nil
		}
	}
	if o.Kind() == "Service" && t.filled != nil && t.objects[o.Ref()] == nil {
		after["spec"] = t.filled
	}
	if how.DryRun {
		return after, nil
	}
	t.order = append(t.order, o.Ref())
	return t.put(after), nil
}

func (t *town) Get(_ context.Context, r kube.Ref) (kube.Object, bool, error) {
	o, there := t.objects[r]
	return o, there, nil
}

func (t *town) List(_ context.Context, q kube.Query) (all []kube.Object, err error) {
	for _, o := range t.objects {
		if o.Kind() == q.Kind && t.matches(o, q) {
			all = append(all, o)
		}
	}
	return all, nil
}

func (t *town) matches(o kube.Object, q kube.Query) bool {
	for want := range strings.SplitSeq(q.Labels, ",") {
		if key, value, _ := strings.Cut(want, "="); want != "" && o.Labels()[key] != value {
			return false
		}
	}
	_, uid, _ := strings.Cut(q.Fields, "uid=")
	return uid == "" || o.Text("involvedObject", "uid") == uid
}

func (t *town) Made(ctx context.Context, m kube.Marks) (all []kube.Object, err error) {
	for _, kind := range kube.MadeKinds() {
		list, _ := t.List(ctx, kube.Query{Kind: kind, Labels: m.Namespaced})
		all = append(all, list...)
	}
	return all, nil
}

func (t *town) Delete(_ context.Context, r kube.Ref, how kube.Deletion) (bool, error) {
	o, there := t.objects[r]
	if !there || how.UID != "" && how.UID != o.UID() || how.Version != "" && how.Version != o.Version() {
		return false, nil
	}
	delete(t.objects, r)
	return true, nil
}

func (t *town) Machines(context.Context) ([]kube.Machine, error) { return t.machines, nil }

func (t *town) Taint(_ context.Context, node, namespace string) (bool, error) {
	return t.retaint(node, func(m kube.Machine) (kube.Machine, bool) { return m.Taint(namespace) })
}

func (t *town) Untaint(_ context.Context, node, namespace string) (bool, error) {
	return t.retaint(node, func(m kube.Machine) (kube.Machine, bool) { return m.Untaint(namespace) })
}

func (t *town) retaint(node string, change func(kube.Machine) (kube.Machine, bool)) (changed bool, err error) {
	for i, m := range t.machines {
		if m.Name == node {
			t.machines[i], changed = change(m)
		}
	}
	return changed, nil
}

func (t *town) LastLines(context.Context, string, string, string, bool, int) (string, error) {
	return t.log, nil
}

// plan is what would be done.
func plan(t *testing.T, r *rollout.Rollout, set ...kube.Object) rollout.Plan {
	t.Helper()
	p, err := r.Plan(t.Context(), set)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func apply(t *testing.T, r *rollout.Rollout, steps []rollout.Step) rollout.Done {
	t.Helper()
	d, err := r.Apply(t.Context(), steps)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
