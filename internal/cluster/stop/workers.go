package stop

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"plumbline/internal/cluster/kube"
)

// finalizer is by which KEDA holds a ScaledJob until it has stopped to scale it.
const finalizer = "finalizer.keda.sh"

// noNewWorkers deletes the ScaledJobs. Their Jobs follow, and are waited for in the next stage; a ScaledJob that KEDA does not let
// go makes no new ones either: KEDA looks whether it is being deleted before anything else.
func (r *run) noNewWorkers(ctx context.Context) (string, error) {
	n, err := r.removeKinds(ctx, "ScaledJob")
	if err != nil || n == 0 {
		return "", err
	}
	if r.Force {
		if err := r.letGo(ctx); err != nil {
			return "", err
		}
	}
	left, err := r.await(ctx, r.KEDATakes, func(ctx context.Context) ([]kube.Object, error) { return r.ofKind(ctx, "ScaledJob") })
	if err != nil {
		return "", err
	}
	for _, o := range left {
		r.result.Stuck = append(r.result.Stuck, heldBack(o))
	}
	if len(left) > 0 {
		return fmt.Sprintf("%s is still held by KEDA", strings.Join(describe(left), ", ")), nil
	}
	return "KEDA starts none any more", nil
}

func heldBack(o kube.Object) string {
	held, _ := o.At("metadata", "finalizers").([]any)
	return fmt.Sprintf("%s is deleted, but waits for who holds it (%v). With %s that is KEDA: start its operator and it goes; where KEDA is gone for good, plumbline stop --force takes the hold away", o.Ref(), held, finalizer)
}

// letGo takes KEDA's hold away from ScaledJobs that are on their way out.
func (r *run) letGo(ctx context.Context) error {
	all, err := r.ofKind(ctx, "ScaledJob")
	if err != nil {
		return err
	}
	for _, o := range all {
		held, _ := o.At("metadata", "finalizers").([]any)
		others := slices.DeleteFunc(slices.Clone(held), func(v any) bool { return v == finalizer })
		if len(others) == len(held) || !o.Deleting() {
			continue
		}
		if _, err := r.Merge(ctx, o.Ref(), map[string]any{"metadata": map[string]any{"resourceVersion": o.Version(), "finalizers": others}}); err != nil {
			return err
		}
	}
	return nil
}

// workersEnd deletes the Jobs. Their pods are told to end, and have their grace period to finish the picture in hand; those that
// still wait for a node go at once. Who does not end in time is on a node that does not answer: its pictures come back to the
// queue when their leases end, so it is gone on without it.
func (r *run) workersEnd(ctx context.Context) (string, error) {
	seen := map[string]bool{}
	grace, err := r.grace(ctx, r.Workers)
	if err != nil {
		return "", err
	}
	left, err := r.await(ctx, grace, func(ctx context.Context) ([]kube.Object, error) {
		jobs, err := r.endJobs(ctx)
		if err != nil {
			return nil, err
		}
		pods, err := r.pods(ctx, r.Workers)
		for _, p := range pods {
			seen[p.UID()] = true
		}
		return append(jobs, pods...), err
	})
	if err != nil {
		return "", err
	}
	if len(left) > 0 {
		names := strings.Join(describe(left), ", ")
		r.result.Stuck = append(r.result.Stuck, fmt.Sprintf("%s does not end: where its node is gone for good, delete the node; its pictures come back to the queue by themselves", names))
		return "gone on without " + names, nil
	}
	if len(seen) == 0 {
		return "", nil
	}
	return fmt.Sprintf("%d ended", len(seen)), nil
}

// endJobs deletes Jobs, and pods whose Job is gone; it gives the Jobs that are there.
func (r *run) endJobs(ctx context.Context) ([]kube.Object, error) {
	jobs, err := r.ofKind(ctx, "Job")
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		if err := r.remove(ctx, j, kube.Deletion{}); err != nil {
			return nil, err
		}
	}
	if len(jobs) > 0 {
		return jobs, nil
	}
	pods, err := r.pods(ctx, r.Workers)
	for _, p := range pods {
		if err := r.remove(ctx, p, kube.Deletion{}); err != nil {
			return nil, err
		}
	}
	return nil, err
}

// pods lists ours, those of one component or of all.
func (r *run) pods(ctx context.Context, component string) ([]kube.Object, error) {
	labels := r.Marks.Namespaced
	if component != "" {
		labels += "," + r.Component + "=" + component
	}
	return r.List(ctx, kube.Query{Kind: "Pod", Namespace: r.Marks.Namespace, Labels: labels})
}

// grace is how long pods of a component may take to be gone.
func (r *run) grace(ctx context.Context, component string) (time.Duration, error) {
	pods, err := r.pods(ctx, component)
	most := 0 * time.Second
	for _, p := range pods {
		most = max(most, time.Duration(p.Number("spec", "terminationGracePeriodSeconds"))*time.Second)
	}
	return most + r.Margin, err
}
