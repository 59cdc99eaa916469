//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"plumbline/test/cluster/system"
)

// polls is how many of KEDA's are watched, one a second.
const polls = 100

// ownLoad: one worker of ours pushes its node over the threshold while pictures wait and a second node comes free: that is used;
// and with both over it, nothing more is made. A hundred polls of that are hundredPolls.
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
	if err := errors.Join(w.load(ctx, map[string]float64{"real-2": 0.95}), wait(ctx, quiet)); err != nil {
		return err
	}
	stop()
	if err := fed(); err != nil {
		return err
	}
	if most, made := watched(); made > 2 {
		return fmt.Errorf("expected: the two Jobs that had a node; seen: %d, at most %d at a time", made, most)
	}
	return nil
}

// feed keeps pictures waiting until it is stopped; fed is then how that went.
func (w *World) feed(ctx context.Context) (fed func() error, stop func()) {
	ctx, stop = context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- system.Await(ctx, time.Hour, "", func(ctx context.Context) error {
			q, err := w.queue(ctx)
			if err == nil && q.Waiting < 60 {
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
		var seen []string
		for _, p := range pods {
			if p.Spec.NodeName == node && p.Status.Phase == corev1.PodRunning {
				return nil
			}
			seen = append(seen, fmt.Sprintf("%s on %q %s", p.Name, p.Spec.NodeName, p.Status.Phase))
		}
		return fmt.Errorf("%d workers: %s", len(seen), strings.Join(seen, ", "))
	})
}
