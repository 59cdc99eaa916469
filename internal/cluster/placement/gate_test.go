package placement_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/cluster/kube"
)

func same(t *testing.T, what string, want, got []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

// What was just placed counts before the cluster shows it: three pods go to three nodes, the oldest to the best.
func TestEachPlacementCountsInTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		town := newTown(map[string]float64{"busy": 0.9, "a": 0.1, "b": 0.3, "c": 0.5})
		town.late = true
		for _, name := range []string{"first", "second", "third", "fourth"} {
			town.born(name)
		}
		g := town.lead(t)
		after(10 * time.Second)
		placed := map[string]bool{}
		town.see(func() {
			for _, p := range town.placed {
				placed[p] = true
			}
			if diff := cmp.Diff(map[string]bool{"first>a": true, "second>b": true, "third>c": true}, placed); diff != "" || len(town.placed) != 3 {
				t.Errorf("placed %v", town.placed)
			}
		})
		waiting := g.Waiting()
		if len(waiting) != 1 || waiting[0].Pod != "fourth" || !strings.Contains(waiting[0].Why, "gpu-busy") {
			t.Errorf("waiting: %+v", waiting)
		}
		for _, r := range g.Last() {
			if r.Decision.Again().Node != r.Decision.Node {
				t.Errorf("decision %s can't be made again", r.ID)
			}
		}
	})
}

// A cluster that is slow to show what was placed does not make it placed again.
func TestAPodIsPlacedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		town := newTown(map[string]float64{"a": 0.1, "b": 0.3, "c": 0.5})
		town.late = true
		town.born("p")
		town.lead(t)
		after(30 * time.Second)
		town.see(func() { same(t, "placed", []string{"p>a"}, town.placed) })
	})
}

func TestAnEventExplainsTheChoiceAndAnotherWhyAPodWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		town := newTown(map[string]float64{"a": 0.1, "b": 0.2})
		town.born("placed")
		town.lead(t)
		after(time.Second)
		town.see(func() {
			same(t, "events", []string{"placed: Placed"}, town.notes)
			for _, part := range []string{"a: GPU at 10 %", "next b: GPU at 20 %", "decision "} {
				if !strings.Contains(town.texts[0], part) {
					t.Errorf("%q does not say %q", town.texts[0], part)
				}
			}
			town.loads = map[string]float64{"a": 0.9, "b": 0.85}
		})
		town.born("waits")
		after(time.Minute)
		town.see(func() {
			same(t, "events after a minute", []string{"placed: Placed", "waits: StaysGated"}, town.notes)
			if !strings.Contains(town.texts[1], "none of 2 nodes is fit") {
				t.Errorf("the Event says %q", town.texts[1])
			}
			town.nodes[1].Cordoned = true
		})
		after(time.Minute)
		town.see(func() {
			same(t, "events after another kind of reason", []string{"placed: Placed", "waits: StaysGated", "waits: StaysGated"}, town.notes)
			town.loads["a"], town.pods[0].Ended = 0.2, time.Now()
		})
		after(2 * time.Second)
		town.see(func() { same(t, "placed in the end", []string{"placed>a", "waits>a"}, town.placed) })
	})
}

func TestAPlacedPodThatNoNodeTakesIsEvictedAndOnlySuchAPod(t *testing.T) {
	given := func(node, decision string) func(*kube.Pod) {
		return func(p *kube.Pod) { p.Gated, p.Node, p.Decision, p.PlacedAt = false, node, decision, time.Now() }
	}
	for name, c := range map[string]struct {
		pod  func(*kube.Pod)
		wait time.Duration
		want []string
	}{
		"its node is gone":             {given("gone", "d"), 3 * time.Second, []string{"p"}},
		"nobody binds it":              {given("a", "d"), 33 * time.Second, []string{"p"}},
		"it is about to be bound":      {given("a", "d"), 20 * time.Second, nil},
		"it runs, and its node went":   {func(p *kube.Pod) { given("gone", "d")(p); p.Bound = true }, time.Minute, nil},
		"it is not of our placing":     {given("gone", ""), time.Minute, nil},
		"it goes already":              {func(p *kube.Pod) { given("gone", "d")(p); p.Deleting = true }, time.Minute, nil},
		"it is over, and its node too": {func(p *kube.Pod) { given("gone", "d")(p); p.Ended = time.Now() }, time.Minute, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				town := newTown(map[string]float64{"a": 0.1})
				town.born("p", c.pod)
				town.lead(t)
				after(c.wait)
				town.see(func() { same(t, "evicted", c.want, town.evicted) })
			})
		})
	}
}

func TestANodeThatDidNotGetItsPodIsLeftAloneForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		town := newTown(map[string]float64{"full": 0.1, "b": 0.5})
		town.full = true
		town.born("p")
		town.lead(t)
		after(40 * time.Second) // the scheduler finds no room on it
		town.born("p again")
		after(5 * time.Second)
		town.see(func() {
			same(t, "placed", []string{"p>full", "p again>b"}, town.placed)
			same(t, "evicted", []string{"p"}, town.evicted)
			town.pods, town.full = nil, false
		})
		after(3 * time.Minute)
		town.born("later")
		after(5 * time.Second)
		town.see(func() { same(t, "placed", []string{"p>full", "p again>b", "later>full"}, town.placed) })
	})
}

