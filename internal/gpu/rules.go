package gpu

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Policy names the way in which candidates are ordered.
type Policy string

// The policies.
const (
	LeastLoaded Policy = "least-loaded" // lowest measured load plus what was placed since the sample
	TwoChoices  Policy = "two-choices"  // the less loaded, in the same sense, of two candidates drawn by lot
	Original    Policy = "original"     // the lowest sample, whatever was placed since: what the Python scripts did
)

// Policies are all of them, the default first.
func Policies() []Policy { return []Policy{LeastLoaded, TwoChoices, Original} }

// Fallback names the nodes that are taken when the oldest capture waited too long for a GPU under the threshold.
type Fallback string

// The fallbacks.
const (
	FallbackWait Fallback = "wait" // none: captures wait
	FallbackCPU  Fallback = "cpu"  // nodes without a GPU, the one with the least CPU load first
	FallbackAny  Fallback = "any"  // those, and GPU nodes over the threshold; never a node whose load is unknown
)

// Fallbacks are all of them, the default first.
func Fallbacks() []Fallback { return []Fallback{FallbackWait, FallbackCPU, FallbackAny} }

// Rules are what an operator may set.
type Rules struct {
	Policy     Policy        `json:"policy"`
	Threshold  float64       `json:"threshold"`   // a GPU at or over this ratio takes no more workers
	MaxAge     time.Duration `json:"max_age"`     // a sample older than this is unknown
	WorkerLoad float64       `json:"worker_load"` // what one worker adds to a GPU's ratio, until a sample shows it
	Slots      int           `json:"slots"`       // workers of ours that a node may hold at a time

	CPUThreshold    float64 `json:"cpu_threshold"`    // a node at or over this ratio is no candidate; 0: not looked at
	MemoryThreshold float64 `json:"memory_threshold"` // likewise
	CPUWorkerLoad   float64 `json:"cpu_worker_load"`  // what one worker adds to the CPU's ratio of a node without a GPU

	Hysteresis float64 `json:"hysteresis"` // a node must be better by this part of full load to take another's place

	Fallback      Fallback      `json:"fallback"`
	FallbackAfter time.Duration `json:"fallback_after"`

	RebalanceWindow time.Duration `json:"rebalance_window"` // how long a GPU must be over the threshold without our own workers
}

// DefaultRules are what `plumbline control` starts with.
func DefaultRules() Rules {
	return Rules{
		Policy: LeastLoaded, Threshold: 0.8, MaxAge: 60 * time.Second, WorkerLoad: 0.3, Slots: 1,
		CPUThreshold: 0.9, MemoryThreshold: 0.95, CPUWorkerLoad: 0.5, Hysteresis: 0.1, Fallback: FallbackWait, FallbackAfter: 2 * time.Minute,
		RebalanceWindow: 2 * time.Minute,
	}
}

// mostSlots keeps products of counts within an int, and counting slots one by one short.
const mostSlots = 1_000_000

// Validate says what cannot be honoured, all of it.
func (r Rules) Validate() error {
	return errors.Join(
		r.validateNames(),
		among("threshold", r.Threshold, r.Threshold > 0 && r.Threshold <= 1, "a ratio over 0 and up to 1"),
		among("worker load", r.WorkerLoad, isRatio(r.WorkerLoad), "a ratio from 0 to 1"),
		among("worker load on a CPU", r.CPUWorkerLoad, isRatio(r.CPUWorkerLoad), "a ratio from 0 to 1"),
		among("CPU threshold", r.CPUThreshold, isRatio(r.CPUThreshold), "a ratio from 0 (not looked at) to 1"),
		among("memory threshold", r.MemoryThreshold, isRatio(r.MemoryThreshold), "a ratio from 0 (not looked at) to 1"),
		among("hysteresis", r.Hysteresis, isRatio(r.Hysteresis) && r.Hysteresis < 1, "a ratio from 0 to below 1"),
		among("number of slots", r.Slots, r.Slots >= 1 && r.Slots <= mostSlots, fmt.Sprintf("one a node to %d", mostSlots)),
		among("greatest age of a sample", r.MaxAge, r.MaxAge > 0, "more than nothing"),
		among("time before falling back", r.FallbackAfter, r.FallbackAfter >= 0, "nothing or more"),
		among("window of rebalancing", r.RebalanceWindow, r.RebalanceWindow >= 0, "nothing (never) or more"),
	)
}

func (r Rules) validateNames() error {
	if !slices.Contains(Policies(), r.Policy) {
		return fmt.Errorf("there is no policy %q; there are %s, %s and %s", r.Policy, LeastLoaded, TwoChoices, Original)
	}
	if !slices.Contains(Fallbacks(), r.Fallback) {
		return fmt.Errorf("there is no fallback %q; there are %s, %s and %s", r.Fallback, FallbackWait, FallbackCPU, FallbackAny)
	}
	return nil
}

// isRatio is false for what is no number.
func isRatio(v float64) bool { return v >= 0 && v <= 1 }

func among(what string, value any, ok bool, want string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("the %s is %v: give %s", what, value, want)
}
