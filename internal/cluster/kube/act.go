package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// object is a JSON object of a patch.
type object = map[string]any

// Placing is a node that a pod or a ScaledJob is given.
type Placing struct {
	Node     string
	Decision string // the decision's id
	At       time.Time
}

func (p Placing) annotations() object {
	return object{nodeAnnotation: p.Node, decisionAnnotation: p.Decision, placedAnnotation: p.At.UTC().Format(time.RFC3339Nano)}
}

// Place gives a gated pod its node and lifts our gate, in one patch; other gates stay. The apiserver refuses it for a pod that
// another has placed meanwhile, or that is another one of the same name.
func (c *Client) Place(ctx context.Context, p Pod, to Placing) error {
	patch, err := placePatch(p, to)
	if err == nil {
		err = c.core.Patch(types.StrategicMergePatchType).Namespace(p.Namespace).Resource("pods").Name(p.Name).Body(patch).Do(ctx).Error()
	}
	if err != nil {
		return fmt.Errorf("placing pod %s on %s: %w", p.Name, to.Node, err)
	}
	return nil
}

func placePatch(p Pod, to Placing) ([]byte, error) {
	return json.Marshal(object{
		"metadata": object{"uid": p.UID, "annotations": to.annotations()},
		"spec": object{
			"schedulingGates": []object{{"$patch": "delete", "name": Gate}},
			"affinity": object{"nodeAffinity": object{"requiredDuringSchedulingIgnoredDuringExecution": object{
				"nodeSelectorTerms": pinTerms(p.affinity, to.Node),
			}}},
		},
	})
}

// Evict asks for the end of a pod that never ran, so that its Job makes a new one. A pod that is gone, or is another one of
// the same name by now, is no error.
func (c *Client) Evict(ctx context.Context, p Pod) error {
	uid := types.UID(p.UID)
	err := c.core.Post().Namespace(p.Namespace).Resource("pods").Name(p.Name).SubResource("eviction").Body(&policyv1.Eviction{
		ObjectMeta:    metav1.ObjectMeta{Name: p.Name, Namespace: p.Namespace},
		DeleteOptions: &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}},
	}).Do(ctx).Error()
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("evicting pod %s: %w", p.Name, err)
	}
	return nil
}

// Pin gives a ScaledJob's template one node, in place of the one that was named before, and makes its rollout gradual in the
// same patch: with KEDA's default any change of the specification deletes the running Jobs. The apiserver refuses it when
// the ScaledJob has changed since it was read.
func (c *Client) Pin(ctx context.Context, s ScaledJob, to Placing) error {
	patch, err := pinPatch(s, to)
	if err == nil {
		_, err = c.dynamic.Resource(scaledJobs).Namespace(s.Namespace).Patch(ctx, s.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	}
	if err != nil {
		return fmt.Errorf("patching ScaledJob %s for node %s: %w", s.Name, to.Node, err)
	}
	return nil
}

func pinPatch(s ScaledJob, to Placing) ([]byte, error) {
	free, _ := unpinned(&s.spec)
	return json.Marshal(object{
		"metadata": object{"resourceVersion": s.object.GetResourceVersion(), "annotations": to.annotations()},
		"spec": object{
			"rolloutStrategy": nil, // deprecated, and KEDA prefers it to rollout.strategy
			"rollout":         object{"strategy": "gradual"},
			"jobTargetRef": object{"template": object{"spec": object{
				"affinity": object{"nodeAffinity": object{"requiredDuringSchedulingIgnoredDuringExecution": object{
					"nodeSelectorTerms": pinTerms(requiredOf(free), to.Node),
				}}},
			}}},
		},
	})
}

// Note is what an Event says.
type Note struct {
	Warning bool
	Reason  string // one word, in camel case
	Message string
}

const maxNote = 1000 // bytes of a message; the API takes 1,024

// NotePod puts an Event on a pod, which `kubectl describe pod` shows.
func (c *Client) NotePod(ctx context.Context, p Pod, n Note) error {
	return c.note(ctx, corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: types.UID(p.UID)}, n)
}

// NoteScaledJob puts an Event on a ScaledJob.
func (c *Client) NoteScaledJob(ctx context.Context, s ScaledJob, n Note) error {
	return c.note(ctx, corev1.ObjectReference{
		APIVersion: scaledJobs.GroupVersion().String(), Kind: "ScaledJob", Namespace: s.Namespace, Name: s.Name, UID: s.object.GetUID(),
	}, n)
}

func (c *Client) note(ctx context.Context, about corev1.ObjectReference, n Note) error {
	now, kind, message := metav1.Now(), corev1.EventTypeNormal, n.Message
	if n.Warning {
		kind = corev1.EventTypeWarning
	}
	if len(message) > maxNote {
		message = message[:maxNote] + "…"
	}
	err := c.core.Post().Namespace(about.Namespace).Resource("events").Body(&corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: fmt.Sprintf("%s.%x", about.Name, now.UnixNano()), Namespace: about.Namespace},
		InvolvedObject: about, Reason: n.Reason, Message: message, Type: kind, Count: 1, FirstTimestamp: now, LastTimestamp: now,
		Source: corev1.EventSource{Component: "plumbline"}, ReportingController: "plumbline/control",
	}).Do(ctx).Error()
	if err != nil {
		return fmt.Errorf("writing an Event on %s %s: %w", about.Kind, about.Name, err)
	}
	return nil
}
