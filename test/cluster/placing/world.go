//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"plumbline/internal/cluster/kube"
)

const (
	namespace = "placing"
	scaledJob = "placing" // there is none; its label is enough
	patience  = 90 * time.Second
)

func reportOf(identity string) string {
	return filepath.Join(os.Getenv("CLUSTER_LOGS"), "placing-"+identity+".requests")
}

// world is the cluster, and what a try has put there.
type world struct {
	api         kubernetes.Interface
	notes       []string
	controllers map[string]*exec.Cmd
	created     []string
}

func (w *world) note(format string, values ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, values...))
}

// try begins and ends with an empty namespace and no nodes.
func (w *world) try(ctx context.Context, t try) error {
	w.notes, w.controllers, w.created = nil, map[string]*exec.Cmd{}, nil
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if _, err := w.api.CoreV1().Namespaces().Create(ctx, space, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	err := await(ctx, "the namespace has its ServiceAccount", func(ctx context.Context) error {
		_, err := w.api.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
	if err == nil {
		err = t.run(ctx, w)
	}
	return errors.Join(err, w.clear(context.WithoutCancel(ctx)))
}

func (w *world) clear(ctx context.Context) error {
	for name := range w.controllers {
		w.end(name, syscall.SIGTERM)
	}
	background := metav1.DeletePropagationBackground
	everything := metav1.ListOptions{}
	errs := []error{
		w.api.BatchV1().Jobs(namespace).DeleteCollection(ctx, metav1.DeleteOptions{PropagationPolicy: &background}, everything),
		w.api.CoreV1().Pods(namespace).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: new(int64)}, everything),
		w.api.CoreV1().Events(namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, everything),
	}
	for _, n := range w.created {
		if err := w.api.CoreV1().Nodes().Delete(ctx, n, metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, await(ctx, "pods are gone", func(ctx context.Context) error {
		pods, err := w.pods(ctx)
		if err == nil && len(pods) > 0 {
			err = fmt.Errorf("%d are left", len(pods))
		}
		return err
	}))...)
}

// nodes adds nodes of KWOK's and waits until they are ready.
func (w *world) nodes(ctx context.Context, names ...string) error {
	capacity := corev1.ResourceList{"cpu": resource.MustParse("8"), "memory": resource.MustParse("16Gi"), "pods": resource.MustParse("110")}
	for _, name := range names {
		_, err := w.api.CoreV1().Nodes().Create(ctx, &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{
				Name: name, Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"}, Labels: map[string]string{corev1.LabelHostname: name, "placing": "yes"},
			},
			Status: corev1.NodeStatus{Capacity: capacity, Allocatable: capacity},
		}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		w.created = append(w.created, name)
	}
	return await(ctx, "nodes are ready", func(ctx context.Context) error {
		all, err := w.api.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: "placing=yes"})
		if err != nil {
			return err
		}
		ready := 0
		for _, n := range all.Items {
			if slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
				return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
			}) &&
				!slices.ContainsFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeNotReady }) {
				ready++
			}
		}
		if ready < len(w.created) {
			return fmt.Errorf("%d of %d", ready, len(w.created))
		}
		return nil
	})
}

// job makes a Job as KEDA would of a ScaledJob whose pods are born gated.
func (w *world) job(ctx context.Context, name string, change ...func(*corev1.PodSpec)) error {
	labels := map[string]string{"scaledjob.keda.sh/name": scaledJob}
	seconds := int64(30)
	spec := corev1.PodSpec{
		RestartPolicy:   corev1.RestartPolicyNever,
		SchedulingGates: []corev1.PodSchedulingGate{{Name: kube.Gate}},
		Containers:      []corev1.Container{{Name: "c", Image: "none.local/none:1"}},
		Tolerations: []corev1.Toleration{
			{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds},
			{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds},
		},
	}
	for _, c := range change {
		c(&spec)
	}
	_, err := w.api.BatchV1().Jobs(namespace).Create(ctx, &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: batchv1.JobSpec{
			BackoffLimit: new(int32(6)),
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{"cluster-test/runs-for": "10m"}}, Spec: spec,
			},
		},
	}, metav1.CreateOptions{})
	return err
}

func (w *world) pods(ctx context.Context) ([]corev1.Pod, error) {
	all, err := w.api.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return nil, err
	}
	return all.Items, nil
}

// bound waits until each of the Jobs has a pod that is bound, and tells the nodes by Job.
func (w *world) bound(ctx context.Context, jobs ...string) (map[string]string, error) {
	var nodes map[string]string
	err := await(ctx, "pods are bound", func(ctx context.Context) error {
		pods, err := w.pods(ctx)
		if err != nil {
			return err
		}
		nodes = map[string]string{}
		for _, p := range pods {
			if p.DeletionTimestamp == nil && p.Spec.NodeName != "" {
				nodes[p.Labels["job-name"]] = p.Spec.NodeName
			}
		}
		for _, j := range jobs {
			if nodes[j] == "" {
				return fmt.Errorf("%s is not: %s", j, w.why(ctx))
			}
		}
		return nil
	})
	return nodes, err
}

// why gives the last Events.
func (w *world) why(ctx context.Context) string {
	events, err := w.api.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err.Error()
	}
	var lines []string
	for _, e := range events.Items {
		lines = append(lines, e.Reason+": "+e.Message)
	}
	return strings.Join(lines[max(0, len(lines)-5):], "; ")
}

// control starts a controller in a process of its own. Unless told otherwise it waits as long as the real one.
func (w *world) control(identity string, bindWithin ...time.Duration) error {
	log, err := os.OpenFile(filepath.Join(os.Getenv("CLUSTER_LOGS"), "placing-"+identity+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c := exec.Command(self, controllerStage, identity, append(bindWithin, 30*time.Second)[0].String())
	c.Stderr = log
	w.controllers[identity] = c
	return c.Start()
}

// end ends a controller and waits for it.
func (w *world) end(identity string, signal syscall.Signal) {
	c := w.controllers[identity]
	delete(w.controllers, identity)
	_ = c.Process.Signal(signal)
	_ = c.Wait()
}

func await(ctx context.Context, what string, holds func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := holds(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: not within %s: %w", what, patience, err)
		}
	}
}
