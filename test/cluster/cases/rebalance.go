//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumbline/test/cluster/system"
)

// rebalanced: others come to the GPU on which a worker runs, while another node is free. The worker is asked, ends with code 0,
// and its work goes on there; no Job is deleted, which every case looks after, and no picture is lost.
func rebalanced(ctx context.Context, w *World) error {
	if err := w.load(ctx, map[string]float64{"real-1": 0.1, "real-2": 0.95}); err != nil {
		return err
	}
	fed, stop := w.trickle(ctx)
	defer stop()
	if err := w.awaitWorkerOn(ctx, "real-1"); err != nil {
		return err
	}
	worker, err := w.runningWorker(ctx)
	if err != nil {
		return err
	}
	// What comes in the first moments would be taken for the worker's own share.
	if err := w.allBut(ctx, worker, map[string]float64{"real-1": 0.1, "real-2": 0.95}); err != nil {
		return err
	}
	start := time.Now()
	if err := w.SetLoads(map[string]float64{"real-1": 0.98, "real-2": 0.1}); err != nil {
		return err
	}
	if err := w.awaitLeft(ctx, worker); err != nil {
		return err
	}
	w.note("asked and gone %.1f s after others came to its GPU, of which it was watched for %s", time.Since(start).Seconds(), rebalanceWindow)
	if err := w.awaitWorkerOn(ctx, "real-2"); err != nil {
		return err
	}
	stop()
	if err := fed(); err != nil {
		return err
	}
	return w.askedOnce(ctx, worker)
}

// trickle publishes one picture after the other, each when the one before has its row, until it is stopped: none waits, so that no
// further worker is made, and the one that is there never ends for want of work. fed is then how that went.
func (w *World) trickle(ctx context.Context) (fed func() error, stop func()) {
	stopped := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		for {
			device, err := w.publish(ctx, 1)
			if err == nil {
				_, err = w.awaitRows(ctx, slow, device, 1)
			}
			if err == nil {
				err = wait(ctx, workerIdle/3)
			}
			select {
			case <-stopped:
				ended <- err
				return
			default:
			}
			if err != nil {
				ended <- err
				return
			}
		}
	}()
	return func() error { return <-ended }, sync.OnceFunc(func() { close(stopped) })
}

// allBut waits until a worker has run for as long as loads are averaged, and the controllers know these loads with it.
func (w *World) allBut(ctx context.Context, worker string, loads map[string]float64) error {
	p, err := w.API.CoreV1().Pods(Namespace).Get(ctx, worker, metav1.GetOptions{})
	if err != nil {
		return err
	}
	return errors.Join(wait(ctx, time.Until(p.Status.StartTime.Add(2*loadWindow+4*time.Second))), w.awaitKnown(ctx, loads))
}

// awaitLeft waits until a worker has ended, and sees that it did so in order.
func (w *World) awaitLeft(ctx context.Context, worker string) error {
	return system.Await(ctx, slow, "the worker "+worker+" has ended with code 0", func(ctx context.Context) error {
		p, err := w.API.CoreV1().Pods(Namespace).Get(ctx, worker, metav1.GetOptions{})
		if err == nil && p.Status.Phase != corev1.PodSucceeded {
			err = fmt.Errorf("it is %s", p.Status.Phase)
		}
		return err
	})
}

// askedOnce sees in the Events that this worker was asked to leave, and no other.
func (w *World) askedOnce(ctx context.Context, worker string) error {
	return system.Await(ctx, slow, "an Event AskedToLeave of "+worker+" alone", func(ctx context.Context) error {
		events, err := w.API.CoreV1().Events(Namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=AskedToLeave"})
		if err != nil {
			return err
		}
		var of []string
		for _, e := range events.Items {
			of = append(of, e.InvolvedObject.Name)
		}
		if len(of) != 1 || of[0] != worker {
			return fmt.Errorf("those of %s", strings.Join(of, ", "))
		}
		return nil
	})
}

// leaveWindow is the scene's --rebalance-window.
const leaveWindow = 8 * time.Second

// oneLeaveAWindow: of two workers on a GPU that others took, one is asked in a window, though it does not go, and then the next.
func oneLeaveAWindow(ctx context.Context, s *scene) error {
	busy, free := s.nodes[0].name, s.nodes[1].name
	if err := s.load(ctx, map[string]float64{free: 0.95}); err != nil {
		return err
	}
	if err := s.begin(ctx, workload{name: "work", trigger: map[string]any{"slotsPerNode": "2", "workerLoad": "0.05"}}); err != nil {
		return err
	}
	s.hub.say(40)
	if err := errors.Join(s.awaitOnNodes(ctx, "work", busy, busy), s.claim(ctx)); err != nil {
		return err
	}
	s.hub.sayWaiting(0) // the other node's slots stay free
	if err := wait(ctx, 6*time.Second); err != nil {
		return err
	}
	if asked := s.hub.askedToLeave(); len(asked) > 0 {
		return fmt.Errorf("expected: nobody is asked to leave a GPU that others leave alone; seen: %d were", len(asked))
	}
	s.loads.set(busy, 0.98)
	s.loads.set(free, 0.1)
	err := system.Await(ctx, slow, "two workers are asked to leave", func(context.Context) error {
		if n := len(s.hub.askedToLeave()); n < 2 {
			return fmt.Errorf("%d were", n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	asked := s.hub.askedToLeave()
	between := asked[1].Sub(asked[0])
	s.note("two workers were asked to leave, one %.1f s after the other", between.Seconds())
	if between < leaveWindow {
		return fmt.Errorf("expected: one worker a node in %s; seen: the next after %s", leaveWindow, between)
	}
	return nil
}
