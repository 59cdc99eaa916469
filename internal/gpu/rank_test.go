package gpu_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/gpu"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestRankPrefersTheLessLoadedAndSaysWhyOthersAreOut(t *testing.T) {
	s := gpu.Snapshot{At: now, Nodes: []gpu.Node{
		{Name: "busy", Ready: true, GPU: true}, {Name: "fit", Ready: true, GPU: true}, {Name: "placed", Ready: true, GPU: true},
		{Name: "unknown", Ready: true, GPU: true}, {Name: "stale", Ready: true, GPU: true}, {Name: "gone", GPU: true},
	}, Samples: []gpu.Sample{
		{Node: "busy", Utilization: 0.9, At: now}, {Node: "fit", Utilization: 0.4, At: now.Add(-5 * time.Second)},
		{Node: "placed", Utilization: 0.2, At: now.Add(-5 * time.Second)}, {Node: "stale", Utilization: 0, At: now.Add(-time.Hour)},
	}, Workers: []gpu.Worker{{Pod: "w", Node: "placed", PlacedAt: now.Add(-time.Second)}}}
	rules := gpu.DefaultRules()
	rules.Slots = 2
	got := gpu.Rank(s, rules)
	if diff := cmp.Diff([]string{"fit", "placed"}, []string{got.Candidates[0].Node, got.Candidates[1].Node}); diff != "" {
		t.Error(diff)
	}
	want := []gpu.Refusal{
		{Node: "busy", Kind: gpu.GPUBusy, Reason: "GPU at 90 %, threshold 80 %"}, {Node: "unknown", Kind: gpu.Unknown, Reason: "no GPU sample"},
		{Node: "stale", Kind: gpu.Unknown, Reason: "GPU sample is 1h0m0s old, at most 1m0s"}, {Node: "gone", Kind: gpu.NotReady, Reason: "not ready"},
	}
	if diff := cmp.Diff(want, got.Refused); diff != "" {
		t.Error(diff)
	}
	if got.FreeSlots() != 3 {
		t.Errorf("%d slots are free, not 3", got.FreeSlots())
	}
}

func TestDecisionCanBeMadeAgainFromItsRecord(t *testing.T) {
	s := gpu.Snapshot{At: now, Nodes: []gpu.Node{{Name: "a", Ready: true}, {Name: "b", Ready: true}}, Samples: []gpu.Sample{
		{Node: "a", Utilization: 0.5, At: now}, {Node: "b", Utilization: 0.1, At: now},
	}}
	d := gpu.Decide("pod", 7, s, gpu.DefaultRules())
	if d.Node != "b" {
		t.Errorf("chose %q, not b", d.Node)
	}
	if diff := cmp.Diff(d, d.Again()); diff != "" {
		t.Error(diff)
	}
}
