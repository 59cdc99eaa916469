//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumbline/internal/cluster/kube"
)

func expect(what string, got, want any) error {
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("%s: %v, not %v", what, got, want)
	}
	return nil
}

func leastBusy(ctx context.Context, w *world) error {
	if err := errors.Join(w.nodes(ctx, "node-at30", "node-at10", "node-at95"), w.control("a"), w.job(ctx, "j")); err != nil {
		return err
	}
	nodes, err := w.bound(ctx, "j")
	if err != nil {
		return err
	}
	err = await(ctx, "an Event explains it", func(ctx context.Context) error {
		if why := w.why(ctx); !strings.Contains(why, "Placed: node-at10: GPU at 10 %") {
			return errors.New(why)
		}
		return nil
	})
	return errors.Join(expect("node", nodes["j"], "node-at10"), err)
}

// terms has two alternatives of affinity, and another gate beside ours that somebody lifts later.
func terms(ctx context.Context, w *world) error {
	if err := errors.Join(w.nodes(ctx, "node-at30", "node-at10"), w.control("a")); err != nil {
		return err
	}
	exists := func(key string) corev1.NodeSelectorTerm {
		return corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: corev1.NodeSelectorOpExists}}}
	}
	err := w.job(ctx, "j", func(p *corev1.PodSpec) {
		p.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{exists(corev1.LabelHostname), exists("placing")},
		}}}
		p.SchedulingGates = append([]corev1.PodSchedulingGate{{Name: "others.example/first"}}, p.SchedulingGates...)
	})
	if err != nil {
		return err
	}
	var pod corev1.Pod
	err = await(ctx, "the pod stays gated and says why", func(ctx context.Context) error {
		pods, err := w.pods(ctx)
		if err != nil || len(pods) != 1 {
			return fmt.Errorf("%d pods: %w", len(pods), err)
		}
		pod = pods[0]
		if why := w.why(ctx); !strings.Contains(why, "others.example/first") {
			return errors.New(why)
		}
		return expect("gates", len(pod.Spec.SchedulingGates), 2)
	})
	if err != nil {
		return err
	}
	lift := []byte(`{"spec":{"schedulingGates":[{"$patch":"delete","name":"others.example/first"}]}}`)
	if _, err := w.api.CoreV1().Pods(namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, lift, metav1.PatchOptions{}); err != nil {
		return err
	}
	nodes, err := w.bound(ctx, "j")
	return errors.Join(err, expect("node", nodes["j"], "node-at10"))
}

// goneBeforeBinding places on a node on which the scheduler finds no room, so that there is time to take the node away.
func goneBeforeBinding(ctx context.Context, w *world) error {
	if err := errors.Join(w.nodes(ctx, "node-at30", "full-at10"), w.fill(ctx, "full-at10"), w.control("a"), w.job(ctx, "j")); err != nil {
		return err
	}
	if err := w.given(ctx, "full-at10"); err != nil {
		return err
	}
	begin := time.Now()
	if err := w.api.CoreV1().Nodes().Delete(ctx, "full-at10", metav1.DeleteOptions{}); err != nil {
		return err
	}
	nodes, err := w.bound(ctx, "j")
	w.note("node deleted to the next pod bound elsewhere: %.1f s", time.Since(begin).Seconds())
	return errors.Join(err, expect("node", nodes["j"], "node-at30"))
}

// fill shrinks what a node says it has, so that the scheduler finds no room for a pod that asks for nothing.
func (w *world) fill(ctx context.Context, node string) error {
	patch := []byte(`{"status":{"allocatable":{"pods":"0"},"capacity":{"pods":"0"}}}`)
	_, err := w.api.CoreV1().Nodes().Patch(ctx, node, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}

// given waits until a pod was given a node.
func (w *world) given(ctx context.Context, node string) error {
	return await(ctx, "a pod is given "+node, func(ctx context.Context) error {
		pods, err := w.pods(ctx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return p.Annotations["plumbline/node"] == node }) {
			return errors.New(w.why(ctx))
		}
		return nil
	})
}

