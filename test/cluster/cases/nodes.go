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

// errOngoing lets a wait go on.
var errOngoing = errors.New("it goes on")

// quiet is how long is looked whether something happens that must not: several of KEDA's polls and of Prometheus' scrapes.
const quiet = 6 * time.Second

// nothingHappens watches that for a while there is no row of the device and no running worker.
func (w *World) nothingHappens(ctx context.Context, device string) error {
	var broken error
	err := system.Await(ctx, quiet, "", func(ctx context.Context) error {
		by, err := w.rows(device)
		if err == nil && len(by) > 0 {
			broken = fmt.Errorf("it was processed by %v", by)
			return nil
		}
		pods, err := w.pods(ctx)
		for _, p := range pods {
			if err == nil && p.Spec.NodeName != "" && p.Status.Phase != "Succeeded" && p.Status.Phase != "Failed" {
				broken = fmt.Errorf("the worker %s was placed on %s", p.Name, p.Spec.NodeName)
				return nil
			}
		}
		return errOngoing
	})
	if broken != nil {
		return broken
	}
	if ctx.Err() != nil {
		return err
	}
	return nil
}

// waitsUntil publishes a picture when no node may take it, sees that nothing happens, mends what was wrong, and sees that the
// node which is fit then processes it.
func (w *World) waitsUntil(ctx context.Context, node string, mend func() error) error {
	device, err := w.publish(ctx, 1)
	if err != nil {
		return err
	}
	if err := w.nothingHappens(ctx, device); err != nil {
		return err
	}
	return w.mended(ctx, device, node, mend)
}

// mended mends what was wrong, and sees that the node which is fit then processes what waits.
func (w *World) mended(ctx context.Context, device, node string, mend func() error) error {
	if err := mend(); err != nil {
		return err
	}
	start := time.Now()
	by, err := w.awaitRows(ctx, slow, device, 1)
	if err != nil {
		return err
	}
	w.note("a node fit again to row: %.1f s", time.Since(start).Seconds())
	if by[node] != 1 {
		return fmt.Errorf("processed by %v, not by %s", by, node)
	}
	return nil
}

// allBusy: over the threshold nothing starts.
func allBusy(ctx context.Context, w *World) error {
	if err := w.load(ctx, map[string]float64{"real-1": 0.95, "real-2": 0.95}); err != nil {
		return err
	}
	return w.waitsUntil(ctx, "real-2", func() error { return w.SetLoad("real-2", 0.3) })
}

// unknown: a node without a sample is unknown, and so is one whose samples were measured long ago, though Prometheus still has
// them. Unknown is never idle.
func unknown(ctx context.Context, w *World) error {
	if err := errors.Join(w.HideLoad("real-1"), w.HideLoad("real-2")); err != nil {
		return err
	}
	if err := w.allKnown(ctx, -1); err != nil {
		return err
	}
	device, err := w.publish(ctx, 1)
	if err != nil {
		return err
	}
	if err := w.nothingHappens(ctx, device); err != nil {
		return fmt.Errorf("without samples: %w", err)
	}
	old := time.Now().Add(-10 * time.Minute)
	for _, node := range w.Nodes {
		w.loads.set(node, 0)
		w.loads.freeze(node, old)
	}
	if err := w.nothingHappens(ctx, device); err != nil {
		return fmt.Errorf("with old samples: %w", err)
	}
	return w.mended(ctx, device, "real-2", func() error { w.loads.set("real-2", 0); return nil })
}

// cordoned: the less busy node takes no pods.
func cordoned(ctx context.Context, w *World) error {
	if err := errors.Join(w.load(ctx, map[string]float64{"real-1": 0.6, "real-2": 0.2}), w.cordon(ctx, "real-2", true)); err != nil {
		return err
	}
	return w.oneBy(ctx, "real-1")
}

// killed: a node dies with work in hand; another takes over, and the dead one's captures come back.
func killed(ctx context.Context, w *World) (err error) {
	victim, other, err := w.expendable(ctx)
	if err != nil {
		return err
	}
	if err := w.load(ctx, map[string]float64{victim: 0.1, other: 0.95}); err != nil {
		return err
	}
	const pictures = 120
	device, err := w.publish(ctx, pictures)
	if err != nil {
		return err
	}
	err = system.Await(ctx, slow, "a worker has begun", func(context.Context) error {
		if by, err := w.rows(device); err != nil || sum(by) == 0 {
			return errors.Join(errors.New("there are no rows yet"), err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := w.Kill(victim); err != nil {
		return err
	}
	died := time.Now()
	defer func() { err = errors.Join(err, w.revive(context.WithoutCancel(ctx), victim)) }()
	if err := w.SetLoad(other, 0.3); err != nil {
		return err
	}
	by, err := w.awaitRows(ctx, 3*slow, device, pictures)
	if err != nil {
		return err
	}
	w.note("all rows %.1f s after the death of %s: %v", time.Since(died).Seconds(), victim, by)
	return nil
}

// revive starts a node again, as a machine that was switched on again: what its pods had is gone.
func (w *World) revive(ctx context.Context, node string) error {
	if err := w.StartNode(ctx, node); err != nil {
		return err
	}
	if err := w.SetLoad(node, 0.1); err != nil {
		return err
	}
	return w.awaitInstalled(ctx)
}

// expendable is a node without the hub on it, whose data are on its node, and the other one.
func (w *World) expendable(ctx context.Context) (victim, other string, err error) {
	pods, err := w.API.CoreV1().Pods(Namespace).List(ctx, metav1.ListOptions{LabelSelector: hubLabel})
	if err != nil {
		return "", "", err
	}
	for _, p := range pods.Items {
		if p.Spec.NodeName == w.Nodes[0] {
			return w.Nodes[1], w.Nodes[0], nil
		}
	}
	return w.Nodes[0], w.Nodes[1], nil
}

func (w *World) cordon(ctx context.Context, node string, cordoned bool) error {
	_, err := w.API.CoreV1().Nodes().Patch(ctx, node, types.MergePatchType, fmt.Appendf(nil, `{"spec":{"unschedulable":%v}}`, cordoned), metav1.PatchOptions{})
	return err
}
