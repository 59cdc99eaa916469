//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumbline/test/cluster/system"
)

// tooManyJobs: more Jobs than pictures, as KEDA itself makes them now and then. The extra ones get their turn on a node, find
// nothing to do and end well; no picture is analysed twice.
func tooManyJobs(ctx context.Context, w *World) error {
	const pictures, jobs = 2, 4
	before, err := w.repeated(ctx)
	if err != nil {
		return err
	}
	made, err := w.makeJobs(ctx, jobs)
	if err != nil {
		return err
	}
	device, err := w.publish(ctx, pictures)
	if err != nil {
		return err
	}
	if _, err := w.awaitRows(ctx, slow, device, pictures); err != nil {
		return err
	}
	if err := w.backToZero(ctx); err != nil {
		return err
	}
	for _, name := range made {
		if err := w.endedWell(ctx, name); err != nil {
			return err
		}
	}
	after, err := w.repeated(ctx)
	if err == nil && after != before {
		err = fmt.Errorf("expected: no picture is analysed twice; seen: %d results that had a row already", after-before)
	}
	_, wrong := w.awaitRows(ctx, slow, device, pictures)
	return errors.Join(err, wrong)
}

// makeJobs makes Jobs from the ScaledJob's template, as KEDA does, and gives their names.
func (w *World) makeJobs(ctx context.Context, n int) (names []string, err error) {
	scaledJobs := w.Objects.Resource(schema.GroupVersionResource{Group: "keda.sh", Version: "v1alpha1", Resource: "scaledjobs"}).Namespace(Namespace)
	s, err := scaledJobs.Get(ctx, scaledJob, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	spec, _, err := unstructured.NestedMap(s.Object, "spec", "jobTargetRef")
	if err != nil {
		return nil, err
	}
	if err := unstructured.SetNestedField(spec, scaledJob, "template", "metadata", "labels", "scaledjob.keda.sh/name"); err != nil {
		return nil, err
	}
	for range n {
		name := fmt.Sprintf("%s-extra-%d", scaledJob, w.devices.Add(1))
		labels := map[string]any{"scaledjob.keda.sh/name": scaledJob, "app.kubernetes.io/managed-by": "keda-operator"}
		job := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "batch/v1", "kind": "Job",
			"metadata": map[string]any{"name": name, "namespace": Namespace, "labels": labels}, "spec": spec}}
		if err := w.ApplyObject(ctx, job); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// podOf is the name of the pod that a Job has made, once it has.
func (w *World) podOf(ctx context.Context, job string) (name string, err error) {
	err = system.Await(ctx, slow, "the Job "+job+" makes its pod", func(ctx context.Context) error {
		pods, err := w.API.CoreV1().Pods(Namespace).List(ctx, metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=" + job})
		if err == nil && len(pods.Items) != 1 {
			err = fmt.Errorf("%d pods", len(pods.Items))
		}
		if err == nil {
			name = pods.Items[0].Name
		}
		return err
	})
	return name, err
}

// endedWell sees that a Job is complete, by one pod that ended with code 0.
func (w *World) endedWell(ctx context.Context, job string) error {
	name, err := w.podOf(ctx, job)
	if err != nil {
		return err
	}
	p, err := w.API.CoreV1().Pods(Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, c := range p.Status.ContainerStatuses {
		if c.State.Terminated == nil || c.State.Terminated.ExitCode != 0 || c.RestartCount > 0 {
			return fmt.Errorf("expected: %s ended with code 0; seen: %+v", name, c.State)
		}
	}
	j, err := w.API.BatchV1().Jobs(Namespace).Get(ctx, job, metav1.GetOptions{})
	if err == nil && (p.Status.Phase != corev1.PodSucceeded || unfinished([]batchv1.Job{*j}) > 0 || j.Status.Succeeded != 1) {
		err = fmt.Errorf("expected: the Job %s is complete; seen: %+v, its pod %s", job, j.Status, p.Status.Phase)
	}
	return err
}

// repeated is how many results came to the hub whose pictures had rows already.
func (w *World) repeated(ctx context.Context) (int, error) {
	text, err := w.askHub(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, is := strings.CutPrefix(line, "plumbline_record_repeated_total "); is {
			return strconv.Atoi(strings.TrimSpace(value))
		}
	}
	return 0, errors.New("the hub does not count results that had a row already")
}

// placedText is what an Event says of the node that was chosen, as a regular expression: load in per cent, age, and what came next.
func placedText(node, percent, next string) string {
	return fmt.Sprintf(`^%s: GPU at %s %%, measured \S+ ago.*; %s.* \(decision \S+\)$`, node, percent, next)
}

// said waits for an Event of a pod whose message is like this.
func (w *World) said(ctx context.Context, pod, reason, message string) error {
	like, err := regexp.Compile(message)
	if err != nil {
		return err
	}
	return system.Await(ctx, slow, fmt.Sprintf("an Event %s of %s like %q", reason, pod, message), func(ctx context.Context) error {
		events, err := w.API.CoreV1().Events(Namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=" + reason + ",involvedObject.name=" + pod})
		if err != nil {
			return err
		}
		var messages []string
		for _, e := range events.Items {
			if like.MatchString(e.Message) {
				return nil
			}
			messages = append(messages, e.Message)
		}
		return fmt.Errorf("%q", messages)
	})
}
