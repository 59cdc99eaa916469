//go:build linux

package system

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// passing are kinds that come, go and change by themselves: events, what Kubernetes adds to Services, what it says of its own parts.
var passing = []string{"events", "endpoints", "endpointslices", "componentstatuses"}

// restless are fields of a kind, and under "" of every kind, that the cluster itself changes while nobody wants anything.
var restless = map[string][][]string{
	"":      {{"status"}, {"metadata", "managedFields"}, {"metadata", "resourceVersion"}, {"metadata", "generation"}},
	"Lease": {{"spec"}},
	// Which claim has it. It stays when the claim goes.
	"PersistentVolume": {{"spec", "claimRef"}, {"metadata", "annotations"}},
}

// Everything gives what is in the cluster: every object of every kind but those that pass, as KIND/NAMESPACE/NAME with its UID and all
// that is wanted of it, as JSON.
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
			if !slices.Contains(r.Verbs, "list") || strings.Contains(r.Name, "/") || slices.Contains(passing, r.Name) {
				continue
			}
			found, err := c.Objects.Resource(group.WithResource(r.Name)).List(ctx, metav1.ListOptions{})
			if err != nil {
				return nil, fmt.Errorf("listing %s: %w", r.Name, err)
			}
			for _, o := range found.Items {
				if all[r.Kind+"/"+o.GetNamespace()+"/"+o.GetName()], err = wanted(o); err != nil {
					return nil, err
				}
			}
		}
	}
	return all, nil
}

// wanted is what does not change unless somebody wants it.
func wanted(o unstructured.Unstructured) (string, error) {
	for _, kind := range []string{"", o.GetKind()} {
		for _, field := range restless[kind] {
			unstructured.RemoveNestedField(o.Object, field...)
		}
	}
	text, err := json.MarshalIndent(o.Object, "", " ")
	if err != nil {
		return "", fmt.Errorf("reading %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	return string(text), nil
}
