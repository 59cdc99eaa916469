package kube

import (
	"cmp"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"

	"plumbline/internal/gpu"
)

// rememberEnded is how long an ended worker is still told: until every sample in use is younger than its end.
const rememberEnded = 10 * time.Minute

// Pod is what placement looks at of a pod of ours.
type Pod struct {
	Name, Namespace, UID string
	ScaledJob, Job       string
	Created              time.Time
	Gated                bool      // carries our gate
	OtherGates           []string  // gates that are not ours
	Template             Template  // what it says about nodes; of gated pods only
	Node                 string    // the node it is bound to, else the one it was given; "": neither
	Bound                bool      // the scheduler has bound it
	PlacedAt             time.Time // when it was given its node, by our note or else by the scheduler's
	Decision             string    // id of the decision that placed it
	Deleting             bool
	Started              time.Time // when its first container began; zero: none has
	Ended                time.Time // zero: not over

	affinity *corev1.NodeSelector // required
}

// Pods gives our pods, the oldest first.
func (w *Watch) Pods() []Pod {
	var out []Pod
	for _, p := range listed[*corev1.Pod](w.pods) {
		if w.isOurs(p) {
			out = append(out, viewPod(p))
		}
	}
	slices.SortStableFunc(out, func(a, b Pod) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func (w *Watch) isOurs(p *corev1.Pod) bool {
	if w.options.ScaledJob != "" {
		return p.Labels[scaledJobLabel] == w.options.ScaledJob
	}
	return w.options.All || p.Annotations[nodeAnnotation] != "" || isGated(p)
}

// Workers gives our pods that have a node, those that ended in the last ten minutes among them, sorted by name.
func (w *Watch) Workers() []gpu.Worker {
	now := time.Now()
	out := w.ended.list(now)
	for _, p := range listed[*corev1.Pod](w.pods) {
		if !w.isOurs(p) {
			continue
		}
		v := viewPod(p)
		if worker, ok := v.Worker(); ok && (v.Ended.IsZero() || now.Sub(v.Ended) < rememberEnded) {
			out = append(out, worker)
		}
	}
	return out
}

// Worker is the pod in the words of ranking; false: it has no node yet.
func (p Pod) Worker() (gpu.Worker, bool) {
	return gpu.Worker{
		Pod: p.Name, Node: p.Node, PlacedAt: p.PlacedAt, Pending: p.Started.IsZero() && p.Ended.IsZero(), StartedAt: p.Started, EndedAt: p.Ended,
	}, p.Node != ""
}

func isGated(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Spec.SchedulingGates, func(g corev1.PodSchedulingGate) bool { return g.Name == Gate })
}

func viewPod(p *corev1.Pod) Pod {
	v := Pod{
		Name: p.Name, Namespace: p.Namespace, UID: string(p.UID), ScaledJob: p.Labels[scaledJobLabel], Job: p.Labels[jobLabel],
		Created: p.CreationTimestamp.Time, Gated: isGated(p), Deleting: p.DeletionTimestamp != nil, Node: p.Spec.NodeName,
		Bound: p.Spec.NodeName != "", Decision: p.Annotations[decisionAnnotation], Started: startOf(p), Ended: endOf(p),
	}
	if v.Gated {
		v.Template = newTemplate(&p.Spec)
	} else if v.Node == "" {
		v.Node = p.Annotations[nodeAnnotation]
	}
	for _, g := range p.Spec.SchedulingGates {
		if g.Name != Gate {
			v.OtherGates = append(v.OtherGates, g.Name)
		}
	}
	if v.Node != "" {
		v.PlacedAt = placedAt(p)
	}
	if a := p.Spec.Affinity; a != nil && a.NodeAffinity != nil {
		v.affinity = a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	}
	return v
}

func placedAt(p *corev1.Pod) time.Time {
	if at, err := time.Parse(time.RFC3339Nano, p.Annotations[placedAnnotation]); err == nil {
		return at
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionTrue {
			return c.LastTransitionTime.Time
		}
	}
	return p.CreationTimestamp.Time
}

// startOf is when the pod's first container began, whether it still runs or not.
func startOf(p *corev1.Pod) time.Time {
	var start time.Time
	for _, s := range p.Status.ContainerStatuses {
		began := time.Time{}
		switch {
		case s.State.Running != nil:
			began = s.State.Running.StartedAt.Time
		case s.State.Terminated != nil:
			began = s.State.Terminated.StartedAt.Time
		}
		if !began.IsZero() && (start.IsZero() || began.Before(start)) {
			start = began
		}
	}
	return start
}

// endOf is when the pod's last container ended, for a pod that is over.
func endOf(p *corev1.Pod) time.Time {
	if p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
		return time.Time{}
	}
	end := p.CreationTimestamp.Time
	for _, s := range p.Status.ContainerStatuses {
		if t := s.State.Terminated; t != nil && t.FinishedAt.After(end) {
			end = t.FinishedAt.Time
		}
	}
	if end.Equal(p.CreationTimestamp.Time) {
		for _, c := range p.Status.Conditions {
			if c.LastTransitionTime.After(end) {
				end = c.LastTransitionTime.Time
			}
		}
	}
	return end
}

// bury keeps what ranking wants to know of a pod that is gone.
func (w *Watch) bury(o any) {
	if lost, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = lost.Obj
	}
	p, ok := o.(*corev1.Pod)
	if !ok || !w.isOurs(p) {
		return
	}
	if worker, ok := viewPod(p).Worker(); ok {
		if !worker.Ended() {
			worker.EndedAt, worker.Pending = time.Now(), false
		}
		w.ended.add(worker)
	}
}

// graveyard holds workers whose pods are gone.
type graveyard struct {
	mu   sync.Mutex
	dead []gpu.Worker
}

func (g *graveyard) add(w gpu.Worker) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dead = append(g.dead, w)
}

func (g *graveyard) list(now time.Time) []gpu.Worker {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dead = slices.DeleteFunc(g.dead, func(w gpu.Worker) bool { return now.Sub(w.EndedAt) > rememberEnded })
	return slices.Clone(g.dead)
}
