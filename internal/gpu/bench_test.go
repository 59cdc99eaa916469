package gpu_test

import (
	"fmt"
	"testing"
	"time"

	"plumbline/internal/gpu"
)

// BenchmarkRank ranks 1,000 nodes with 500 workers, a fifth of them refused for various reasons, and chooses one.
func BenchmarkRank(b *testing.B) {
	s := gpu.Snapshot{At: now}
	for i := range 1000 {
		name := fmt.Sprintf("node-%04d", i)
		s.Nodes = append(s.Nodes, gpu.Node{Name: name, Ready: i%50 != 0, Cordoned: i%51 == 0, GPU: true})
		s.Samples = append(s.Samples, gpu.Sample{Node: name, Utilization: float64(i*7919%1000) / 1000, At: now.Add(-time.Duration(i%15) * time.Second)})
		s.Machines = append(s.Machines, gpu.Machine{Node: name, CPU: float64(i*6007%1000) / 1100, Memory: 0.5, At: now})
	}
	for i := range 500 {
		s.Workers = append(s.Workers, gpu.Worker{Pod: fmt.Sprintf("pod-%04d", i), Node: s.Nodes[i*2].Name, PlacedAt: now.Add(-time.Duration(i%30) * time.Second)})
	}
	r := gpu.DefaultRules()
	r.Slots = 2
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, ok := gpu.Rank(s, r).Choose(r.Policy, uint64(i)); !ok {
			b.Fatal("none is fit")
		}
	}
}
