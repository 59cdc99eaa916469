//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumbline/test/cluster/system"
)

// leader is the pod that holds the controller's Lease, once one does.
func (w *World) leader(ctx context.Context) (leader string, err error) {
	err = system.Await(ctx, slow, "a controller leads", func(ctx context.Context) error {
		leases, err := w.API.CoordinationV1().Leases(Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, l := range leases.Items {
			if l.Spec.HolderIdentity == nil {
				continue
			}
			pod, _, _ := strings.Cut(*l.Spec.HolderIdentity, "_") // then what tells two lives of one pod apart
			if _, err := w.API.CoreV1().Pods(Namespace).Get(ctx, pod, metav1.GetOptions{}); err == nil {
				leader = pod
				return nil
			}
		}
		return fmt.Errorf("none of %d Leases is held by a pod", len(leases.Items))
	})
	return leader, err
}

// kedaRestarted: while KEDA is away, what runs goes on; when it is back, it leaves that alone and makes the Job that is missing.
// Pictures wait all the time, more than one worker can take, so that the one that runs does not stand in for the Job.
func kedaRestarted(ctx context.Context, w *World) error {
	if err := w.load(ctx, map[string]float64{"real-1": 0.1, "real-2": 0.95}); err != nil {
		return err
	}
	fed, stop := w.feed(ctx)
	defer stop()
	if err := w.awaitWorkerOn(ctx, "real-1"); err != nil {
		return err
	}
	worker, err := w.runningWorker(ctx)
	if err != nil {
		return err
	}
	if err := w.Kill("keda"); err != nil {
		return err
	}
	if err := w.load(ctx, map[string]float64{"real-1": 0.1, "real-2": 0.5}); err != nil {
		return err
	}
	before, err := w.jobs(ctx)
	if err != nil {
		return err
	}
	away := time.Now()
	if err := w.Restart(ctx, "keda"); err != nil {
		return err
	}
	if err := w.awaitWorkerOn(ctx, "real-2"); err != nil {
		return err
	}
	w.note("KEDA's start to a worker of its own: %.1f s", time.Since(away).Seconds())
	if err := w.madeSince(ctx, before, away); err != nil {
		return err
	}
	stop()
	if err := errors.Join(fed(), w.backToZero(ctx)); err != nil {
		return err
	}
	return w.succeeded(ctx, worker)
}

// madeSince sees that a Job was made that was not there before.
func (w *World) madeSince(ctx context.Context, before []batchv1.Job, begun time.Time) error {
	jobs, err := w.jobs(ctx)
	if err != nil {
		return err
	}
	known, made := map[types.UID]bool{}, 0
	for _, j := range before {
		known[j.UID] = true
	}
	for _, j := range jobs {
		if !known[j.UID] && !j.CreationTimestamp.Time.Before(begun.Truncate(time.Second)) {
			made++
		}
	}
	if made == 0 {
		return fmt.Errorf("expected: KEDA, back since %s, made a Job; seen: the %d that were there", begun.Format(time.TimeOnly), len(before))
	}
	return nil
}

// runningWorker waits for a worker that runs.
func (w *World) runningWorker(ctx context.Context) (name string, err error) {
	err = system.Await(ctx, slow, "a worker runs", func(ctx context.Context) error {
		pods, err := w.pods(ctx)
		if err != nil {
			return err
		}
		for _, p := range pods {
			if p.Status.Phase == corev1.PodRunning && p.DeletionTimestamp == nil {
				name = p.Name
				return nil
			}
		}
		return errOngoing
	})
	return name, err
}

// succeeded says whether a pod ended in order.
func (w *World) succeeded(ctx context.Context, name string) error {
	p, err := w.API.CoreV1().Pods(Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if p.Status.Phase != corev1.PodSucceeded {
		return fmt.Errorf("the worker %s, which was running, is %s: it was not left alone", name, p.Status.Phase)
	}
	return nil
}
