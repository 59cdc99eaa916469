//go:build linux

package system

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Everything gives what is in the cluster: every object of every kind, as KIND/NAMESPACE/NAME with its UID, and the nodes' taints. What
// comes and goes by itself is left out: events, what Kubernetes adds to Services, and Jobs' pods.
func (c *Cluster) Everything(ctx context.Context) (map[string]string, error) {
	_, lists, err := c.API.Discovery().ServerGroupsAndResources()
	if err != nil {
		return nil, fmt.Errorf("asking which kinds there are: %w", err)
	}
	all := map[string]string{}
	for _, list := range lists {
		group, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, err
		}
		for _, r := range list.APIResources {
			if !slices.Contains(r.Verbs, "list") || strings.Contains(r.Name, "/") || slices.Contains([]string{"events", "endpoints", "endpointslices"}, r.Name) {
				continue
			}
			found, err := c.Objects.Resource(group.WithResource(r.Name)).List(ctx, metav1.ListOptions{})
			if err != nil {
				return nil, fmt.Errorf("listing %s: %w", r.Name, err)
			}
			for _, o := range found.Items {
				all[r.Kind+"/"+o.GetNamespace()+"/"+o.GetName()] = mark(o)
			}
		}
	}
	return all, nil
}

// mark is by which an object is the same one: its UID, and of a node its taints, too.
func mark(o unstructured.Unstructured) string {
	if o.GetKind() != "Node" {
		return string(o.GetUID())
	}
	taints, _, _ := unstructured.NestedSlice(o.Object, "spec", "taints")
	return fmt.Sprintf("%s %v", o.GetUID(), taints)
}
