//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumbline/test/cluster/system"
)

// lostBeforeBinding: a pod is placed, and its node goes before a scheduler has bound it. The pod is evicted, its Job makes another,
// which is placed elsewhere. The scheduler of these pods is the case itself, so that it is late for certain.
func lostBeforeBinding(ctx context.Context, s *scene) error {
	first, second := s.nodes[0].name, s.nodes[1].name
	if err := s.load(ctx, map[string]float64{second: 0.5}); err != nil {
		return err
	}
	if err := s.begin(ctx, workload{name: "work", scheduler: "nobody"}); err != nil {
		return err
	}
	s.hub.say(1)
	lost, err := s.awaitPlaced(ctx, first)
	if err != nil {
		return err
	}
	if err := s.API.CoreV1().Nodes().Delete(ctx, first, metav1.DeleteOptions{}); err != nil {
		return err
	}
	start := time.Now()
	again, err := s.awaitPlaced(ctx, second)
	if err != nil {
		return err
	}
	s.note("placed on another node %.1f s after the first was gone", time.Since(start).Seconds())
	if again.UID == lost.UID || again.Labels["batch.kubernetes.io/job-name"] != lost.Labels["batch.kubernetes.io/job-name"] {
		return fmt.Errorf("expected: another pod of the Job of %s; seen: %s", lost.Name, again.Name)
	}
	binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: again.Name, Namespace: again.Namespace}, Target: corev1.ObjectReference{Kind: "Node", Name: second}}
	if err := s.API.CoreV1().Pods(again.Namespace).Bind(ctx, binding, metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := s.awaitOnNodes(ctx, "work", second); err != nil {
		return err
	}
	return errors.Join(s.evicted(lost.Name), s.saidWhy(ctx, lost.Name))
}

// awaitPlaced waits for a pod that was given the node and that nobody has bound.
func (s *scene) awaitPlaced(ctx context.Context, node string) (pod corev1.Pod, err error) {
	err = system.Await(ctx, slow, "a pod is placed on "+node+" and not bound", func(ctx context.Context) error {
		pods, err := s.podsOf(ctx, "work")
		if err != nil {
			return err
		}
		i := slices.IndexFunc(pods, func(p corev1.Pod) bool {
			return len(p.Spec.SchedulingGates) == 0 && p.Annotations["plumbline/node"] == node && p.Spec.NodeName == "" && p.DeletionTimestamp == nil
		})
		if i < 0 {
			return fmt.Errorf("none of %d pods is", len(pods))
		}
		pod = pods[i]
		return nil
	})
	return pod, err
}

// saidWhy sees that an Event gives the node's end as the reason, and not that nobody bound the pod for long.
func (s *scene) saidWhy(ctx context.Context, pod string) error {
	return system.Await(ctx, slow, "an Event EvictedUnbound of "+pod+": its node is gone", func(ctx context.Context) error {
		events, err := s.API.CoreV1().Events(s.namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=EvictedUnbound,involvedObject.name=" + pod})
		if err != nil {
			return err
		}
		var messages []string
		for _, e := range events.Items {
			messages = append(messages, e.Message)
		}
		if len(messages) != 1 || !strings.Contains(messages[0], "is gone") {
			return fmt.Errorf("%q", messages)
		}
		return nil
	})
}

// evicted sees in the audit log that the controller evicted this pod, and deleted none.
func (s *scene) evicted(pod string) error {
	acts, err := s.acts()
	if err != nil {
		return err
	}
	var ours []string
	found := false
	for _, a := range acts {
		if a.by(s.namespace) && a.Response.Code < 300 && a.Object.Resource == "pods" && a.Verb != "get" && a.Verb != "list" && a.Verb != "watch" {
			ours = append(ours, a.String())
			found = found || a.Verb == "create" && a.Object.Subresource == "eviction" && a.name() == pod
			if a.Verb == "delete" || a.Verb == "deletecollection" {
				return fmt.Errorf("what must never happen was done: %s", a)
			}
		}
	}
	if !found {
		return fmt.Errorf("expected: %s was evicted; seen: %v", pod, ours)
	}
	return nil
}
