package rollout

import (
	"context"
	"fmt"
	"strings"

	"plumbline/internal/cluster/kube"
)

// ControlPlanes chooses the nodes that workers are to be kept off: the control plane's, if a node remains that takes workers, which
// have these labels. Where none is chosen though there is a control plane, why says so.
func ControlPlanes(all []kube.Machine, workers map[string]string) (chosen []string, why string) {
	var planes []string
	open := 0
	for _, m := range all {
		switch {
		case m.ControlPlane:
			planes = append(planes, m.Name)
		case m.Ready && !m.Cordoned && len(m.Repels) == 0 && has(m.Labels, workers):
			open++
		}
	}
	if len(planes) > 0 && open == 0 {
		return nil, fmt.Sprintf("the control plane (%s) stays open to workers, since no other node takes any now", strings.Join(planes, ", "))
	}
	return planes, ""
}

func has(labels, wanted map[string]string) bool {
	for key, value := range wanted {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// Taint keeps workers off the control plane, and records on each node that it did.
func (r *Rollout) Taint(ctx context.Context, workers map[string]string) error {
	all, err := r.Cluster.Machines(ctx)
	if err != nil {
		return err
	}
	nodes, why := ControlPlanes(all, workers)
	if why != "" {
		r.Say("%s", why)
	}
	for _, node := range nodes {
		changed, err := r.Cluster.Taint(ctx, node, r.Marks.Namespace)
		if err != nil {
			return err
		}
		if changed {
			r.Say("tainted node %s with %s:NoSchedule: workers keep off it", node, kube.ControlPlaneTaint)
		}
	}
	return nil
}

// Untaint lifts what Taint did for this installation.
func (r *Rollout) Untaint(ctx context.Context) error {
	all, err := r.Cluster.Machines(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		changed, err := r.Cluster.Untaint(ctx, m.Name, r.Marks.Namespace)
		if err != nil {
			return err
		}
		if changed {
			r.Say("node %s is no longer tainted by this installation", m.Name)
		}
	}
	return nil
}
