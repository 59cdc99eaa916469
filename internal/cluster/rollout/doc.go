// Package rollout brings a set of objects into a cluster: it says beforehand what would become of each, applies them in order,
// removes what an earlier version made and this one does not, ends that version's Jobs which have not begun, keeps workers off
// the control plane, and looks until everything is ready, with the reason where something is not.
//
// It refuses to touch what others made: an object of the same name without our labels is an error, or, where it can be used
// as it is (a namespace, a Secret), left as it is. It ends no Job that runs, and removes no Secret and no volume. Doing it again changes
// nothing; doing it again after a break goes on where that was.
package rollout

import (
	"context"

	"plumbline/internal/cluster/kube"
)

// Cluster is what is needed of one.
type Cluster interface {
	Apply(context.Context, kube.Object, kube.Applying) (kube.Object, error)
	Get(context.Context, kube.Ref) (kube.Object, bool, error)
	List(context.Context, kube.Query) ([]kube.Object, error)
	Made(context.Context, kube.Marks) ([]kube.Object, error)
	Delete(context.Context, kube.Ref, kube.Deletion) (bool, error)
	Nodes
	LastLines(ctx context.Context, namespace, pod, container string, previous bool, lines int) (string, error)
}

// Nodes are the cluster's.
type Nodes interface {
	Machines(context.Context) ([]kube.Machine, error)
	Taint(ctx context.Context, node, namespace string) (bool, error)
	Untaint(ctx context.Context, node, namespace string) (bool, error)
}

// Rollout is one installation's.
type Rollout struct {
	Cluster Cluster
	Marks   kube.Marks // what is ours
	Force   bool       // fields that others set are taken over
	Say     func(format string, args ...any)
}
