//go:build linux

package cases

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumbline/test/cluster/system"
)

// controllerKilled: the controller that leads dies at once; the other replica goes on.
func controllerKilled(ctx context.Context, w *World) error {
	leader, err := w.leader(ctx)
	if err != nil {
		return err
	}
	if err := w.API.CoreV1().Pods(Namespace).Delete(ctx, leader, metav1.DeleteOptions{GracePeriodSeconds: new(int64)}); err != nil {
		return err
	}
	start := time.Now()
	device, err := w.publish(ctx, 1)
	if err != nil {
		return err
	}
	if _, err := w.awaitRows(ctx, slow, device, 1); err != nil {
		return err
	}
	w.note("the leader's death to row: %.1f s", time.Since(start).Seconds())
	return w.awaitInstalled(ctx)
}

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

// kedaRestarted: while KEDA is away, what runs goes on; when it is back, what came meanwhile is worked off.
func kedaRestarted(ctx context.Context, w *World) error {
	if err := w.load(ctx, map[string]float64{"real-1": 0.1, "real-2": 0.95}); err != nil {
		return err
	}
	device, err := w.publish(ctx, 60)
	if err != nil {
		return err
	}
	worker, err := w.runningWorker(ctx)
	if err != nil {
		return err
	}
	if err := w.Kill("keda"); err != nil {
		return err
	}
	second, err := w.publish(ctx, 1)
	if err != nil {
		return err
	}
	if err := w.Restart(ctx, "keda"); err != nil {
		return err
	}
	if _, err := w.awaitRows(ctx, 2*slow, device, 60); err != nil {
		return err
	}
	if _, err := w.awaitRows(ctx, slow, second, 1); err != nil {
		return err
	}
	if err := w.backToZero(ctx); err != nil {
		return err
	}
	return w.succeeded(ctx, worker)
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
