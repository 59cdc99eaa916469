//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumbline/test/cluster/system"
)

// polls is how many of KEDA's are watched, one a second.
const polls = 100

// ownLoad: one worker of ours pushes its node over the threshold while pictures wait and a second node comes free: that is used;
// and with both over it, nothing more is made in a hundred of KEDA's polls.
func ownLoad(ctx context.Context, w *World) error {
	if err := w.load(ctx, map[string]float64{"real-1": 0.1, "real-2": 0.95}); err != nil {
		return err
	}
	watched := w.watchJobs(ctx)
	fed, stop := w.feed(ctx)
	defer stop()
	if err := w.awaitWorkerOn(ctx, "real-1"); err != nil {
		return err
	}
	start := time.Now()
	if err := w.SetLoads(map[string]float64{"real-1": 0.95, "real-2": 0.5}); err != nil {
		return err
	}
	if err := w.awaitWorkerOn(ctx, "real-2"); err != nil {
		return err
	}
	w.note("the second node is used %.1f s after the loads changed", time.Since(start).Seconds())
	if err := errors.Join(w.load(ctx, map[string]float64{"real-2": 0.95}), wait(ctx, polls*time.Second)); err != nil {
		return err
	}
	stop()
	if err := fed(); err != nil {
		return err
	}
	if most, made := watched(); made > 2 {
		return fmt.Errorf("%d Jobs were made, at most %d at a time: more than the two that had a node", made, most)
	}
	return nil
}

// feed keeps pictures waiting until it is stopped; fed is then how that went.
func (w *World) feed(ctx context.Context) (fed func() error, stop func()) {
	ctx, stop = context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- system.Await(ctx, time.Hour, "", func(ctx context.Context) error {
			waiting, err := w.waiting(ctx)
			if err == nil && waiting < 60 {
				_, err = w.publish(ctx, 20)
			}
			return errors.Join(errOngoing, err)
		})
	}()
	return func() error {
		if err := <-ended; !errors.Is(err, errOngoing) {
			return err
		}
		return nil
	}, stop
}

// awaitWorkerOn waits until a worker runs on the node.
func (w *World) awaitWorkerOn(ctx context.Context, node string) error {
	return system.Await(ctx, slow, "a worker runs on "+node, func(ctx context.Context) error {
		pods, err := w.pods(ctx)
		if err != nil {
			return err
		}
		for _, p := range pods {
			if p.Spec.NodeName == node && p.Status.Phase == "Running" {
				return nil
			}
		}
		return errOngoing
	})
}

// scalerAway: no controller answers for three quarters of a minute; KEDA finds it again by gRPC's back-off.
func scalerAway(ctx context.Context, w *World) error {
	if err := w.controllers(ctx, 0); err != nil {
		return err
	}
	away := wait(ctx, 45*time.Second)
	if err := errors.Join(away, w.controllers(ctx, 2), w.awaitInstalled(ctx)); err != nil {
		return err
	}
	start := time.Now()
	device, err := w.publish(ctx, 1)
	if err != nil {
		return err
	}
	if _, err := w.awaitRows(ctx, 2*time.Minute, device, 1); err != nil {
		return err
	}
	w.note("controllers back to row: %.1f s", time.Since(start).Seconds())
	return nil
}

// controllers sets how many there are, and waits for none when there shall be none.
func (w *World) controllers(ctx context.Context, n int) error {
	_, err := w.API.AppsV1().Deployments(Namespace).Patch(ctx, controller, types.MergePatchType, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, n), metav1.PatchOptions{})
	if err != nil || n > 0 {
		return err
	}
	return system.Await(ctx, slow, "the controllers are gone", func(ctx context.Context) error {
		pods, err := w.API.CoreV1().Pods(Namespace).List(ctx, metav1.ListOptions{LabelSelector: controllerLabel})
		if err == nil && len(pods.Items) > 0 {
			return fmt.Errorf("%d are left", len(pods.Items))
		}
		return err
	})
}
