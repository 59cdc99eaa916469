package prom

import (
	"maps"
	"slices"
	"time"

	"plumbline/internal/gpu"
)

// unknown stands for a ratio that is not known, in the words of package gpu.
const unknown = -1

// machines gives the nodes of which it is known when something was measured; what else is not known is marked so.
func (r *round) machines(cpu, memory, times []series) []gpu.Machine {
	busy, full, ages := r.ratios(cpu, "CPU load"), r.ratios(memory, "memory in use"), map[string]time.Duration{}
	for _, t := range times {
		if node, ok := r.directory.find(t.labels); ok {
			ages[node] = max(ages[node], t.asked.Sub(fromSeconds(t.value)))
		}
	}
	var all []gpu.Machine
	for _, node := range slices.Sorted(maps.Keys(ages)) {
		m := gpu.Machine{Node: node, CPU: unknown, Memory: unknown, At: r.at.Add(-ages[node])}
		if ratio, known := busy[node]; known {
			m.CPU = ratio
		}
		if ratio, known := full[node]; known {
			m.Memory = ratio
		}
		all = append(all, m)
	}
	return all
}

// ratios are by node; of several series of one node the highest counts.
func (r *round) ratios(all []series, what string) map[string]float64 {
	out := map[string]float64{}
	for _, s := range all {
		node, ok := r.directory.find(s.labels)
		if !ok {
			r.note("no node is known for %s", describe(s.labels, what))
			continue
		}
		ratio, why := ratioOf(s.value, Ratio, jitter)
		if why != "" {
			r.note("%s: %s is %s", node, what, why)
			continue
		}
		out[node] = max(out[node], ratio)
	}
	return out
}
