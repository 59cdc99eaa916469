package kube

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/labels"
)

// madeKinds are those that Plumbline makes, in the order in which they are needed; deleting goes the other way. Jobs and pods are
// made by others, for us.
var madeKinds = []string{
	"Namespace", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "Secret", "ConfigMap", "NetworkPolicy",
	"PersistentVolumeClaim", "Service", "StatefulSet", "Deployment", "PodDisruptionBudget", "DaemonSet", "PodMonitor", "PrometheusRule",
	"TriggerAuthentication", "ScaledJob",
}

// MadeKinds are the kinds that Made looks through, in the order in which they are needed.
func MadeKinds() []string { return slices.Clone(madeKinds) }

// Marks tell which objects are those of one installation: everything in its namespace that carries one selector's labels, and
// of what belongs to no namespace only what carries the other's, since several installations may have some there.
type Marks struct {
	Namespace  string
	Namespaced string // a selector
	Everywhere string // a selector
}

// Made gives the objects of an installation, in the order in which they are needed. A kind that the cluster does not know has none.
func (c *Client) Made(ctx context.Context, m Marks) ([]Object, error) {
	var all []Object
	for _, kind := range madeKinds {
		q := Query{Kind: kind, Namespace: m.Namespace, Labels: m.Namespaced}
		if kinds[kind].everywhere {
			q.Labels = m.Everywhere
		}
		list, err := c.List(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// Carries tells whether an object is labelled as made by Plumbline, of whatever installation.
func (m Marks) Carries(o Object) bool {
	s, err := labels.Parse(m.Namespaced)
	return err == nil && s.Matches(labels.Set(o.Labels()))
}

// JobsOf selects the Jobs that KEDA made for a ScaledJob, and their pods.
func JobsOf(scaledJob string) string { return scaledJobLabel + "=" + scaledJob }

// JobOf is the Job that a pod belongs to.
func JobOf(pod Object) string { return pod.Labels()[jobLabel] }
