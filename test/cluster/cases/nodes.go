//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumbline/test/cluster/system"
)

// errOngoing lets a wait go on.
var errOngoing = errors.New("it goes on")

// quiet is how long is looked whether something happens that must not: several of KEDA's polls and of Prometheus' scrapes.
const quiet = 6 * time.Second

// nothingHappens watches that for a while there is no row of the device, no worker with a node, and no Job but these.
func (w *World) nothingHappens(ctx context.Context, device string, jobs ...string) error {
	var broken error
	err := system.Await(ctx, quiet, "", func(ctx context.Context) error {
		var wrong error
		if broken, wrong = w.happened(ctx, device, jobs); broken != nil {
			return nil
		}
		return errors.Join(errOngoing, wrong)
	})
	if broken == nil && !errors.Is(err, errOngoing) || ctx.Err() != nil {
		return err
	}
	return broken
}

// happened tells what must not be, and what hindered it from looking.
func (w *World) happened(ctx context.Context, device string, known []string) (broken, err error) {
	by, err := w.rows(device)
	if err != nil {
		return nil, err
	}
	if len(by) > 0 {
		return fmt.Errorf("it was processed by %v", by), nil
	}
	jobs, err := w.jobs(ctx)
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		if unfinished([]batchv1.Job{j}) > 0 && !slices.Contains(known, j.Name) {
			return fmt.Errorf("the Job %s was made, though no node may take it", j.Name), nil
		}
	}
	pods, err := w.pods(ctx)
	for _, p := range pods {
		if p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed && (p.Spec.NodeName != "" || len(p.Spec.SchedulingGates) == 0) {
			return fmt.Errorf("the worker %s was placed on %q", p.Name, p.Spec.NodeName), nil
		}
	}
	return nil, err
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

// allBusy: over the threshold nothing starts: KEDA makes no Job, and a pod that is there stays gated and is told why, until a node
// is fit.
func allBusy(ctx context.Context, w *World) error {
	if err := w.load(ctx, map[string]float64{"real-1": 0.95, "real-2": 0.95}); err != nil {
		return err
	}
	device, err := w.publish(ctx, 1)
	if err != nil {
		return err
	}
	made, err := w.makeJobs(ctx, 1)
	if err != nil {
		return err
	}
	if err := w.nothingHappens(ctx, device, made...); err != nil {
		return err
	}
	pod, err := w.podOf(ctx, made[0])
	if err != nil {
		return err
	}
	if err := w.said(ctx, pod, "StaysGated", `2 gpu-busy.*real-[12]: GPU at 95 %, threshold 80 %`); err != nil {
		return err
	}
	if err := w.mended(ctx, device, "real-2", func() error { return w.SetLoad("real-2", 0.3) }); err != nil {
		return err
	}
	return w.said(ctx, pod, "Placed", placedText("real-2", `\d+`, "no other node is fit"))
}

// unknown: a node without a sample is unknown, and so is one whose samples were measured long ago, though Prometheus still has
// them. Unknown is never idle.
func unknown(ctx context.Context, w *World) error {
	if err := errors.Join(w.HideLoad("real-1"), w.HideLoad("real-2")); err != nil {
		return err
	}
	hidden := time.Now()
	if err := w.awaitOld(ctx, time.Time{}); err != nil { // the last ones
		return err
	}
	device, err := w.publish(ctx, 1)
	if err != nil {
		return err
	}
	if err := w.nothingHappens(ctx, device); err != nil {
		return fmt.Errorf("without samples: %w", err)
	}
	old := time.Now().Add(-maxAge - time.Second) // the youngest that there are, since it took longer until the last ones were too old
	for _, node := range w.Nodes {
		w.loads.set(node, 0)
		w.loads.freeze(node, old)
	}
	if err := w.awaitOld(ctx, hidden.Add(time.Second)); err != nil {
		return err
	}
	if err := w.nothingHappens(ctx, device); err != nil {
		return fmt.Errorf("with old samples: %w", err)
	}
	return w.mended(ctx, device, "real-2", func() error { w.loads.set("real-2", 0); return nil })
}

