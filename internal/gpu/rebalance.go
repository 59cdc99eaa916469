package gpu

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Leave asks one worker to end in order, so that its work is done elsewhere.
type Leave struct {
	Pod      string  `json:"pod"`
	Node     string  `json:"node"`
	Foreign  float64 `json:"foreign"`  // the GPU's ratio without our own workers, at its least within the window
	Target   string  `json:"target"`   // a node that is better
	Expected float64 `json:"expected"` // the target's load before a worker goes there
}

// Rebalance names the workers that should leave: where the GPU was over the threshold for all of Rules.RebalanceWindow without
// the shares of our own workers, which would otherwise evict themselves, and where another node is under the threshold by the
// hysteresis and has a slot. History is the samples of at least the window; the snapshot's workers include those that ended
// in it. Asked is when each node last lost a worker: there is at most one a node and window.
func Rebalance(history []Sample, asked map[string]time.Time, s Snapshot, r Rules) []Leave {
	if r.RebalanceWindow <= 0 {
		return nil
	}
	s = s.Clean()
	targets := targetsOf(Rank(s, r), r)
	samples, held := samplesByNode(history), workersByNode(s.Workers)
	var out []Leave
	for _, node := range slices.Sorted(maps.Keys(held)) {
		if last, ok := asked[node]; ok && s.At.Sub(last) < r.RebalanceWindow {
			continue
		}
		foreign, over := overThroughout(samples[node], held[node], s.At, r)
		w, runs := youngestRunning(held[node])
		if !over || !runs {
			continue
		}
		if t, ok := targets.take(node, r.WorkerLoad); ok {
			out = append(out, Leave{Pod: w.Pod, Node: node, Foreign: foreign, Target: t.Node, Expected: t.Score})
		}
	}
	return out
}

// overThroughout wants a sample no younger than the window's begin and none older than MaxAge between there and now, each of
// them over the threshold.
func overThroughout(history []Sample, held []*Worker, now time.Time, r Rules) (least float64, over bool) {
	least, begin, next := math.Inf(1), now.Add(-r.RebalanceWindow), now
	for _, m := range slices.Backward(history) {
		if m.At.After(now) {
			continue
		}
		foreign := foreignLoad(m, held, r.WorkerLoad)
		if next.Sub(m.At) > r.MaxAge || !atOrOver(foreign, r.Threshold) {
			return 0, false
		}
		least, next = math.Min(least, foreign), m.At
		if !m.At.After(begin) {
			return least, true
		}
	}
	return 0, false
}

// foreignLoad is the sample less what it shows of our own workers.
func foreignLoad(m Sample, held []*Worker, usual float64) float64 {
	own := 0.0
	for _, w := range held {
		own += w.share(usual) * visible(w, m.At, m.Window)
	}
	return math.Max(0, m.Utilization-own)
}

// youngestRunning has done the least of its work.
func youngestRunning(held []*Worker) (*Worker, bool) {
	runs := slices.DeleteFunc(slices.Clone(held), func(w *Worker) bool { return w.Ended() || w.Pending || w.Pod == "" })
	if len(runs) == 0 {
		return nil, false
	}
	return slices.MaxFunc(runs, func(a, b *Worker) int {
		return cmp.Or(a.PlacedAt.Compare(b.PlacedAt), strings.Compare(a.Pod, b.Pod))
	}), true
}

// targets are candidates that are under the threshold by the hysteresis, each worker that is promised to them counted.
type targets struct {
	all   []Candidate
	limit float64
}

func targetsOf(k Ranking, r Rules) *targets {
	t := &targets{limit: r.Threshold - r.Hysteresis}
	for _, c := range k.Candidates {
		if !c.Fallback {
			t.all = append(t.all, c)
		}
	}
	return t
}

// take gives the best target but the node itself, as it was before a worker was promised to it.
func (t *targets) take(but string, load float64) (Candidate, bool) {
	best := -1
	for i, c := range t.all {
		fit := c.Node != but && c.Free > 0 && c.Score <= t.limit+rounding
		if fit && (best < 0 || compare(c, t.all[best]) < 0) {
			best = i
		}
	}
	if best < 0 {
		return Candidate{}, false
	}
	c := t.all[best]
	t.all[best].Score += load
	t.all[best].Free--
	return c, true
}
