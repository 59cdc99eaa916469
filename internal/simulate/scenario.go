// Package simulate compares policies of placement offline: a discrete-event simulation of nodes, samples that grow old, and
// Jobs, whose placements are made by gpu.Rank and gpu.Ranking.Choose, the very functions that place pods in a cluster. It is
// pure and deterministic: the same scenario and seed give the same outcome (but for the last place of sums, which processors
// round differently), and all policies meet the same loads and arrivals. It reads no clock and no network; it knows nothing of Kubernetes, and models the way from a waiting
// capture to a running Job by two delays.
package simulate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"plumbline/internal/gpu"
)

// Change names how the nodes' background load changes with time.
type Change string

// The changes.
const (
	Constant Change = "constant" // not at all
	Walk     Change = "walk"     // a step up or down each second, as likely either way
	Steps    Change = "steps"    // a new load now and then, as when another program starts or ends
)

// Changes are all of them, the default first.
func Changes() []Change { return []Change{Constant, Walk, Steps} }

// Oracle is the policy that no cluster can have: least-loaded with the true load of the very moment.
const Oracle gpu.Policy = "oracle"

// Scripts is the policy `original` as the Python scripts ran it: they counted no slots, so all that is born between two samples
// goes to one node, and what does not fit there waits there.
const Scripts gpu.Policy = "original-no-slots"

// Policies are all that can be compared.
func Policies() []gpu.Policy {
	return []gpu.Policy{Oracle, gpu.LeastLoaded, gpu.TwoChoices, gpu.Original, Scripts}
}

// Scenario is a cluster, its load and its work. Loads are ratios.
type Scenario struct {
	Name  string    `json:"name,omitempty"`
	Nodes int       `json:"nodes"`
	Loads []float64 `json:"loads,omitempty"` // of others, one a node; empty: drawn by the seed, evenly between the next two
	Least float64   `json:"least"`
	Most  float64   `json:"most"`

	Change    Change        `json:"change"`
	WalkStep  float64       `json:"walk_step"`  // standard deviation of a second's step
	StepEvery time.Duration `json:"step_every"` // mean time between steps

	Scrape     time.Duration `json:"scrape"`      // between two samples of a node; each node has its own phase
	Pictures   int           `json:"pictures"`    // captures in all
	Rate       float64       `json:"rate"`        // captures a second, at random moments; 0: all at once
	Base       time.Duration `json:"base"`        // what a capture takes on an idle GPU
	MostLoad   float64       `json:"most_load"`   // bounds the slowdown: at 0.95 a capture takes twenty times as long as on an idle GPU
	WorkerLoad float64       `json:"worker_load"` // what a running Job truly adds to its GPU; Rules.WorkerLoad is what is believed
	Learn      bool          `json:"learn"`       // believe what samples teach (gpu.LearnLoad), drawn towards Rules.WorkerLoad
	Room       int           `json:"room"`        // Jobs that fit a node at a time; Kubernetes lets further ones wait there; 0: as many as slots
	JobSize    int           `json:"job_size"`    // captures that a Job takes when it starts
	ColdStart  time.Duration `json:"cold_start"`  // from placed to running
	Poll       time.Duration `json:"poll"`        // between two looks for waiting captures
	Limit      time.Duration `json:"limit"`       // the simulation ends here, whatever still waits

	Rules    gpu.Rules `json:"rules"` // Rules.Policy is not looked at: each policy has a run of its own
	Recorded *Recorded `json:"-"`     // loads of others as they were measured, in place of synthetic ones
}

// Default is a middling cluster with a burst of pictures; cold start and poll are what a real kubelet and KEDA took.
func Default() Scenario {
	r := gpu.DefaultRules()
	r.Slots = 4
	return Scenario{
		Nodes: 8, Most: 0.9, Change: Constant, WalkStep: 0.02, StepEvery: time.Minute, Scrape: 15 * time.Second, Pictures: 200, Base: 2 * time.Second,
		MostLoad: 0.95, WorkerLoad: r.WorkerLoad, JobSize: 1, ColdStart: 2 * time.Second, Poll: time.Second, Limit: 24 * time.Hour, Rules: r,
	}
}

// Study is the scenario of docs/placement.md, fixed before anything was measured: eight nodes of unequal load, a burst of 200
// pictures, samples every 15 s, a capture is acknowledged when its Job ends. Its seeds are StudySeeds.
func Study() Scenario {
	s := Default()
	s.Name = "eight nodes of unequal load, a burst of 200 pictures"
	return s
}

// StudySeeds are the seeds 1 to 20.
func StudySeeds() []uint64 { return Seeds(20) }

// Seeds are 1 to n.
func Seeds(n int) []uint64 {
	all := make([]uint64, n)
	for i := range all {
		all[i] = uint64(i) + 1
	}
	return all
}

// Duration is how long a capture takes on a GPU that is loaded so much by others when its Job starts.
func (s Scenario) Duration(load float64) time.Duration {
	return time.Duration(float64(s.Base) / (1 - min(max(load, 0), s.MostLoad)))
}

// most of what a scenario may ask for, so that a slip of the pen does not run for hours.
const (
	mostNodes    = 10000
	mostPictures = 1000000
)

// Validate says what cannot be simulated, all of it.
func (s Scenario) Validate() error {
	positive := func(what string, d time.Duration) error {
		return unless(d > 0, "the %s is %s: give more than nothing", what, d)
	}
	ratio := func(what string, v float64) error {
		return unless(v >= 0 && v <= 1, "the %s is %g: give a ratio from 0 to 1", what, v)
	}
	return errors.Join(
		unless(s.Nodes >= 1 && s.Nodes <= mostNodes, "%d nodes: give 1 to %d", s.Nodes, mostNodes),
		unless(s.Pictures >= 1 && s.Pictures <= mostPictures, "%d pictures: give 1 to %d", s.Pictures, mostPictures),
		unless(len(s.Loads) == 0 || len(s.Loads) == s.Nodes, "%d loads for %d nodes: give one a node", len(s.Loads), s.Nodes),
		unless(!slices.ContainsFunc(s.Loads, func(v float64) bool { return !(v >= 0 && v <= 1) }), "a load is a ratio from 0 to 1"),
		ratio("least load", s.Least), ratio("greatest load", s.Most), ratio("load of a worker", s.WorkerLoad), ratio("step of the walk", s.WalkStep),
		unless(s.Least <= s.Most, "the least load, %g, is over the greatest, %g", s.Least, s.Most),
		unless(slices.Contains(Changes(), s.Change), "there is no change %q; there are %s, %s and %s", s.Change, Constant, Walk, Steps),
		unless(s.Rate >= 0 && !math.IsInf(s.Rate, 1), "the rate is %g: give captures a second, or 0 for all at once", s.Rate),
		unless(s.MostLoad >= 0 && s.MostLoad < 1, "the load that bounds the slowdown is %g: give a ratio from 0 to below 1", s.MostLoad),
		unless(s.Room >= 0, "room for %d Jobs: give 0 (as many as slots) or more", s.Room),
		unless(s.JobSize >= 1, "a Job of %d captures: give at least 1", s.JobSize),
		unless(s.ColdStart >= 0, "the cold start is %s: give nothing or more", s.ColdStart),
		positive("time between samples", s.Scrape), positive("time of a capture", s.Base), positive("time between polls", s.Poll),
		positive("time between steps", s.StepEvery), positive("limit", s.Limit),
		s.Rules.Validate(),
	)
}

func unless(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}
