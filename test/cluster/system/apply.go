//go:build linux

package system

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
)

// owner is the name under which Apply's fields stand in the objects.
const owner = "cluster-test"

// resources finds the API's path of a kind, also of kinds that were defined a moment ago.
type resources struct {
	*restmapper.DeferredDiscoveryRESTMapper
}

func newResources(d discovery.DiscoveryInterface) *resources {
	return &resources{restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(d))}
}

// Apply makes the objects of a YAML text as they stand there, by server-side apply.
func (c *Cluster) Apply(ctx context.Context, text string) error {
	objects, err := Parse(text)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if err := c.ApplyObject(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// ApplyObject applies one object.
func (c *Cluster) ApplyObject(ctx context.Context, o *unstructured.Unstructured) error {
	at, err := c.resource(o)
	if err == nil {
		var body []byte
		if body, err = o.MarshalJSON(); err == nil {
			_, err = at.Patch(ctx, o.GetName(), types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: owner, Force: new(true)})
		}
	}
	if err != nil {
		return fmt.Errorf("applying %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	return nil
}

func (c *Cluster) resource(o *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := o.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == "root" {
		return c.Objects.Resource(mapping.Resource), nil
	}
	namespace := o.GetNamespace()
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	return c.Objects.Resource(mapping.Resource).Namespace(namespace), nil
}

// Parse reads the documents of a YAML text.
func Parse(text string) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		o := &unstructured.Unstructured{}
		if err := decoder.Decode(&o.Object); err != nil {
			if errors.Is(err, io.EOF) {
				return objects, nil
			}
			return nil, fmt.Errorf("reading YAML: %w", err)
		}
		if len(o.Object) > 0 {
			objects = append(objects, o)
		}
	}
}

// readYAML reads all YAML files of a folder into one text, without kustomize's own.
func readYAML(folder string, names ...string) (string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return "", err
	}
	var all bytes.Buffer
	for _, f := range files {
		if base := filepath.Base(f); base == "kustomization.yaml" || len(names) > 0 && !slices.Contains(names, base) {
			continue
		}
		text, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		all.WriteString("\n---\n")
		all.Write(text)
	}
	if all.Len() == 0 {
		return "", fmt.Errorf("no manifests in %s", folder)
	}
	return all.String(), nil
}

// Await asks again until what it asks for holds; what says what is expected, for the error that a deadline gives.
func Await(ctx context.Context, limit time.Duration, what string, holds func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		err := holds(ctx)
		if err == nil {
			return nil
		}
		if last == nil || !strings.Contains(err.Error(), "context deadline") { // that is this wait's own end, not its reason
			last = err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("expected within %s: %s; seen: %w", limit, what, last)
		}
	}
}
