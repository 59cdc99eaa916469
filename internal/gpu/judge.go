package gpu

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind groups refusals for counting.
type Kind string

// The kinds of refusal.
const (
	NotReady   Kind = "not-ready"
	Cordoned   Kind = "cordoned"
	Tainted    Kind = "tainted"
	Excluded   Kind = "excluded" // the template's own conditions
	Full       Kind = "full"     // all slots are taken
	CPUBusy    Kind = "cpu-busy"
	MemoryFull Kind = "memory-full"
	Unknown    Kind = "unknown" // no fresh sample of what the node would be chosen by
	GPUBusy    Kind = "gpu-busy"
	NoGPU      Kind = "no-gpu"
)

// Refusal is a node that may not take a worker, and why.
type Refusal struct {
	Node   string `json:"node"`
	Kind   Kind   `json:"kind"`
	Reason string `json:"reason"` // for people
}

// judgement is all there is to know of one node.
type judgement struct {
	now      time.Time
	rules    *Rules
	node     *Node
	sample   *Sample  // nil: none
	machine  *Machine // nil: none
	measured bool     // somebody measures machines at all, now
	late     bool     // the fallback counts
	unread   bool     // no load was read yet
	held     []*Worker
}

func (j *judgement) refuse(k Kind, format string, args ...any) *Refusal {
	return &Refusal{Node: j.node.Name, Kind: k, Reason: fmt.Sprintf(format, args...)}
}

// judge goes from what holds for every node to what the kind of node asks for.
func (j *judgement) judge() (Candidate, *Refusal) {
	if why := j.refusesAny(); why != nil {
		return Candidate{}, why
	}
	if why := j.refusesMachine(); why != nil {
		return Candidate{}, why
	}
	if j.unread && j.sample == nil { // whether it has a GPU is often told by its first sample
		return Candidate{}, j.refuse(Unknown, "its load was not read yet")
	}
	if j.node.GPU || j.sample != nil {
		return j.judgeGPU()
	}
	return j.judgeCPU()
}

func (j *judgement) refusesAny() *Refusal {
	switch n := j.node; {
	case n.Name == "":
		return j.refuse(Excluded, "has no name")
	case !n.Ready:
		return j.refuse(NotReady, "not ready")
	case n.Cordoned:
		return j.refuse(Cordoned, "cordoned")
	case len(n.Untolerated) > 0:
		return j.refuse(Tainted, "taint not tolerated: %s", strings.Join(n.Untolerated, ", "))
	case n.Excluded != "":
		return j.refuse(Excluded, "%s", n.Excluded)
	case running(j.held) >= j.rules.Slots:
		return j.refuse(Full, "holds %d of %d workers", running(j.held), j.rules.Slots)
	}
	return nil
}

// refusesMachine looks at CPU and memory where anybody measures them: then a node without them is unknown.
func (j *judgement) refusesMachine() *Refusal {
	r := j.rules
	if !j.measured || r.CPUThreshold <= 0 && r.MemoryThreshold <= 0 {
		return nil
	}
	if j.machine == nil {
		return j.refuse(Unknown, "no sample of CPU and memory, while other nodes have them")
	}
	if why := j.stale("CPU", j.machine.At); why != nil {
		return why
	}
	switch m := j.machine; {
	case r.CPUThreshold > 0 && m.CPU < 0:
		return j.refuse(Unknown, "CPU load is not known")
	case r.MemoryThreshold > 0 && m.Memory < 0:
		return j.refuse(Unknown, "memory in use is not known")
	case r.CPUThreshold > 0 && atOrOver(m.CPU, r.CPUThreshold):
		return j.refuse(CPUBusy, "CPU at %s, threshold %s", percent(m.CPU), percent(r.CPUThreshold))
	case r.MemoryThreshold > 0 && atOrOver(m.Memory, r.MemoryThreshold):
		return j.refuse(MemoryFull, "memory at %s, threshold %s", percent(m.Memory), percent(r.MemoryThreshold))
	}
	return nil
}

