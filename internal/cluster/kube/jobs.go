package kube

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// Job is what KEDA looks at of a Job, and which pods it has.
type Job struct {
	Name     string
	Created  time.Time
	Finished bool // Complete or Failed, as KEDA tells it; a Job that is being deleted is not
	Pending  bool // counts as pending to KEDA; never true of a finished one
	Gated    bool // not finished, and none of its pods has a node: it waits for placement, or for its pod to be made
	Pods     []string
}

// Jobs gives the Jobs of a ScaledJob, sorted by name.
func (w *Watch) Jobs(scaledJob string) []Job {
	var conditions []string
	if s, ok := w.ScaledJob(scaledJob); ok {
		conditions = s.Strategy.PendingPodConditions
	}
	pods := map[string][]*corev1.Pod{}
	for _, p := range listed[*corev1.Pod](w.pods) {
		pods[p.Labels[jobLabel]] = append(pods[p.Labels[jobLabel]], p)
	}
	var out []Job
	for _, j := range listed[*batchv1.Job](w.jobs) {
		if j.Labels[scaledJobLabel] == scaledJob {
			out = append(out, viewJob(j, pods[j.Name], conditions))
		}
	}
	return out
}

func viewJob(j *batchv1.Job, pods []*corev1.Pod, pendingConditions []string) Job {
	v := Job{Name: j.Name, Created: j.CreationTimestamp.Time, Finished: isFinished(j)}
	placed := false
	for _, p := range pods {
		v.Pods = append(v.Pods, p.Name)
		over := p.Status.Phase == corev1.PodFailed || p.DeletionTimestamp != nil
		placed = placed || !over && (p.Spec.NodeName != "" || p.Annotations[nodeAnnotation] != "")
	}
	v.Pending = !v.Finished && isPending(pods, pendingConditions)
	v.Gated = !v.Finished && !placed
	return v
}

func isFinished(j *batchv1.Job) bool {
	for _, c := range j.Status.Conditions {
		if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}

// isPending mirrors getPendingJobCount of KEDA 2.21: without pendingPodConditions a Job is pending until one of its pods runs
// or has succeeded, with them until one pod meets them all.
func isPending(pods []*corev1.Pod, conditions []string) bool {
	for _, p := range pods {
		if len(conditions) == 0 && (p.Status.Phase == corev1.PodRunning || p.Status.Phase == corev1.PodSucceeded) {
			return false
		}
		if len(conditions) > 0 && meets(p, conditions) {
			return false
		}
	}
	return true
}

func meets(p *corev1.Pod, conditions []string) bool {
	wanted, met := map[string]bool{}, map[string]bool{}
	for _, c := range conditions {
		wanted[c] = true
	}
	for _, c := range p.Status.Conditions {
		if wanted[string(c.Type)] && c.Status == corev1.ConditionTrue {
			met[string(c.Type)] = true
		}
	}
	return len(met) == len(conditions) // a condition named twice is never met, in KEDA neither
}

// Count is the Jobs of a ScaledJob as KEDA counts them.
type Count struct {
	Unfinished int // KEDA calls them running
	Pending    int // unfinished, and pending to KEDA
	Finished   int
	Gated      int // unfinished and without a node
}

// CountJobs counts.
func CountJobs(all []Job) Count {
	var c Count
	for _, j := range all {
		if j.Finished {
			c.Finished++
			continue
		}
		c.Unfinished++
		if j.Pending {
			c.Pending++
		}
		if j.Gated {
			c.Gated++
		}
	}
	return c
}
