//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumbline/test/cluster/system"
)

// workload is a ScaledJob of a scene. Its pods run for ever.
type workload struct {
	name           string
	strategy       map[string]any
	least          int64          // minReplicaCount
	trigger        map[string]any // further metadata, over scalerAddress
	authentication string         // a TriggerAuthentication
	part           string         // only nodes of this part
	scheduler      string         // whose pods they are; empty: the cluster's
}

// begin makes a ScaledJob.
func (s *scene) begin(ctx context.Context, w workload) error {
	trigger := map[string]any{"type": "external", "metadata": map[string]any{"scalerAddress": s.asks}}
	for key, value := range w.trigger {
		trigger["metadata"].(map[string]any)[key] = value
	}
	if w.authentication != "" {
		trigger["authenticationRef"] = map[string]any{"name": w.authentication}
	}
	nodes := map[string]any{"scene": s.namespace}
	if w.part != "" {
		nodes["part"] = w.part
	}
	pod := map[string]any{"restartPolicy": "Never", "automountServiceAccountToken": false, "nodeSelector": nodes, "tolerations": []any{map[string]any{"key": apart.Key, "operator": "Exists"}}, "containers": []any{map[string]any{"name": "work", "image": "none"}}}
	if s.placement == "gate" {
		pod["schedulingGates"] = []any{map[string]any{"name": "plumbline/placement"}}
	}
	if w.scheduler != "" {
		pod["schedulerName"] = w.scheduler
	}
	if w.strategy == nil {
		w.strategy = map[string]any{}
	}
	return s.ApplyObject(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledJob", "metadata": map[string]any{"name": w.name, "namespace": s.namespace},
		"spec": map[string]any{
			"pollingInterval": int64(1), "minReplicaCount": w.least, "maxReplicaCount": int64(20), "scalingStrategy": w.strategy,
			"rollout": map[string]any{"strategy": "gradual"}, "triggers": []any{trigger},
			"jobTargetRef": map[string]any{"backoffLimit": int64(6), "template": map[string]any{"spec": pod}},
		},
	}})
}

func (s *scene) jobsOf(ctx context.Context, name string) ([]batchv1.Job, error) {
	list, err := s.API.BatchV1().Jobs(s.namespace).List(ctx, metav1.ListOptions{LabelSelector: ownedBy(name)})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

func (s *scene) podsOf(ctx context.Context, name string) ([]corev1.Pod, error) {
	list, err := s.API.CoreV1().Pods(s.namespace).List(ctx, metav1.ListOptions{LabelSelector: ownedBy(name)})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// awaitJobs waits for so many Jobs, all of them with a running pod; more are too many at once.
func (s *scene) awaitJobs(ctx context.Context, name string, n int) error {
	var tooMany error
	err := system.Await(ctx, slow, fmt.Sprintf("%d Jobs of %s with running pods", n, name), func(ctx context.Context) error {
		jobs, err := s.jobsOf(ctx, name)
		if err != nil {
			return err
		}
		if len(jobs) > n {
			tooMany = fmt.Errorf("expected: %d Jobs of %s; seen: %d", n, name, len(jobs))
			return nil
		}
		running, err := s.nodesOf(ctx, name)
		if err == nil && (len(jobs) < n || len(running) < n) {
			err = fmt.Errorf("%d Jobs, %d pods run", len(jobs), len(running))
		}
		return err
	})
	return errors.Join(tooMany, err)
}

// nodesOf are those on which a ScaledJob's pods run, sorted.
func (s *scene) nodesOf(ctx context.Context, name string) ([]string, error) {
	pods, err := s.podsOf(ctx, name)
	var nodes []string
	for _, p := range pods {
		if p.Status.Phase == corev1.PodRunning {
			nodes = append(nodes, p.Spec.NodeName)
		}
	}
	slices.Sort(nodes)
	return nodes, err
}

// awaitOnNodes waits until as many Jobs of a ScaledJob run as nodes are named, and sees that they run there.
func (s *scene) awaitOnNodes(ctx context.Context, name string, wanted ...string) error {
	if err := s.awaitJobs(ctx, name, len(wanted)); err != nil {
		return err
	}
	nodes, err := s.nodesOf(ctx, name)
	slices.Sort(wanted)
	if err == nil && !slices.Equal(nodes, wanted) {
		err = fmt.Errorf("expected: the Jobs of %s run on %v; seen: on %v", name, wanted, nodes)
	}
	return err
}

// exactly complains unless there are so many Jobs.
func (s *scene) exactly(ctx context.Context, name string, n int) error {
	jobs, err := s.jobsOf(ctx, name)
	if err == nil && len(jobs) != n {
		return fmt.Errorf("expected: %d Jobs of %s; seen: %d", n, name, len(jobs))
	}
	return err
}

// remains watches that a ScaledJob has so many Jobs throughout so many of KEDA's polls.
func (s *scene) remains(ctx context.Context, name string, n, polls int) error {
	begun, err := s.answers(ctx, 0, name)
	if err != nil {
		return err
	}
	var wrong error
	err = system.Await(ctx, slow+2*time.Duration(polls)*time.Second, fmt.Sprintf("%d more polls for %s", polls, name), func(ctx context.Context) error {
		if wrong = s.exactly(ctx, name, n); wrong != nil {
			return nil
		}
		now, err := s.answers(ctx, 0, name)
		if err == nil && now < begun+float64(polls) {
			err = fmt.Errorf("%.0f polls", now-begun)
		}
		return err
	})
	return errors.Join(wrong, err)
}

// claim lets the hub know the pods of all ScaledJobs as workers that have begun.
func (s *scene) claim(ctx context.Context) error {
	pods, err := s.API.CoreV1().Pods(s.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var names []string
	for _, p := range pods.Items {
		names = append(names, p.Name)
	}
	s.hub.claimed(names)
	return nil
}