func goneAfterBinding(ctx context.Context, w *world) error {
	if err := errors.Join(w.nodes(ctx, "node-at30", "node-at10"), w.control("a"), w.job(ctx, "j")); err != nil {
		return err
	}
	nodes, err := w.bound(ctx, "j")
	if err := errors.Join(err, expect("node", nodes["j"], "node-at10")); err != nil {
		return err
	}
	begin := time.Now()
	if err := w.api.CoreV1().Nodes().Delete(ctx, "node-at10", metav1.DeleteOptions{}); err != nil {
		return err
	}
	err = await(ctx, "the Job has a pod on the other node", func(ctx context.Context) error {
		nodes, err := w.bound(ctx, "j")
		return errors.Join(err, expect("node", nodes["j"], "node-at30"))
	})
	w.note("node deleted to the next pod bound elsewhere: %.1f s", time.Since(begin).Seconds())
	return err
}

func noRoom(ctx context.Context, w *world) error {
	const within = 5 * time.Second
	if err := errors.Join(w.nodes(ctx, "node-at30", "full-at10"), w.fill(ctx, "full-at10"), w.control("a", within), w.job(ctx, "j")); err != nil {
		return err
	}
	begin := time.Now()
	nodes, err := w.bound(ctx, "j")
	w.note("placed in vain, evicted after %s, bound elsewhere after %.1f s", within, time.Since(begin).Seconds())
	return errors.Join(err, expect("node", nodes["j"], "node-at30"))
}

// killed ends the controller by SIGKILL in the middle of a burst, and starts another.
func killed(ctx context.Context, w *world) error {
	const jobs = 60
	if err := errors.Join(w.nodes(ctx, numbered("node", jobs)...), w.control("a")); err != nil {
		return err
	}
	names := numbered("j", jobs)
	for i, name := range names {
		if err := w.job(ctx, name); err != nil {
			return err
		}
		if i == jobs/2 {
			if err := w.given1(ctx); err != nil {
				return err
			}
			w.end("a", syscall.SIGKILL)
		}
	}
	begin := time.Now()
	if err := w.control("b"); err != nil {
		return err
	}
	nodes, err := w.bound(ctx, names...)
	w.note("another controller placed the rest %.1f s after its start", time.Since(begin).Seconds())
	return errors.Join(err, w.one(ctx, nodes, jobs))
}

// given1 waits until any pod was given a node.
func (w *world) given1(ctx context.Context) error {
	return await(ctx, "a pod is placed", func(ctx context.Context) error {
		pods, err := w.pods(ctx)
		if err == nil && !slices.ContainsFunc(pods, func(p corev1.Pod) bool { return p.Annotations["plumbline/node"] != "" }) {
			err = errors.New("none is")
		}
		return err
	})
}

// one holds when each Job has had one pod, on a node of its own.
func (w *world) one(ctx context.Context, nodes map[string]string, jobs int) error {
	pods, err := w.pods(ctx)
	used := map[string]bool{}
	for _, n := range nodes {
		used[n] = true
	}
	return errors.Join(err, expect("pods", len(pods), jobs), expect("nodes in use", len(used), jobs))
}

func two(ctx context.Context, w *world) error {
	const jobs = 60
	if err := errors.Join(w.nodes(ctx, numbered("node", jobs)...), w.control("a"), w.control("b")); err != nil {
		return err
	}
	names := numbered("j", jobs)
	for _, name := range names[:jobs/2] {
		if err := w.job(ctx, name); err != nil {
			return err
		}
	}
	if _, err := w.bound(ctx, names[:jobs/2]...); err != nil {
		return err
	}
	lease, err := w.api.CoordinationV1().Leases(namespace).Get(ctx, leaseName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	leader := *lease.Spec.HolderIdentity
	w.end(leader, syscall.SIGKILL)
	begin := time.Now()
	for _, name := range names[jobs/2:] {
		if err := w.job(ctx, name); err != nil {
			return err
		}
	}
	if err := await(ctx, "the other one places", func(ctx context.Context) error {
		pods, err := w.pods(ctx)
		gated := 0
		for _, p := range pods {
			gated += len(p.Spec.SchedulingGates)
		}
		if err == nil && (gated > 0 || len(pods) < jobs) {
			err = fmt.Errorf("%d are gated", gated)
		}
		return err
	}); err != nil {
		return err
	}
	w.note("leader killed to all placed by the other: %.1f s", time.Since(begin).Seconds())
	nodes, err := w.bound(ctx, names...)
	return errors.Join(err, w.one(ctx, nodes, jobs))
}

func numbered(name string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s-%04d", name, i)
	}
	return all
}