// awaitOld waits until every controller refuses every real node because its sample is too old, one that was measured after this.
func (w *World) awaitOld(ctx context.Context, after time.Time) error {
	return system.Await(ctx, slow, "every controller refuses both nodes, whose samples are too old", func(ctx context.Context) error {
		statuses, err := w.statuses(ctx)
		if err == nil && len(statuses) == 0 {
			err = errors.New("no controller runs")
		}
		for pod, s := range statuses {
			refused := 0
			var said []string
			for _, n := range s.Nodes {
				said = append(said, n.Node+": "+n.Reason)
				if slices.Contains(w.Nodes, n.Node) && !n.Candidate && strings.Contains(n.Reason, "old, at most") && time.Now().Add(-n.Age).After(after) {
					refused++
				}
			}
			if refused < len(w.Nodes) {
				err = errors.Join(err, fmt.Errorf("%s says %s", pod, strings.Join(said, ", ")))
			}
		}
		return err
	})
}

// cordoned: the less busy node takes no pods.
func cordoned(ctx context.Context, w *World) error {
	if err := errors.Join(w.load(ctx, map[string]float64{"real-1": 0.6, "real-2": 0.2}), w.cordon(ctx, "real-2", true)); err != nil {
		return err
	}
	return w.oneBy(ctx, "real-1")
}

// killed: a node dies with work in hand; another takes over, and the dead one's captures come back. Its Job makes another pod, which
// is placed as the first was.
func killed(ctx context.Context, w *World) error {
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
		by, err := w.rows(device)
		if err == nil && sum(by) == 0 {
			err = errors.New("there are no rows yet")
		}
		return err
	})
	if err != nil {
		return err
	}
	worker, err := w.stoppedAtWork(ctx, victim)
	if err != nil {
		return err
	}
	before, err := w.rows(device)
	if err != nil {
		return err
	}
	if err := w.Kill(victim); err != nil {
		return err
	}
	died := time.Now()
	revive := sync.OnceValue(func() error { return w.revive(context.WithoutCancel(ctx), victim) })
	defer revive() //nolint:errcheck // it is asked below, unless something else was wrong
	if err := w.SetLoad(other, 0.3); err != nil {
		return err
	}
	by, err := w.awaitRows(ctx, 3*slow, device, pictures)
	w.note("all rows %.1f s after the death of %s with work in hand: %v", time.Since(died).Seconds(), victim, by)
	if by[victim] > before[victim] {
		err = errors.Join(err, fmt.Errorf("%s is dead, and had %d rows and then %d", victim, before[victim], by[victim]))
	}
	if err := errors.Join(err, revive()); err != nil {
		return err
	}
	return w.madeAnother(ctx, worker)
}

// stoppedAtWork waits until a worker on the node has a picture in hand, and holds its process there: it will never hand in what
// it has.
func (w *World) stoppedAtWork(ctx context.Context, node string) (worker corev1.Pod, err error) {
	if err := w.awaitWorkerOn(ctx, node); err != nil {
		return worker, err
	}
	pods, err := w.pods(ctx)
	i := slices.IndexFunc(pods, func(p corev1.Pod) bool { return p.Spec.NodeName == node && p.Status.Phase == corev1.PodRunning })
	if err != nil || i < 0 {
		return worker, errors.Join(err, fmt.Errorf("no worker runs on %s", node))
	}
	worker = pods[i]
	err = system.Await(ctx, slow, worker.Name+" has a picture in hand", func(ctx context.Context) error {
		if signalAll(worker.UID, unix.SIGSTOP) == 0 {
			return errors.New("it has no process")
		}
		// What was handed in a moment ago is still being recorded.
		if err := wait(ctx, time.Second/2); err != nil {
			return err
		}
		if q, err := w.queue(ctx); err != nil || q.Leased == 0 {
			signalAll(worker.UID, unix.SIGCONT)
			return errors.Join(errors.New("it has none"), err)
		}
		return nil
	})
	return worker, err
}

// madeAnother waits until the Job of a pod that was lost has made another, which was placed, and is complete.
func (w *World) madeAnother(ctx context.Context, lost corev1.Pod) error {
	job := lost.Labels["batch.kubernetes.io/job-name"]
	return system.Await(ctx, slow, "the Job "+job+" makes another pod than "+lost.Name+", which is placed and ends well", func(ctx context.Context) error {
		pods, err := w.pods(ctx)
		if err != nil {
			return err
		}
		var seen []string
		for _, p := range pods {
			if p.Labels["batch.kubernetes.io/job-name"] != job {
				continue
			}
			if p.UID != lost.UID && p.Annotations["plumbline/node"] != "" && p.Status.Phase == corev1.PodSucceeded {
				return nil
			}
			seen = append(seen, fmt.Sprintf("%s on %q %s", p.Name, p.Spec.NodeName, p.Status.Phase))
		}
		return fmt.Errorf("its pods: %s", strings.Join(seen, ", "))
	})
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
