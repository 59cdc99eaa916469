package gpu

import (
	"math"
	"slices"
	"time"
)

// saturated is a ratio at which a GPU shows no further rise.
const saturated = 0.99

// Rises is what each worker was seen to add to its node's GPU: the first sample that shows it in full, less the last one before
// it was placed. Samples are the nodes' history, in any order. A worker is left out where that cannot be known: no sample
// within maxAge on either side, a GPU at its limit, or another worker of ours that ended in between. Workers that began
// together share the rise equally. A single rise carries whatever else changed on the node; take many (UsualLoad).
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

// enoughRises is from how many rises on their median says more than a setting.
const enoughRises = 5

// UsualLoad is the median of many rises, for Rules.WorkerLoad; the setting where there are too few of them.
func UsualLoad(rises []float64, setting float64) float64 {
	known := slices.DeleteFunc(slices.Clone(rises), func(v float64) bool { return !isRatio(v) })
	if len(known) < enoughRises {
		return setting
	}
	slices.Sort(known)
	return (known[(len(known)-1)/2] + known[len(known)/2]) / 2
}
