package config

import "time"

// Placing says which GPU nodes may take a worker. Ratios are 0 to 1.
type Placing struct {
	GPUThreshold  float64       `name:"gpu-threshold" help:"A GPU that is busy for this part of the time or more takes no more workers." default:"0.8"`
	SampleMaxAge  time.Duration `help:"A GPU, CPU or memory sample older than this says nothing, and a node without a sample is no candidate." default:"1m"`
	WorkerLoad    float64       `help:"What one worker adds to a GPU's load, until a sample shows it." default:"0.3"`
	Slots         int           `help:"Workers that a node may hold at a time." default:"${slots}"`
	Fallback      string        `help:"Nodes to take when a picture has waited for --fallback-after: ${enum}. Wait: none. Cpu: nodes without a GPU. Any: also GPUs over the threshold, but none whose load is unknown." enum:"wait,cpu,any" default:"wait"`
	FallbackAfter time.Duration `help:"How long a picture waits for a GPU under the threshold." default:"2m"`
}

// Ranking is Placing and what only a cluster has: CPUs and memory that are measured, and placements that are thought over.
type Ranking struct {
	Placing         `embed:""`
	CPUThreshold    float64       `name:"cpu-threshold" help:"A node whose CPU is busy for this part or more takes no worker, where CPUs are measured (0: not looked at)." default:"0.9"`
	MemoryThreshold float64       `help:"A node whose memory is in use to this part or more takes no worker, where it is measured (0: not looked at)." default:"0.95"`
	CPUWorkerLoad   float64       `name:"cpu-worker-load" help:"What one worker adds to the CPU's load of a node without a GPU, until a sample shows it." default:"0.5"`
	Hysteresis      float64       `help:"By how much less load another node is better." default:"0.1"`
	RebalanceWindow time.Duration `help:"A worker is asked to leave when others kept its GPU over the threshold for so long (0: never)." default:"2m"`
}
