package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"plumbline/internal/cluster/kube"
)

// lookEvery is how often is looked whether things are ready.
const lookEvery = time.Second

// ErrGone says that what was applied was deleted while it was waited for.
var ErrGone = errors.New("somebody has deleted it meanwhile")

// Wait looks until all are ready, one of them is gone (ErrGone) or the context ends, and shows each look. A cluster that does not
// answer for a while is asked on.
func (r *Rollout) Wait(ctx context.Context, refs []kube.Ref, show func([]Progress)) error {
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	var last []Progress
	for {
		all, err := r.look(ctx, refs)
		switch {
		case errors.Is(err, kube.ErrForbidden) || errors.Is(err, kube.ErrUnauthenticated) || errors.Is(err, ErrGone):
			return err
		case err == nil:
			last = all
			show(all)
			if !slices.ContainsFunc(all, func(p Progress) bool { return !p.Ready }) {
				return nil
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return notReady(ctx, last, err)
		}
	}
}

// notReady says what is missing when the waiting ends.
func notReady(ctx context.Context, last []Progress, err error) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ctx.Err()
	}
	var lines []string
	for _, p := range last {
		if !p.Ready {
			lines = append(lines, strings.Join(append([]string{fmt.Sprintf("%s: %s", p.Ref, p.Text)}, p.Trouble...), "\n    "))
		}
	}
	if len(last) == 0 && err != nil {
		lines = []string{err.Error()}
	}
	return fmt.Errorf("not everything got ready in time:\n  %s", strings.Join(lines, "\n  "))
}

// look takes one look.
func (r *Rollout) look(ctx context.Context, refs []kube.Ref) ([]Progress, error) {
	machines, err := r.Cluster.Machines(ctx)
	if err != nil {
		return nil, err
	}
	var away []string
	for _, m := range machines {
		if !m.Ready {
			away = append(away, m.Name)
		}
	}
	var all []Progress
	for _, ref := range refs {
		p, err := r.lookAt(ctx, ref, away)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func (r *Rollout) lookAt(ctx context.Context, ref kube.Ref, away []string) (Progress, error) {
	o, there, err := r.Cluster.Get(ctx, ref)
	if err != nil {
		return Progress{}, err
	}
	if !there {
		return Progress{}, fmt.Errorf("%s: %w", ref, ErrGone)
	}
	pods, err := r.podsOf(ctx, o)
	if err != nil {
		return Progress{}, err
	}
	if err := r.unstick(ctx, o, pods); err != nil {
		return Progress{}, err
	}
	p := judge(o, pods, away)
	if p.Ready {
		return p, nil
	}
	if len(pods) == 0 { // of a ScaledJob KEDA's conditions say that something is wrong, and its Events what
		p.Trouble = append(p.Trouble, r.warning(ctx, o)...)
	}
	for _, pod := range pods {
		if !podReady(pod) && !pod.Deleting() && !slices.Contains(away, pod.Text("spec", "nodeName")) {
			p.Trouble = append(p.Trouble, r.troubleOf(ctx, pod)...)
		}
	}
	return p, nil
}

func (r *Rollout) podsOf(ctx context.Context, o kube.Object) ([]kube.Object, error) {
	match, _ := o.At("spec", "selector", "matchLabels").(map[string]any)
	if len(match) == 0 {
		return nil, nil
	}
	var labels []string
	for _, key := range slices.Sorted(maps.Keys(match)) {
		labels = append(labels, fmt.Sprintf("%s=%v", key, match[key]))
	}
	return r.Cluster.List(ctx, kube.Query{Kind: "Pod", Namespace: o.Namespace(), Labels: strings.Join(labels, ",")})
}

// unstick removes a StatefulSet's pod of an earlier version that is not ready: Kubernetes waits for it to get ready before it makes the
// next, for ever where the earlier version could not work.
func (r *Rollout) unstick(ctx context.Context, o kube.Object, pods []kube.Object) error {
	wanted := o.Text("status", "updateRevision")
	if o.Kind() != "StatefulSet" || wanted == "" || o.Number("status", "observedGeneration") < o.Generation() {
		return nil
	}
	for _, pod := range pods {
		if pod.Labels()["controller-revision-hash"] == wanted || podReady(pod) || pod.Deleting() {
			continue
		}
		gone, err := r.Cluster.Delete(ctx, pod.Ref(), kube.Deletion{UID: pod.UID()})
		if err != nil {
			return err
		}
		if gone {
			r.Say("removed %s, which is of an earlier version and not ready", pod.Ref())
		}
	}
	return nil
}

// troubleOf is why a pod is not ready: what it says itself, with the last line of its log where a program has ended, else the last
// warning about it. What cannot be asked for is left out: it is only an explanation.
func (r *Rollout) troubleOf(ctx context.Context, pod kube.Object) []string {
	a := ail(pod)
	if a.text == "" {
		return r.warning(ctx, pod)
	}
	text := fmt.Sprintf("%s: %s", pod.Name(), a.text)
	if a.container != "" {
		if line, err := r.Cluster.LastLines(ctx, pod.Namespace(), pod.Name(), a.container, a.previous, 1); err == nil && line != "" {
			text += "; its log ends: " + line
		}
	}
	return []string{text}
}

// warning is the last one that Kubernetes has about an object.
func (r *Rollout) warning(ctx context.Context, o kube.Object) []string {
	events, err := r.Cluster.List(ctx, kube.Query{Kind: "Event", Namespace: o.Namespace(), Fields: "type=Warning,involvedObject.uid=" + o.UID()})
	if err != nil || len(events) == 0 {
		return nil
	}
	last := slices.MaxFunc(events, func(a, b kube.Object) int { return strings.Compare(when(a), when(b)) })
	return []string{fmt.Sprintf("%s: %s", o.Name(), last.Text("message"))}
}

func when(event kube.Object) string {
	return max(event.Text("lastTimestamp"), event.Text("series", "lastObservedTime"), event.Text("eventTime"), event.Text("metadata", "creationTimestamp"))
}
