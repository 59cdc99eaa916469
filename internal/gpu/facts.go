package gpu

import (
	"fmt"
	"math"
	"slices"
)

// Clean gives the snapshot in a form that JSON can carry and that means the same: what is no number is marked as not known.
// The slices that need no change are shared.
func (s Snapshot) Clean() Snapshot {
	s.Samples = cleaned(s.Samples, func(m *Sample) bool {
		if isLoad(m.Utilization) {
			return false
		}
		m.Invalid, m.Utilization = fmt.Sprintf("%v is no utilization", m.Utilization), 0
		return true
	})
	s.Machines = cleaned(s.Machines, func(m *Machine) bool {
		cpu, memory := mark(&m.CPU, -1), mark(&m.Memory, -1)
		return cpu || memory
	})
	s.Workers = cleaned(s.Workers, func(w *Worker) bool { return mark(&w.Load, 0) })
	return s
}

// cleaned copies a slice only where an element must change.
func cleaned[T any](in []T, change func(*T) bool) []T {
	out := in
	for i := range in {
		v := in[i]
		if !change(&v) {
			continue
		}
		if &out[0] == &in[0] {
			out = slices.Clone(in)
		}
		out[i] = v
	}
	return out
}

func isLoad(v float64) bool { return v >= 0 && !math.IsInf(v, 1) } // false for what is no number

// mark puts a word for "not known" in place of what is no load, and says whether it did.
func mark(v *float64, unknown float64) bool {
	if isLoad(*v) || *v == unknown {
		return false
	}
	*v = unknown
	return true
}

// gather brings together what a clean snapshot says of each node.
func gather(s Snapshot, r Rules) []judgement {
	all, at := uniqueNodes(s.Nodes)
	measured, late := machinesMeasured(s, r), tooLate(s, r)
	for i := range all {
		j := &all[i]
		j.now, j.rules, j.measured, j.late, j.unread = s.At, &r, measured, late, s.Unread
	}
	for i := range s.Samples {
		m := &s.Samples[i]
		if n, ok := at[m.Node]; ok && (all[n].sample == nil || youngerSample(m, all[n].sample)) {
			all[n].sample = m
		}
	}
	for i := range s.Machines {
		m := &s.Machines[i]
		if n, ok := at[m.Node]; ok && (all[n].machine == nil || youngerMachine(m, all[n].machine)) {
			all[n].machine = m
		}
	}
	for i := range s.Workers {
		if n, ok := at[s.Workers[i].Node]; ok {
			all[n].held = hold(all[n].held, &s.Workers[i])
		}
	}
	return all
}

// uniqueNodes merges nodes of one name: what one entry refuses, the node refuses.
func uniqueNodes(nodes []Node) ([]judgement, map[string]int) {
	at := make(map[string]int, len(nodes))
	out := make([]judgement, 0, len(nodes))
	for i := range nodes {
		n := &nodes[i]
		first, twice := at[n.Name]
		if !twice {
			at[n.Name] = len(out)
			out = append(out, judgement{node: n})
			continue
		}
		m := *out[first].node
		out[first].node = &m
		m.Ready, m.Cordoned, m.GPU = m.Ready && n.Ready, m.Cordoned || n.Cordoned, m.GPU || n.GPU
		m.Untolerated = append(append([]string(nil), m.Untolerated...), n.Untolerated...)
		m.Excluded = max(m.Excluded, n.Excluded)
	}
	return out, at
}

// machinesMeasured says whether anybody measures CPU and memory now: one node with a fresh sample shows it.
func machinesMeasured(s Snapshot, r Rules) bool {
	return slices.ContainsFunc(s.Machines, func(m Machine) bool { return s.At.Sub(m.At).Abs() <= r.MaxAge })
}

// tooLate says whether the oldest capture has waited so long that the fallback's nodes count.
func tooLate(s Snapshot, r Rules) bool {
	return r.Fallback != FallbackWait && !s.Oldest.IsZero() && s.At.Sub(s.Oldest) >= r.FallbackAfter
}

// youngerSample prefers, of two for the same moment, the one that promises less.
func youngerSample(a, b *Sample) bool {
	if !a.At.Equal(b.At) {
		return a.At.After(b.At)
	}
	if (a.Invalid == "") != (b.Invalid == "") {
		return a.Invalid != ""
	}
	return a.Utilization > b.Utilization
}

func youngerMachine(a, b *Machine) bool {
	if !a.At.Equal(b.At) {
		return a.At.After(b.At)
	}
	return a.CPU+a.Memory > b.CPU+b.Memory
}

// hold adds a worker to those of its node. A pod that is named twice counts once, as ended when one entry says so.
func hold(held []*Worker, w *Worker) []*Worker {
	for i, h := range held {
		if w.Pod == "" || h.Pod != w.Pod {
			continue
		}
		if w.EndedAt.After(h.EndedAt) {
			held[i] = w
		}
		return held
	}
	return append(held, w)
}

func workersByNode(all []Worker) map[string][]*Worker {
	by := map[string][]*Worker{}
	for i := range all {
		by[all[i].Node] = hold(by[all[i].Node], &all[i])
	}
	return by
}
