package kube

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Object is an object of the cluster, or one to be made: its fields as JSON has them.
type Object map[string]any

// Ref names an object. A kind stands for its API group too: those that are known here are unlike.
type Ref struct {
	Kind      string
	Namespace string // empty for what belongs to no namespace
	Name      string
}

// String is as people write it: Deployment plumbline-control.
func (r Ref) String() string { return r.Kind + " " + r.Name }

// Ref names it.
func (o Object) Ref() Ref { return Ref{o.Kind(), o.Namespace(), o.Name()} }

// Kind is such as Deployment.
func (o Object) Kind() string { return o.u().GetKind() }

// Name is the object's.
func (o Object) Name() string { return o.u().GetName() }

// Namespace is empty for what belongs to none.
func (o Object) Namespace() string { return o.u().GetNamespace() }

// UID is the cluster's name for this very object; another one of the same name has another.
func (o Object) UID() string { return string(o.u().GetUID()) }

// Version changes with every change of the object.
func (o Object) Version() string { return o.u().GetResourceVersion() }

// Generation counts changes of what is wanted.
func (o Object) Generation() int64 { return o.u().GetGeneration() }

// Labels are the object's.
func (o Object) Labels() map[string]string { return o.u().GetLabels() }

// Annotations are the object's.
func (o Object) Annotations() map[string]string { return o.u().GetAnnotations() }

// Deleting says that it is on its way out.
func (o Object) Deleting() bool { return o.u().GetDeletionTimestamp() != nil }

// Owned says that another object brought it, and takes it along.
func (o Object) Owned() bool { return len(o.u().GetOwnerReferences()) > 0 }

// Managers are those who set its fields.
func (o Object) Managers() (names []string) {
	for _, m := range o.u().GetManagedFields() {
		if !slices.Contains(names, m.Manager) {
			names = append(names, m.Manager)
		}
	}
	return names
}

// At gives what lies at a path, nil where nothing does. It is the object's own: not to be changed.
func (o Object) At(path ...string) any {
	v, _, _ := unstructured.NestedFieldNoCopy(o, path...)
	return v
}

// Text gives the text at a path, or "".
func (o Object) Text(path ...string) string {
	s, _ := o.At(path...).(string)
	return s
}

// Number gives the number at a path, or 0.
func (o Object) Number(path ...string) int64 {
	switch n := o.At(path...).(type) {
	case int64:
		return n
	case float64:
		return int64(n)
	}
	return 0
}

// List gives the objects in a list at a path.
func (o Object) List(path ...string) []Object {
	all, _ := o.At(path...).([]any)
	out := make([]Object, 0, len(all))
	for _, v := range all {
		if m, ok := v.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// Copy shares nothing with the original.
func (o Object) Copy() Object { return o.u().DeepCopy().Object }

// Set puts a value at a path, and makes the way there.
func (o Object) Set(value any, path ...string) error {
	if err := unstructured.SetNestedField(o, value, path...); err != nil {
		return fmt.Errorf("setting %s of %s: %w", strings.Join(path, "."), o.Ref(), err)
	}
	return nil
}

func (o Object) u() *unstructured.Unstructured { return &unstructured.Unstructured{Object: o} }

// ObjectOf reads anything that JSON can be made of, with whole numbers as the API has them.
func ObjectOf(v any) (Object, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("reading an object: %w", err)
	}
	u := unstructured.Unstructured{}
	if err := u.UnmarshalJSON(text); err != nil {
		return nil, fmt.Errorf("reading an object: %w", err)
	}
	return u.Object, nil
}

// known is where the API has a kind.
type known struct {
	group, version, resource string
	everywhere               bool // belongs to no namespace
}

// kinds are those that Plumbline makes or looks at. The table stands in for asking the cluster what it has.
var kinds = map[string]known{
	"Namespace":             {"", "v1", "namespaces", true},
	"Node":                  {"", "v1", "nodes", true},
	"ServiceAccount":        {"", "v1", "serviceaccounts", false},
	"Secret":                {"", "v1", "secrets", false},
	"ConfigMap":             {"", "v1", "configmaps", false},
	"Service":               {"", "v1", "services", false},
	"PersistentVolumeClaim": {"", "v1", "persistentvolumeclaims", false},
	"PersistentVolume":      {"", "v1", "persistentvolumes", true},
	"Pod":                   {"", "v1", "pods", false},
	"Event":                 {"", "v1", "events", false},
	"StatefulSet":           {"apps", "v1", "statefulsets", false},
	"Deployment":            {"apps", "v1", "deployments", false},
	"DaemonSet":             {"apps", "v1", "daemonsets", false},
	"Job":                   {"batch", "v1", "jobs", false},
	"PodDisruptionBudget":   {"policy", "v1", "poddisruptionbudgets", false},
	"Lease":                 {"coordination.k8s.io", "v1", "leases", false},
	"NetworkPolicy":         {"networking.k8s.io", "v1", "networkpolicies", false},
	"RuntimeClass":          {"node.k8s.io", "v1", "runtimeclasses", true},
	"StorageClass":          {"storage.k8s.io", "v1", "storageclasses", true},
	"Role":                  {"rbac.authorization.k8s.io", "v1", "roles", false},
	"RoleBinding":           {"rbac.authorization.k8s.io", "v1", "rolebindings", false},
	"ClusterRole":           {"rbac.authorization.k8s.io", "v1", "clusterroles", true},
	"ClusterRoleBinding":    {"rbac.authorization.k8s.io", "v1", "clusterrolebindings", true},
	"ScaledJob":             {"keda.sh", "v1alpha1", "scaledjobs", false},
	"TriggerAuthentication": {"keda.sh", "v1alpha1", "triggerauthentications", false},
	"PodMonitor":            {"monitoring.coreos.com", "v1", "podmonitors", false},
	"PrometheusRule":        {"monitoring.coreos.com", "v1", "prometheusrules", false},

	"CustomResourceDefinition": {"apiextensions.k8s.io", "v1", "customresourcedefinitions", true},
	"SelfSubjectAccessReview":  {"authorization.k8s.io", "v1", "selfsubjectaccessreviews", true},
	"SelfSubjectReview":        {"authentication.k8s.io", "v1", "selfsubjectreviews", true},
}

// Kind says where the API has a kind: group and resource, as rights name them, and whether it belongs to namespaces.
func Kind(kind string) (group, resource string, namespaced bool) {
	k := kinds[kind]
	return k.group, k.resource, !k.everywhere
}

// KindOf finds the kind of what rights call a resource; empty: it is not known here.
func KindOf(group, resource string) string {
	for kind, k := range kinds {
		if k.group == group && k.resource == resource {
			return kind
		}
	}
	return ""
}

func (k known) gvr() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: k.group, Version: k.version, Resource: k.resource}
}

func (k known) path() string {
	if k.group == "" {
		return "/api/" + k.version
	}
	return "/apis/" + k.group + "/" + k.version
}
