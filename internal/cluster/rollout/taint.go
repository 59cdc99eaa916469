package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"plumbline/internal/cluster/kube"
)

// ControlPlanes chooses the nodes that workers are to be kept off: the control plane's, if a node remains that takes workers, which
// have these labels. Where none is chosen though there is a control plane that is not tainted, why says so.
func ControlPlanes(all []kube.Machine, workers map[string]string) (chosen []string, why string) {
	var planes, bare []string
	open := 0
	for _, m := range all {
		switch {
		case m.ControlPlane:
			planes = append(planes, m.Name)
			if !m.Tainted {
				bare = append(bare, m.Name)
			}
		case m.Ready && !m.Cordoned && len(m.Repels) == 0 && has(m.Labels, workers):
			open++
		}
	}
	switch {
	case open > 0:
		return planes, ""
	case len(bare) > 0:
		why = fmt.Sprintf("the control plane (%s) stays open to workers, since no other node takes any now", strings.Join(bare, ", "))
	}
	return nil, why
}

func has(labels, wanted map[string]string) bool {
	for key, value := range wanted {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// Retaint is a node whose taint would change.
type Retaint struct{ Before, After kube.Machine }

// Retaints says which nodes' taints would change, and changes nothing: with keepOff workers are to be kept off the control plane, else
// what was done for that is lifted.
func (r *Rollout) Retaints(ctx context.Context, keepOff bool, workers map[string]string) (changes []Retaint, err error) {
	all, err := r.Cluster.Machines(ctx)
	if err != nil {
		return nil, err
	}
	var chosen []string
	if keepOff {
		var why string
		if chosen, why = ControlPlanes(all, workers); why != "" {
			r.Say("%s", why)
		}
	}
	for _, m := range all {
		after, changed := m, false
		switch {
		case !keepOff:
			after, changed = m.Untaint(r.Marks.Namespace)
		case slices.Contains(chosen, m.Name):
			after, changed = m.Taint(r.Marks.Namespace)
		}
		if changed {
			changes = append(changes, Retaint{m, after})
		}
	}
	return changes, nil
}

// Retaint does it. Each node records for whom it is tainted.
func (r *Rollout) Retaint(ctx context.Context, changes []Retaint) error {
	for _, c := range changes {
		act, text := r.Cluster.Untaint, "node %s is no longer tainted by this installation"
		if slices.Contains(c.After.TaintedFor, r.Marks.Namespace) {
			act, text = r.Cluster.Taint, "tainted node %s with "+kube.ControlPlaneTaint+":NoSchedule: workers keep off it"
		}
		changed, err := act(ctx, c.Before.Name, r.Marks.Namespace)
		if err != nil {
			return err
		}
		if changed {
			r.Say(text, c.Before.Name)
		}
	}
	return nil
}
