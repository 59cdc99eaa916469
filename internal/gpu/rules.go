package gpu

import (
	"fmt"
	"time"
)

// Policy names the way in which candidates are ordered.
type Policy string

// The policies.
const (
	LeastLoaded Policy = "least-loaded" // lowest measured load plus what was placed since the sample
	TwoChoices  Policy = "two-choices"  // the less loaded of two candidates drawn by lot
	Original    Policy = "original"     // the lowest sample, whatever was placed since: what the Python scripts did
)

// Fallback names the nodes that are taken when the oldest capture waited too long for a GPU under the threshold.
type Fallback string

// The fallbacks.
const (
	FallbackWait Fallback = "wait" // none: captures wait
	FallbackCPU  Fallback = "cpu"  // nodes without a GPU, the one with the least CPU load first
	FallbackAny  Fallback = "any"  // those, and GPU nodes over the threshold; never a node whose load is unknown
)

// Rules are what an operator may set.
type Rules struct {
	Policy     Policy        `json:"policy"`
	Threshold  float64       `json:"threshold"`   // a GPU at or over this ratio takes no more workers
	MaxAge     time.Duration `json:"max_age"`     // a sample older than this is unknown
	WorkerLoad float64       `json:"worker_load"` // what one worker adds to a GPU's ratio, until a sample shows it
	Slots      int           `json:"slots"`       // workers of ours that a node may hold at a time

	CPUThreshold    float64 `json:"cpu_threshold"`    // a node at or over this ratio is no candidate; 0: not looked at
	MemoryThreshold float64 `json:"memory_threshold"` // likewise

	Hysteresis float64 `json:"hysteresis"` // a node must be better by this ratio to take another's place

	Fallback      Fallback      `json:"fallback"`
	FallbackAfter time.Duration `json:"fallback_after"`
}

// DefaultRules are what `plumbline control` starts with.
func DefaultRules() Rules {
	return Rules{
		Policy: LeastLoaded, Threshold: 0.8, MaxAge: 60 * time.Second, WorkerLoad: 0.3, Slots: 1,
		CPUThreshold: 0.9, MemoryThreshold: 0.95, Hysteresis: 0.1, Fallback: FallbackWait, FallbackAfter: 2 * time.Minute,
	}
}

// Validate says what cannot be honoured.
func (r Rules) Validate() error {
	switch r.Policy {
	case LeastLoaded, TwoChoices, Original:
	default:
		return fmt.Errorf("there is no policy %q; there are %s, %s and %s", r.Policy, LeastLoaded, TwoChoices, Original)
	}
	switch r.Fallback {
	case FallbackWait, FallbackCPU, FallbackAny:
	default:
		return fmt.Errorf("there is no fallback %q; there are %s, %s and %s", r.Fallback, FallbackWait, FallbackCPU, FallbackAny)
	}
	if r.Threshold <= 0 || r.Threshold > 1 {
		return fmt.Errorf("the threshold is a ratio over 0 and up to 1, not %g", r.Threshold)
	}
	if r.Slots < 1 {
		return fmt.Errorf("a node needs at least one slot, not %d", r.Slots)
	}
	if r.MaxAge <= 0 {
		return fmt.Errorf("the greatest age of a sample must be more than nothing, not %s", r.MaxAge)
	}
	return nil
}
