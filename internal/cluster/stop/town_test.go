package stop_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/stop"
)

// town is a cluster of objects in memory that does what Kubernetes and KEDA do when something is deleted, one step a look: KEDA
// lets a ScaledJob go, owners take along what they own, pods end after their grace.
type town struct {
	mu      sync.Mutex
	objects []kube.Object
	deleted []string // kinds and names, in the order in which they were asked to go
	noKEDA  bool
	slow    map[string]int // pods by name, and after how many looks they end; those without end at once
	taints  map[string][]string
	serial  int
}

func (t *town) add(kind, name string, change ...func(kube.Object)) kube.Object {
	t.serial++
	o := kube.Object{
		"kind": kind, "apiVersion": "v1",
		"metadata": map[string]any{"name": name, "namespace": "plumbline", "uid": fmt.Sprint(t.serial), "labels": map[string]any{"made": "yes"}},
	}
	if _, _, namespaced := kube.Kind(kind); !namespaced {
		delete(o["metadata"].(map[string]any), "namespace")
	}
	for _, c := range change {
		c(o)
	}
	t.objects = append(t.objects, o)
	return o
}

func set(value any, path ...string) func(kube.Object) {
	return func(o kube.Object) {
		if err := o.Set(value, path...); err != nil {
			panic(err)
		}
	}
}

func of(owner kube.Object) func(kube.Object) {
	return set([]any{map[string]any{"kind": owner.Kind(), "name": owner.Name(), "uid": owner.UID()}}, "metadata", "ownerReferences")
}

func component(name string) func(kube.Object) {
	return set(map[string]any{"made": "yes", "component": name}, "metadata", "labels")
}

var foreign = set(map[string]any{}, "metadata", "labels")

func (t *town) names() (all []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range t.objects {
		all = append(all, o.Ref().String())
	}
	slices.Sort(all)
	return all
}

// turn lets time pass.
func (t *town) turn() {
	there := map[string]bool{}
	for _, o := range t.objects {
		there[o.UID()] = true
	}
	t.objects = slices.DeleteFunc(t.objects, func(o kube.Object) bool {
		for _, owner := range o.List("metadata", "ownerReferences") {
			if !there[owner.Text("uid")] {
				t.end(o)
			}
		}
		if !o.Deleting() {
			return false
		}
		held, _ := o.At("metadata", "finalizers").([]any)
		if !t.noKEDA {
			held = nil
		}
		if t.slow[o.Name()] > 0 {
			t.slow[o.Name()]--
			return false
		}
		return len(held) == 0
	})
}

func (t *town) end(o kube.Object) {
	_ = o.Set("2026-01-01T00:00:00Z", "metadata", "deletionTimestamp") // fails for no object of ours
}

func (t *town) List(_ context.Context, q kube.Query) (all []kube.Object, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn()
	for _, o := range t.objects {
		if o.Kind() == q.Kind && (q.Namespace == "" || o.Namespace() == q.Namespace) && matches(q.Labels, o) && (q.Fields == "" || q.Fields == "metadata.name="+o.Name()) {
			all = append(all, o.Copy())
		}
	}
	return all, nil
}

func matches(selector string, o kube.Object) bool {
	for part := range strings.SplitSeq(selector, ",") {
		key, value, _ := strings.Cut(part, "=")
		if part != "" && o.Labels()[key] != value {
			return false
		}
	}
	return true
}

func (t *town) Made(ctx context.Context, m kube.Marks) (all []kube.Object, err error) {
	for _, kind := range kube.MadeKinds() {
		list, _ := t.List(ctx, kube.Query{Kind: kind, Labels: m.Namespaced})
		all = append(all, list...)
	}
	return all, nil
}

func (t *town) Inside(context.Context, string) (all []kube.Object, unseen []string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range t.objects {
		if o.Namespace() != "" {
			all = append(all, o.Copy())
		}
	}
	return all, nil, nil
}

func (t *town) Delete(_ context.Context, r kube.Ref, _ kube.Deletion) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range t.objects {
		if o.Ref() == r {
			t.deleted = append(t.deleted, r.String())
			t.end(o)
			return true, nil
		}
	}
	return false, nil
}

func (t *town) Merge(_ context.Context, r kube.Ref, patch map[string]any) (kube.Object, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range t.objects {
		if o.Ref() == r {
			return o, o.Set(kube.Object(patch).At("metadata", "finalizers"), "metadata", "finalizers")
		}
	}
	return nil, fmt.Errorf("no %s", r)
}

func (t *town) Machines(context.Context) (all []kube.Machine, err error) {
	for name, namespaces := range t.taints {
		all = append(all, kube.Machine{Name: name, TaintedFor: namespaces})
	}
	return all, nil
}

func (t *town) Untaint(_ context.Context, node, namespace string) (bool, error) {
	before := len(t.taints[node])
	t.taints[node] = slices.DeleteFunc(t.taints[node], func(n string) bool { return n == namespace })
	return len(t.taints[node]) < before, nil
}

// deployed is an installation with one worker at work and one that waits for its node.
func deployed() *town {
	t := &town{slow: map[string]int{}, taints: map[string][]string{"main": {"plumbline"}, "second": {"other"}}}
	t.add("Namespace", "plumbline")
	t.add("ConfigMap", "kube-root-ca.crt", foreign)
	t.add("ServiceAccount", "default", foreign)
	t.add("ServiceAccount", "plumbline-hub")
	t.add("ClusterRole", "plumbline-control-plumbline")
	t.add("Secret", "plumbline-accounts")
	t.add("Secret", "plumbline-nats-token")
	t.add("PersistentVolumeClaim", "data-plumbline-hub-0")
	service := t.add("Service", "plumbline-hub")
	t.add("EndpointSlice", "plumbline-hub-x", of(service))
	hub := t.add("StatefulSet", "plumbline-hub")
	t.add("Pod", "plumbline-hub-0", of(hub), component("hub"))
	control := t.add("Deployment", "plumbline-control")
	t.add("Pod", "plumbline-control-a", of(control), component("control"))
	t.add("Lease", "plumbline-placement")
	t.add("TriggerAuthentication", "plumbline-work", set([]any{"finalizer.keda.sh"}, "metadata", "finalizers"))
	scaled := t.add("ScaledJob", "plumbline-work", set([]any{"finalizer.keda.sh"}, "metadata", "finalizers"))
	first := t.add("Job", "plumbline-work-1", of(scaled))
	t.add("Pod", "plumbline-work-1-a", of(first), component("work"), set("node", "spec", "nodeName"), set("Running", "status", "phase"))
	second := t.add("Job", "plumbline-work-2", of(scaled))
	t.add("Pod", "plumbline-work-2-a", of(second), component("work"), set("Pending", "status", "phase"))
	return t
}

var options = stop.Options{
	Marks:    kube.Marks{Namespace: "plumbline", Namespaced: "made=yes", Everywhere: "made=yes"},
	WithData: []string{"plumbline-accounts"}, Component: "component", Workers: "work", Look: 1,
}