// Everything that matters stands on the pods: who leads next places nothing twice, and counts what the other has placed.
func TestAnotherLeaderGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		town := newTown(map[string]float64{"a": 0.1, "b": 0.5})
		town.born("by the first", func(p *kube.Pod) {
			p.Gated, p.Node, p.Decision, p.PlacedAt = false, "a", "d", time.Now()
		})
		town.born("left over")
		town.lead(t)
		after(5 * time.Second)
		town.see(func() { same(t, "placed", []string{"left over>b"}, town.placed) })
	})
}

func TestARefusedPatchIsTriedAgainAndCountsNowhereMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		town := newTown(map[string]float64{"a": 0.1})
		town.refuse["cursed"] = errors.New("a webhook says no")
		town.born("cursed")
		g := town.lead(t)
		after(time.Second)
		town.born("other")
		after(2 * time.Second)
		town.see(func() { same(t, "placed", []string{"cursed>a", "other>a"}, town.placed) })
		if last := g.Last(); len(last) != 2 || last[1].Error == "" || last[0].Error != "" {
			t.Errorf("records: %+v", last)
		}
		town.see(func() { town.refuse, town.pods = map[string]error{}, town.pods[:1] })
		after(5 * time.Second)
		town.see(func() { same(t, "placed", []string{"cursed>a", "other>a", "cursed>a"}, town.placed) })
	})
}

func TestNothingIsPlacedWhileTheLoadIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		town := newTown(map[string]float64{"a": 0})
		town.silent = errors.New("Prometheus does not answer")
		town.born("p")
		town.lead(t)
		after(time.Minute)
		town.see(func() {
			same(t, "placed", nil, town.placed)
			same(t, "events", []string{"p: StaysGated"}, town.notes)
			if !strings.Contains(town.texts[0], "Prometheus does not answer") {
				t.Errorf("the Event says %q", town.texts[0])
			}
			town.silent = nil
		})
		after(2 * time.Second)
		town.see(func() { same(t, "placed", []string{"p>a"}, town.placed) })
	})
}

// Each second would say it again: once for each reason, whatever the figures in it, is enough. Nor may a line of an Event be lost.
func TestThatNothingIsPlacedIsLoggedOnceForEachReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		town := newTown(map[string]float64{"a": 0})
		var log bytes.Buffer
		town.log = slog.New(slog.NewTextHandler(&log, nil))
		town.born("p")
		town.silent = errors.New("begun")
		town.lead(t)
		for _, why := range []string{"refused", "no answer\nand none from the other"} {
			for port := range 10 {
				after(time.Second)
				town.see(func() { town.silent = fmt.Errorf("%s from port %d", why, port) })
			}
		}
		after(time.Second)
		if n := strings.Count(log.String(), "nothing is placed"); n != 3 {
			t.Errorf("%d lines:\n%s", n, log.String())
		}
		town.see(func() {
			for _, text := range town.texts {
				if strings.Contains(text, "\n") {
					t.Errorf("an Event of several lines: %q", text)
				}
			}
		})
	})
}

func TestOtherGatesGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		town := newTown(map[string]float64{"a": 0})
		town.born("p", func(p *kube.Pod) { p.OtherGates = []string{"quota.example/admit"} })
		town.lead(t)
		after(10 * time.Second)
		town.see(func() {
			same(t, "placed", nil, town.placed)
			same(t, "events", []string{"p: StaysGated"}, town.notes)
			town.pods[0].OtherGates = nil
		})
		after(2 * time.Second)
		town.see(func() { same(t, "placed", []string{"p>a"}, town.placed) })
	})
}

// 500 pods on 1,000 nodes: one patch and one Event each, and seconds in all.
func TestABurstIsPlacedQuickly(t *testing.T) {
	loads := map[string]float64{}
	for i := range 1000 {
		loads[fmt.Sprintf("node-%04d", i)] = float64(i%70) / 100
	}
	town := newTown(loads)
	for i := range 500 {
		town.born(fmt.Sprintf("pod-%03d", i))
	}
	begin := time.Now()
	town.lead(t)
	for done := false; !done; {
		if time.Since(begin) > 30*time.Second {
			t.Fatal("not placed within 30 s")
		}
		<-time.After(10 * time.Millisecond)
		town.see(func() { done = len(town.notes) >= 500 })
	}
	t.Logf("500 pods on 1,000 nodes: %s", time.Since(begin))
	used := map[string]bool{}
	town.see(func() {
		for _, p := range town.placed {
			used[p[strings.Index(p, ">"):]] = true
		}
		if len(town.placed) != 500 || len(town.notes) != 500 || len(used) != 500 {
			t.Errorf("%d patches, %d Events, %d nodes", len(town.placed), len(town.notes), len(used))
		}
	})
}
