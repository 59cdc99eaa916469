package rollout

import (
	"context"
	"fmt"
	"slices"

	"plumbline/internal/cluster/kube"
)

// Done counts what became of objects.
type Done struct{ Created, Changed, Kept, Left, Removed int }

// String is for people.
func (d Done) String() string {
	return fmt.Sprintf("%d made, %d changed, %d as they were, %d removed", d.Created, d.Changed, d.Kept+d.Left, d.Removed)
}

// Add adds up.
func (d Done) Add(e Done) Done {
	return Done{d.Created + e.Created, d.Changed + e.Changed, d.Kept + e.Kept, d.Left + e.Left, d.Removed + e.Removed}
}

// Apply applies the objects in their order. It ends at the first that fails; what was applied by then stays, and counts the next
// time as what it is.
func (r *Rollout) Apply(ctx context.Context, steps []Step) (d Done, err error) {
	for _, s := range steps {
		if s.Act == Leave {
			d.Left++
			r.Say("left as it is: %s, which Plumbline did not make", s.Object.Ref())
			continue
		}
		after, err := r.Cluster.Apply(ctx, s.Object, kube.Applying{Force: r.Force})
		if err != nil {
			return d, err
		}
		switch {
		case s.Before == nil:
			d.Created++
			r.Say("made %s", s.Object.Ref())
		case s.Before.Version() != after.Version() && s.Act == Change:
			d.Changed++
			r.Say("changed %s", s.Object.Ref())
		default:
			d.Kept++
		}
	}
	return d, nil
}

// Prune removes what an earlier version left, the last made first.
func (r *Rollout) Prune(ctx context.Context, leftovers []kube.Object) (d Done, err error) {
	for _, o := range slices.Backward(leftovers) {
		gone, err := r.Cluster.Delete(ctx, o.Ref(), kube.Deletion{UID: o.UID()})
		if err != nil {
			return d, err
		}
		if gone {
			d.Removed++
			r.Say("removed %s, which this version does not make", o.Ref())
		}
	}
	return d, nil
}

// EndUnstarted removes a ScaledJob's Jobs that have not begun and are not as the ScaledJob now says, so that KEDA makes new ones.
// Those that run finish their work. A worker that begins in this very moment is asked to end, and gives back what it has in hand.
func (r *Rollout) EndUnstarted(ctx context.Context, scaledJob kube.Object) (d Done, err error) {
	name, namespace := scaledJob.Name(), scaledJob.Namespace()
	jobs, err := r.Cluster.List(ctx, kube.Query{Kind: "Job", Namespace: namespace, Labels: kube.JobsOf(name)})
	if err != nil || len(jobs) == 0 {
		return d, err
	}
	pods, err := r.Cluster.List(ctx, kube.Query{Kind: "Pod", Namespace: namespace, Labels: kube.JobsOf(name)})
	if err != nil {
		return d, err
	}
	for _, j := range jobs {
		if finished(j) || j.Deleting() || begun(j, pods) || sameWork(j, scaledJob) {
			continue
		}
		gone, err := r.Cluster.Delete(ctx, j.Ref(), kube.Deletion{UID: j.UID(), Version: j.Version()})
		if err != nil {
			return d, err
		}
		if gone {
			d.Removed++
			r.Say("removed %s of an earlier version, which had not begun", j.Ref())
		}
	}
	return d, nil
}

func finished(job kube.Object) bool {
	return slices.ContainsFunc(job.List("status", "conditions"), func(c kube.Object) bool {
		kind := c.Text("type")
		return (kind == "Complete" || kind == "Failed") && c.Text("status") == "True"
	})
}

// begun tells whether any container of a Job's pods runs, or has run.
func begun(job kube.Object, pods []kube.Object) bool {
	return slices.ContainsFunc(pods, func(p kube.Object) bool {
		return kube.JobOf(p) == job.Name() && (p.Text("status", "phase") != "Pending" ||
			slices.ContainsFunc(p.List("status", "containerStatuses"), func(c kube.Object) bool {
				return c.At("state", "running") != nil || c.At("state", "terminated") != nil
			}))
	})
}

// sameWork compares image and arguments: a template has more, which the cluster fills in.
func sameWork(job, scaledJob kube.Object) bool {
	a := job.List("spec", "template", "spec", "containers")
	b := scaledJob.List("spec", "jobTargetRef", "template", "spec", "containers")
	return slices.EqualFunc(a, b, func(a, b kube.Object) bool {
		return a.Text("image") == b.Text("image") && slices.Equal(texts(a.At("args")), texts(b.At("args")))
	})
}

func texts(v any) (out []string) {
	list, _ := v.([]any)
	for _, e := range list {
		text, _ := e.(string)
		out = append(out, text)
	}
	return out
}