// burst lets the pods of 500 Jobs be born while nobody places, and then starts a controller: from its first sight of a gated pod
// to the patch that places it. A second burst comes while it runs.
func burst(ctx context.Context, w *world) error {
	const jobs = 500
	if err := w.nodes(ctx, numbered("node", 1000)...); err != nil {
		return err
	}
	if err := w.control("burst"); err != nil {
		return err
	}
	names := numbered("j", jobs)
	begin := time.Now()
	created := make(chan error, 1)
	go func() {
		for _, name := range names {
			if err := w.job(ctx, name); err != nil {
				created <- err
				return
			}
		}
		created <- nil
	}()
	watch, err := w.api.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	defer watch.Stop()
	born, placed, boundAt := map[string]time.Time{}, map[string]time.Time{}, map[string]time.Time{}
	for e := range watch.ResultChan() {
		p, ok := e.Object.(*corev1.Pod)
		if !ok {
			continue
		}
		now := time.Now()
		gated := slices.ContainsFunc(p.Spec.SchedulingGates, func(g corev1.PodSchedulingGate) bool { return g.Name == kube.Gate })
		for _, s := range []struct {
			when map[string]time.Time
			is   bool
		}{{born, gated}, {placed, !gated}, {boundAt, p.Spec.NodeName != ""}} {
			if _, seen := s.when[p.Name]; s.is && !seen {
				s.when[p.Name] = now
			}
		}
		if len(boundAt) == jobs {
			break
		}
	}
	if err := <-created; err != nil {
		return err
	}
	if err := expect("pods that were bound", len(boundAt), jobs); err != nil {
		return err
	}
	w.note("all Jobs created, placed and bound after %.1f s", time.Since(begin).Seconds())
	w.note("gated to placed: median %s, 99th percentile %s", percentile(born, placed, 50), percentile(born, placed, 99))
	w.note("placed to bound: median %s, 99th percentile %s", percentile(placed, boundAt, 50), percentile(placed, boundAt, 99))
	if err := w.counted(ctx, jobs); err != nil {
		return err
	}
	nodes, err := w.bound(ctx, names...)
	return errors.Join(err, w.one(ctx, nodes, jobs))
}

func percentile(from, to map[string]time.Time, p int) time.Duration {
	var all []time.Duration
	for name, at := range to {
		if begin, ok := from[name]; ok {
			all = append(all, at.Sub(begin))
		}
	}
	slices.Sort(all)
	if len(all) == 0 {
		return 0
	}
	return all[min(len(all)-1, len(all)*p/100)].Round(time.Millisecond)
}

// counted waits for the Events, tells the controller's memory, ends it and tells its requests.
func (w *world) counted(ctx context.Context, jobs int) error {
	err := await(ctx, "each pod has its Event", func(ctx context.Context) error {
		events, err := w.api.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "reason=Placed"})
		if err == nil {
			err = expect("Events", len(events.Items), jobs)
		}
		return err
	})
	if err != nil {
		return err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.controllers["burst"].Process.Pid))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmHWM") {
			w.note("memory of the controller at most: %s", strings.TrimSpace(strings.TrimPrefix(line, "VmHWM:")))
		}
	}
	w.end("burst", syscall.SIGTERM)
	report, err := os.ReadFile(reportOf("burst"))
	w.note("requests of the controller: %s", strings.ReplaceAll(strings.TrimSpace(string(report)), "\n", ", "))
	return err
}
