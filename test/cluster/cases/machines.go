//go:build linux

package cases

import (
	"context"
	"errors"
	"time"
)

// prometheus is the name of the scene's own among the cluster's parts.
func (s *scene) prometheus() string { return s.namespace + "-prometheus" }

// measureCPUs starts a Prometheus for the scene's nodes, and gives its address.
func (s *scene) measureCPUs(ctx context.Context) (url string, err error) {
	loads, address := s.controller(0)+":19400", s.controller(0)+":9090"
	if err := s.address(ctx, 0); err != nil {
		return "", err
	}
	if s.loads, err = serveLoads(loads); err != nil {
		return "", err
	}
	return "http://" + address, s.StartPrometheus(ctx, s.prometheus(), address, loads)
}

// fallbackAfter is how long pictures wait before other nodes count.
const fallbackAfter = 12 * time.Second

// fallbackNodes: where work may wait, where it may go to nodes without a GPU, and where it may go to busy GPUs, too.
var fallbackNodes = []stand{
	{name: "wait-gpu", part: "wait", gpu: 0.95, cpu: 0.1, label: "true"}, {name: "wait-cpu", part: "wait", gpu: -1, cpu: 0.1, label: "false"},
	{name: "cpu-gpu", part: "cpu", gpu: 0.95, cpu: 0.1, label: "true"}, {name: "cpu-silent", part: "cpu", gpu: -1, cpu: 0.1, label: "true"},
	{name: "cpu-busy", part: "cpu", gpu: -1, cpu: 0.6, label: "false"}, {name: "cpu-calm", part: "cpu", gpu: -1, cpu: 0.2, label: "false"},
	{name: "any-most", part: "any", gpu: 0.97, cpu: 0.1, label: "true"}, {name: "any-least", part: "any", gpu: 0.85, cpu: 0.1, label: "true"},
}

// fallback: no GPU is fit. Before the time nothing is done; then the less busy CPU first, or the less busy GPU over the threshold,
// as each ScaledJob allows. A GPU node that is silent is never taken for one without a GPU.
func fallback(ctx context.Context, s *scene) error {
	for _, kind := range []string{"wait", "cpu", "any"} {
		if err := s.begin(ctx, workload{name: kind, part: kind, trigger: map[string]any{"fallback": kind, "fallbackAfter": fallbackAfter.String()}}); err != nil {
			return err
		}
	}
	for _, kind := range []string{"wait", "cpu", "any"} {
		if err := s.awaitAnswers(ctx, 0, kind); err != nil {
			return err
		}
	}
	waits := time.Now()
	s.hub.say(1)
	for time.Since(waits) < fallbackAfter-2*time.Second {
		if err := errors.Join(s.exactly(ctx, "cpu", 0), s.exactly(ctx, "any", 0), wait(ctx, time.Second/4)); err != nil {
			return err
		}
	}
	if err := errors.Join(s.awaitOnNodes(ctx, "cpu", "cpu-calm"), s.awaitOnNodes(ctx, "any", "any-least")); err != nil {
		return err
	}
	s.note("on the fallback's nodes %.1f s after the picture came; they count from %s on", time.Since(waits).Seconds(), fallbackAfter)
	if err := s.claim(ctx); err != nil {
		return err
	}
	s.hub.sayWaiting(21)
	if err := s.awaitOnNodes(ctx, "cpu", "cpu-busy", "cpu-calm"); err != nil {
		return err
	}
	return s.exactly(ctx, "wait", 0)
}

// cpuNodes: the less busy GPU has the busy CPU.
var cpuNodes = []stand{{name: "busy-cpu", gpu: 0.1, cpu: 0.97, label: "true"}, {name: "calm-cpu", gpu: 0.5, cpu: 0.2, label: "true"}}

// cpuOverThreshold: a node whose CPU is busy is no candidate, until it is busy no longer.
func cpuOverThreshold(ctx context.Context, s *scene) error {
	if err := s.begin(ctx, workload{name: "work"}); err != nil {
		return err
	}
	s.hub.say(40)
	if err := s.awaitOnNodes(ctx, "work", "calm-cpu"); err != nil {
		return err
	}
	if err := errors.Join(s.claim(ctx), s.remains(ctx, "work", 1, 5)); err != nil {
		return err
	}
	s.loads.setCPU("busy-cpu", 0.3)
	return s.awaitOnNodes(ctx, "work", "busy-cpu", "calm-cpu")
}

// hundredPolls: one worker pushed its node over the threshold, the second node came free and is used, and now both are busy while
// pictures wait: in a hundred of KEDA's polls no further Job is made. There are slots: it is load alone that keeps nodes from
// taking more.
func hundredPolls(ctx context.Context, s *scene) error {
	first, second := s.nodes[0].name, s.nodes[1].name
	if err := s.load(ctx, map[string]float64{first: 0.1, second: 0.95}); err != nil {
		return err
	}
	if err := s.begin(ctx, workload{name: "work", trigger: map[string]any{"slotsPerNode": "4"}}); err != nil {
		return err
	}
	s.hub.say(20) // one Job's, until loads show what it adds
	if err := errors.Join(s.awaitOnNodes(ctx, "work", first), s.load(ctx, map[string]float64{first: 0.95, second: 0.5}), s.claim(ctx)); err != nil {
		return err
	}
	if err := errors.Join(s.awaitOnNodes(ctx, "work", first, second), s.load(ctx, map[string]float64{second: 0.95}), s.claim(ctx)); err != nil {
		return err
	}
	s.hub.sayWaiting(200)
	return s.remains(ctx, "work", 2, polls)
}
