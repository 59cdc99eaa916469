package cli

import (
	"plumbline/internal/config"
	"plumbline/internal/gpu"
)

// rulesOf puts what was set for ranking into its words.
func rulesOf(c config.Ranking, policy gpu.Policy) gpu.Rules {
	return gpu.Rules{
		Policy: policy, Threshold: c.GPUThreshold, MaxAge: c.SampleMaxAge, WorkerLoad: c.WorkerLoad, Slots: c.Slots,
		CPUThreshold: c.CPUThreshold, MemoryThreshold: c.MemoryThreshold, CPUWorkerLoad: c.CPUWorkerLoad, Hysteresis: c.Hysteresis,
		Fallback: gpu.Fallback(c.Fallback), FallbackAfter: c.FallbackAfter, RebalanceWindow: c.RebalanceWindow,
	}
}