// stale refuses what was measured too long ago, and what claims to come from the future, which would never grow old.
func (j *judgement) stale(of string, at time.Time) *Refusal {
	switch age := j.now.Sub(at); {
	case at.IsZero():
		return j.refuse(Unknown, "%s sample does not say when it was measured", of)
	case age > j.rules.MaxAge:
		return j.refuse(Unknown, "%s sample is %s old, at most %s", of, round(age), j.rules.MaxAge)
	case -age > j.rules.MaxAge:
		return j.refuse(Unknown, "%s sample is %s in the future: the clocks differ", of, round(-age))
	}
	return nil
}

// judgeGPU is for nodes that have a GPU, or should have one.
func (j *judgement) judgeGPU() (Candidate, *Refusal) {
	switch {
	case j.sample == nil:
		return Candidate{}, j.refuse(Unknown, "no GPU sample")
	case j.sample.Invalid != "":
		return Candidate{}, j.refuse(Unknown, "GPU sample says nothing: %s", j.sample.Invalid)
	}
	if why := j.stale("GPU", j.sample.At); why != nil {
		return Candidate{}, why
	}
	c, m := j.candidate(j.sample.At), j.sample
	c.Measured, c.Score = m.Utilization, m.Utilization
	if j.rules.Policy != Original {
		c.Score, c.Added = expected(m.Utilization, m.At, m.Window, j.held, j.rules.WorkerLoad)
		c.Free = headroom(c.Score, j.rules.WorkerLoad, j.rules.Threshold, c.Free)
	}
	if !atOrOver(c.Score, j.rules.Threshold) {
		return c, nil
	}
	if j.late && j.rules.Fallback == FallbackAny {
		c.Fallback, c.Free = true, j.rules.Slots-running(j.held)
		return c, nil
	}
	return Candidate{}, j.refuse(GPUBusy, "GPU at %s%s, threshold %s", percent(m.Utilization), since(c), percent(j.rules.Threshold))
}

// judgeCPU is for nodes without a GPU, which only the fallback takes, and only where their CPU's load is known.
func (j *judgement) judgeCPU() (Candidate, *Refusal) {
	switch {
	case j.rules.Fallback == FallbackWait:
		return Candidate{}, j.refuse(NoGPU, "no GPU")
	case !j.late:
		return Candidate{}, j.refuse(NoGPU, "no GPU; taken when a capture has waited %s", j.rules.FallbackAfter)
	case j.machine == nil || j.machine.CPU < 0:
		return Candidate{}, j.refuse(Unknown, "no GPU, and its CPU load is not known")
	}
	if why := j.stale("CPU", j.machine.At); why != nil {
		return Candidate{}, why
	}
	c, m, limit := j.candidate(j.machine.At), j.machine, j.rules.CPUThreshold
	if limit <= 0 {
		limit = 1 + float64(j.rules.Slots) // not looked at
	}
	c.Fallback, c.CPU, c.Measured = true, true, m.CPU
	c.Score, c.Added = expected(m.CPU, m.At, m.Window, j.held, j.rules.CPUWorkerLoad)
	c.Free = headroom(c.Score, j.rules.CPUWorkerLoad, limit, c.Free)
	if atOrOver(c.Score, limit) {
		return Candidate{}, j.refuse(CPUBusy, "CPU at %s%s, threshold %s", percent(m.CPU), since(c), percent(limit))
	}
	return c, nil
}

func (j *judgement) candidate(at time.Time) Candidate {
	return Candidate{Node: j.node.Name, Age: max(0, j.now.Sub(at)), Free: j.rules.Slots - running(j.held)}
}

// since tells of the workers that the sample does not show, or shows no longer.
func since(c Candidate) string {
	if c.Added > -rounding && c.Added < rounding {
		return ""
	}
	return fmt.Sprintf(" %s ago, by now about %s with workers of ours", round(c.Age), percent(c.Score))
}

func percent(ratio float64) string { return strconv.FormatFloat(100*ratio, 'f', 0, 64) + " %" }

func round(d time.Duration) time.Duration { return d.Round(time.Second) }
