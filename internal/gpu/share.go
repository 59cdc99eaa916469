package gpu

import (
	"maps"
	"math"
	"slices"
	"time"
)

// saturated is a ratio at which a GPU shows no further rise.
const saturated = 0.99

// Rises is what each worker was seen to add to its node's GPU: the first sample that shows it in full, less the last one before
// it was placed. Samples are the nodes' history, in any order. A worker is left out where that cannot be known: no sample
// within maxAge on either side, a GPU at its limit, or another worker of ours that ended in between. Workers that began
// together share the rise equally. A single rise carries whatever else changed on the node;
// LearnLoad takes many.
func Rises(samples []Sample, workers []Worker, maxAge time.Duration) map[string]float64 {
	history := samplesByNode(samples)
	rises := map[string]float64{}
	for node, held := range workersByNode(workers) {
		for _, w := range held {
			if rise, ok := rise(w, held, history[node], maxAge); ok && w.Pod != "" {
				rises[w.Pod] = rise
			}
		}
	}
	return rises
}

// samplesByNode sorts each node's history by time, and leaves out what says nothing.
func samplesByNode(all []Sample) map[string][]Sample {
	by := map[string][]Sample{}
	for _, m := range all {
		if isLoad(m.Utilization) && m.Invalid == "" {
			by[m.Node] = append(by[m.Node], m)
		}
	}
	for _, h := range by {
		slices.SortStableFunc(h, func(a, b Sample) int { return a.At.Compare(b.At) })
	}
	return by
}

func rise(w *Worker, held []*Worker, history []Sample, maxAge time.Duration) (float64, bool) {
	if w.Pending {
		return 0, false
	}
	before, after, ok := around(w, history, maxAge)
	if !ok || after.Utilization >= saturated || w.Ended() && w.EndedAt.Before(after.At) {
		return 0, false
	}
	began := 0
	for _, o := range held {
		switch {
		case o.Ended() && o.EndedAt.After(before.At.Add(-before.Window)) && !o.EndedAt.After(after.At):
			return 0, false
		case !o.Pending && o.started().After(before.At.Add(-before.Window)) && !o.started().After(after.At):
			began++
		}
	}
	if began == 0 {
		return 0, false
	}
	return math.Max(0, after.Utilization-before.Utilization) / float64(began), true
}

// around finds the last sample before the worker began and the first one whose whole window it ran in.
func around(w *Worker, history []Sample, maxAge time.Duration) (before, after Sample, ok bool) {
	for _, m := range history {
		if m.At.Before(w.started()) {
			before, ok = m, true
			continue
		}
		if from := m.At.Add(-m.Window); !from.Before(w.started()) {
			return before, m, ok && w.started().Sub(before.At) <= maxAge && from.Sub(w.started()) <= maxAge
		}
	}
	return before, after, false
}

// prior is how much evidence the setting is worth: as much as this many samples between which one worker came or went.
const prior = 4

// LearnLoad estimates what one worker adds to a GPU, for Rules.WorkerLoad, from the nodes' history: how much the ratio moved
// between two samples against how many of our workers the one shows more than the other (least squares over all pairs that are
// at most maxAge apart), drawn towards the setting while there is little to learn from. What else changed on the nodes cancels
// out in the mean. A GPU at its limit tells only that the rise was no smaller, and counts where that is more than the rest says.
func LearnLoad(samples []Sample, workers []Worker, setting float64, maxAge time.Duration) float64 {
	free, limited := moves(samples, workersByNode(workers), maxAge)
	above, below := prior*setting, float64(prior) // of the slope's fraction
	add := func(m move) { above, below = above+m.workers*m.ratio, below+m.workers*m.workers }
	for _, m := range free {
		add(m)
	}
	least := above / below
	for _, m := range limited {
		if m.workers != 0 && m.ratio/m.workers > least {
			add(m)
		}
	}
	return math.Min(math.Max(above/below, 0), 1)
}

// move is what changed on a node between two samples.
type move struct{ workers, ratio float64 }

// moves are those between samples below the GPU's limit, and those from or to the limit.
func moves(samples []Sample, held map[string][]*Worker, maxAge time.Duration) (free, limited []move) {
	by := samplesByNode(samples)
	for _, node := range slices.Sorted(maps.Keys(by)) { // in order, so that sums round the same every time
		for i := 1; i < len(by[node]); i++ {
			a, b := by[node][i-1], by[node][i]
			if b.At.Sub(a.At) > maxAge {
				continue
			}
			m := move{shown(b, held[node]) - shown(a, held[node]), b.Utilization - a.Utilization}
			switch atLimit, was := b.Utilization >= saturated, a.Utilization >= saturated; {
			case !atLimit && !was:
				free = append(free, m)
			case atLimit != was:
				limited = append(limited, m)
			}
		}
	}
	return free, limited
}

// shown is how many workers a sample shows, those that ran in a part of its window in part.
func shown(m Sample, held []*Worker) float64 {
	n := 0.0
	for _, w := range held {
		n += visible(w, m.At, m.Window)
	}
	return n
}
