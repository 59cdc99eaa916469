package stop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/wording"
)

// noNewWorkers deletes the ScaledJobs. Their Jobs follow, and are waited for in the next stage; a ScaledJob that KEDA does not let
// go makes no new ones either: KEDA looks whether it is being deleted before anything else.
func (r *run) noNewWorkers(ctx context.Context) (string, error) {
	n, err := r.removeKinds(ctx, "ScaledJob")
	if err != nil || n == 0 {
		return "", err
	}
	left, err := r.await(ctx, r.KEDATakes, func(ctx context.Context) ([]kube.Object, error) {
		all, err := r.ofKind(ctx, "ScaledJob")
		return all, errors.Join(err, r.letGo(ctx, all))
	})
	if err != nil {
		return "", err
	}
	if r.hung = left; len(left) > 0 {
		return fmt.Sprintf("%s %s still held by KEDA", strings.Join(describe(left), ", "), wording.Agree(len(left), "is", "are")), nil
	}
	return "KEDA starts none any more", nil
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
			if working(p) {
				seen[p.UID()] = true
			}
		}
		return append(jobs, pods...), err
	})
	if err != nil {
		return "", err
	}
	if len(left) > 0 {
		names := strings.Join(describe(left), ", ")
		r.result.Stuck = append(r.result.Stuck, fmt.Sprintf("%s %s not end: where the node is gone for good, delete the node; the pictures come back to the queue by themselves", names, wording.Agree(len(left), "does", "do")))
		return "gone on without " + names, nil
	}
	if len(seen) == 0 {
		return "", nil
	}
	return wording.Count(len(seen), "worker") + " ended", nil
}

// working tells a pod that has a node and is not over.
func working(p kube.Object) bool {
	phase := p.Text("status", "phase")
	return p.Text("spec", "nodeName") != "" && phase != "Succeeded" && phase != "Failed"
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
