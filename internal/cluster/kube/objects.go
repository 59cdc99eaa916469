package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// Manager is the name under which deployed fields stand in the objects.
const Manager = "plumbline"

func (c *Client) at(kind, namespace string) (dynamic.ResourceInterface, error) {
	k, ok := kinds[kind]
	switch {
	case !ok:
		return nil, fmt.Errorf("the kind %s is not known here", kind)
	case k.everywhere:
		return c.dynamic.Resource(k.gvr()), nil
	}
	return c.dynamic.Resource(k.gvr()).Namespace(namespace), nil
}

// Applying says how an object is applied.
type Applying struct {
	DryRun bool // the cluster says what would become of it, and changes nothing
	Force  bool // take fields over that others have set otherwise
}

// Apply makes the object, or makes it so, by server-side apply under our manager: fields that it says nothing of stay as they
// are, fields that were applied before and are no longer in it go. It gives the object as it then is.
//
// Where somebody else has set a field otherwise the error is a *Conflict, unless that was an earlier Plumbline.
func (c *Client) Apply(ctx context.Context, o Object, how Applying) (Object, error) {
	applied, err := c.apply(ctx, o, how)
	var conflict *Conflict
	if errors.As(err, &conflict) && conflict.ours() && !how.Force {
		how.Force = true
		applied, err = c.apply(ctx, o, how)
	}
	return applied, err
}

func (c *Client) apply(ctx context.Context, o Object, how Applying) (Object, error) {
	r := o.Ref()
	at, err := c.at(r.Kind, r.Namespace)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("applying %s: %w", r, err)
	}
	options := metav1.PatchOptions{FieldManager: Manager, Force: &how.Force, FieldValidation: metav1.FieldValidationStrict}
	if how.DryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	u, err := at.Patch(ctx, r.Name, types.ApplyPatchType, body, options)
	if err != nil {
		return nil, c.explained("applying "+r.String(), r.Kind, err)
	}
	return u.Object, nil
}

// Get reads an object; false: there is none.
func (c *Client) Get(ctx context.Context, r Ref) (Object, bool, error) {
	at, err := c.at(r.Kind, r.Namespace)
	if err != nil {
		return nil, false, err
	}
	u, err := at.Get(ctx, r.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, c.explained("reading "+r.String(), r.Kind, err)
	}
	return u.Object, true, nil
}

// Query says which objects of a kind.
type Query struct {
	Kind      string
	Namespace string // empty: all
	Labels    string // a selector; empty: any
	Fields    string // a selector; empty: any
}

// List reads the objects of a kind, sorted by namespace and name as the API does. A kind that the cluster does not know has none.
func (c *Client) List(ctx context.Context, q Query) ([]Object, error) {
	at, err := c.at(q.Kind, q.Namespace)
	if err != nil {
		return nil, err
	}
	var all []Object
	options := metav1.ListOptions{LabelSelector: q.Labels, FieldSelector: q.Fields, Limit: 500}
	for {
		list, err := at.List(ctx, options)
		if apierrors.IsNotFound(err) {
			return all, nil
		}
		if err != nil {
			return nil, c.explained("listing "+q.Kind+"s", q.Kind, err)
		}
		for i := range list.Items {
			all = append(all, list.Items[i].Object)
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			return all, nil
		}
	}
}

// Deletion says how an object is deleted.
type Deletion struct {
	UID     string // only this very object; empty: whatever has the name
	Version string // only if it has not changed since; empty: in any case
	Wait    bool   // it stays until all that it owns is gone (foreground); else that follows by itself
	Orphan  bool   // what it owns stays
}

// Delete removes an object; false: there was none, or it is another one by now, or has changed.
func (c *Client) Delete(ctx context.Context, r Ref, how Deletion) (bool, error) {
	at, err := c.at(r.Kind, r.Namespace)
	if err != nil {
		return false, err
	}
	propagation, uid := metav1.DeletePropagationBackground, types.UID(how.UID)
	switch {
	case how.Orphan:
		propagation = metav1.DeletePropagationOrphan
	case how.Wait:
		propagation = metav1.DeletePropagationForeground
	}
	options, only := metav1.DeleteOptions{PropagationPolicy: &propagation}, metav1.Preconditions{}
	if how.UID != "" {
		only.UID = &uid
	}
	if how.Version != "" {
		only.ResourceVersion = &how.Version
	}
	if only != (metav1.Preconditions{}) {
		options.Preconditions = &only
	}
	err = at.Delete(ctx, r.Name, options)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) && options.Preconditions != nil {
		return false, nil
	}
	if err != nil {
		return false, c.explained("deleting "+r.String(), r.Kind, err)
	}
	return true, nil
}

// Merge changes fields of an object by a JSON merge patch. With metadata.resourceVersion in it the API refuses the patch
// when the object has changed since; IsConflict tells that.
func (c *Client) Merge(ctx context.Context, r Ref, patch map[string]any) (Object, error) {
	at, err := c.at(r.Kind, r.Namespace)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(patch)
	if err != nil {
		return nil, fmt.Errorf("changing %s: %w", r, err)
	}
	u, err := at.Patch(ctx, r.Name, types.MergePatchType, body, metav1.PatchOptions{FieldManager: Manager})
	if err != nil {
		return nil, c.explained("changing "+r.String(), r.Kind, err)
	}
	return u.Object, nil
}

// create makes an object that only asks something.
func (c *Client) create(ctx context.Context, o Object) (Object, error) {
	at, err := c.at(o.Kind(), "")
	if err != nil {
		return nil, err
	}
	u, err := at.Create(ctx, &unstructured.Unstructured{Object: o}, metav1.CreateOptions{})
	if err != nil {
		return nil, c.explained("asking with a "+o.Kind(), o.Kind(), err)
	}
	return u.Object, nil
}

// Serves tells whether the cluster has a kind, such as ScaledJob where KEDA is installed.
func (c *Client) Serves(ctx context.Context, kind string) (bool, error) {
	k := kinds[kind]
	var list metav1.APIResourceList
	err := c.core.Get().AbsPath(k.path()).Do(ctx).Into(&list)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, c.explained("asking what the cluster serves of "+k.group, "", err)
	}
	return slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == k.resource }), nil
}
