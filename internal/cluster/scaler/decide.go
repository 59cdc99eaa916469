package scaler

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"plumbline/internal/gpu"
)

// Job is an unfinished Job of a ScaledJob.
type Job struct {
	Name    string   `json:"name"`
	Pending bool     `json:"pending,omitempty"` // to KEDA
	Gated   bool     `json:"gated,omitempty"`   // none of its pods has a node yet, or it has no pod yet
	Pods    []string `json:"pods,omitempty"`
}

// Backlog is what waits in the hub, and who has begun to work.
type Backlog struct {
	Waiting int       `json:"waiting"`
	Leased  int       `json:"leased"`
	Dead    int       `json:"dead"`
	Oldest  time.Time `json:"oldest,omitzero"`  // when the oldest of those that wait was accepted
	Claimed []string  `json:"claimed"`          // pods that have claimed a capture at least once
	ReadAt  time.Time `json:"read_at,omitzero"` // zero: never
}

// Inputs are all that a decision is made from.
type Inputs struct {
	At        time.Time    `json:"at"`
	Namespace string       `json:"namespace"`
	ScaledJob string       `json:"scaled_job"`
	Trigger   Trigger      `json:"trigger"`
	Strategy  Strategy     `json:"strategy"`
	Jobs      []Job        `json:"jobs"`
	Backlog   *Backlog     `json:"backlog"`           // nil: not known
	Blind     bool         `json:"blind,omitempty"`   // the cluster can't be seen: Jobs, nodes and strategy are not known
	Unknown   string       `json:"unknown,omitempty"` // why backlog or cluster are not known
	Snapshot  gpu.Snapshot `json:"snapshot"`
}

// Decision is how many Jobs are wanted, with everything that it was made from.
type Decision struct {
	Inputs
	Count
	Needed    int         `json:"needed"`    // Jobs that the waiting captures ask for; means nothing where those are not known
	Unclaimed int         `json:"unclaimed"` // unfinished Jobs that have not claimed a capture yet
	Free      int         `json:"free"`      // slots on nodes that may take a worker
	Gated     int         `json:"gated"`     // unfinished Jobs that have no node yet, and will take one of those slots
	New       int         `json:"new"`       // Jobs to create
	Answer    int         `json:"answer"`    // the metric from which KEDA creates them
	Because   string      `json:"because"`
	Ranking   gpu.Ranking `json:"ranking"`
}

// Decide says how many Jobs are wanted:
//
//	new = max(0, min(ceil(waiting / capturesPerJob) - unclaimed, free slots - gated))
//
// Nodes without a fresh sample have no free slots, and an unknown backlog asks for no Job; so what is not known never
// starts one; and nothing that KEDA is answered ends one.
func Decide(in Inputs) Decision {
	in.Snapshot = in.Snapshot.Clean()
	if in.Backlog == nil && in.Unknown == "" {
		in.Unknown = "what waits was not read"
	}
	d := Decision{Inputs: in, Ranking: gpu.Rank(in.Snapshot, in.Trigger.Rules)}
	d.Free = d.Ranking.FreeSlots()
	for _, j := range in.Jobs {
		d.Unfinished++
		if j.Pending {
			d.Pending++
		}
		if j.Gated {
			d.Gated++
		}
		if in.Backlog != nil && !in.Backlog.hasClaimed(j) {
			d.Unclaimed++
		}
	}
	if in.Unknown == "" {
		d.Needed = (in.Backlog.Waiting + in.Trigger.CapturesPerJob - 1) / in.Trigger.CapturesPerJob
		d.New = max(0, min(d.Needed-d.Unclaimed, d.Free-d.Gated))
	}
	d.Answer = in.Strategy.Answer(d.New, d.Count)
	d.Because = d.explain()
	return d
}

func (b *Backlog) hasClaimed(j Job) bool {
	return slices.ContainsFunc(j.Pods, func(pod string) bool { return slices.Contains(b.Claimed, pod) })
}

// Validate says what a record lacks to be decided again. It is for records from files; what this program decides is whole.
func (in Inputs) Validate() error {
	var lacking error
	if in.At.IsZero() || in.Snapshot.At.IsZero() {
		lacking = errors.New("it does not say when it was made (at, snapshot.at)")
	}
	if in.Backlog == nil && in.Unknown == "" {
		lacking = errors.Join(lacking, errors.New("it has no backlog, and does not say why (backlog, unknown)"))
	}
	if in.Backlog != nil && in.Backlog.Waiting < 0 {
		lacking = errors.Join(lacking, fmt.Errorf("%d captures can't wait (backlog.waiting)", in.Backlog.Waiting))
	}
	return errors.Join(lacking, in.Trigger.Validate())
}

// Again makes the decision again from its record.
func (d Decision) Again() Decision { return Decide(d.Inputs) }

// MarshalJSON leaves out the figures that are not known, rather than call them 0.
func (d Decision) MarshalJSON() ([]byte, error) {
	type whole Decision
	shown := struct {
		whole
		Needed     *int `json:"needed,omitempty"`
		Unclaimed  *int `json:"unclaimed,omitempty"`
		Free       *int `json:"free,omitempty"`
		Gated      *int `json:"gated,omitempty"`
		Unfinished *int `json:"unfinished,omitempty"`
		Pending    *int `json:"pending,omitempty"`
	}{whole: whole(d)}
	if d.Backlog != nil {
		shown.Needed, shown.Unclaimed = &d.Needed, &d.Unclaimed
	}
	if d.Blind {
		shown.Unclaimed = nil
	} else {
		shown.Free, shown.Gated, shown.Unfinished, shown.Pending = &d.Free, &d.Gated, &d.Unfinished, &d.Pending
	}
	return json.Marshal(shown) //nolint:wrapcheck // of nothing but plain values
}

// Same says whether two decisions came out alike.
func (d Decision) Same(o Decision) bool {
	return d.New == o.New && d.Answer == o.Answer && d.Because == o.Because
}

func (d Decision) explain() string {
	switch {
	case d.Unknown != "":
		return "no Job, since not everything is known: " + d.Unknown
	case d.Backlog.Waiting == 0:
		return "no Job: nothing waits"
	case d.New > 0 && d.New < d.Needed-d.Unclaimed:
		return fmt.Sprintf("%s of the %d that %s would need: there is no room for more", jobs(d.New), d.Needed-d.Unclaimed, d.waiting())
	case d.New > 0:
		return fmt.Sprintf("%s for %s", jobs(d.New), d.waiting())
	case d.Needed <= d.Unclaimed:
		return fmt.Sprintf("no Job more: %s that claimed nothing yet will do for %s", jobs(d.Unclaimed), d.waiting())
	case d.Free > 0:
		return fmt.Sprintf("no Job more: room for %s is taken by %s without a node yet", jobs(d.Free), jobs(d.Gated))
	case len(d.Ranking.Candidates) > 0:
		return "no Job: no node has a free slot"
	}
	return "no Job: " + d.Ranking.ExplainNone()
}

// kind is the explanation without its figures.
func (d Decision) kind() string {
	if d.Unknown != "" {
		return d.Unknown
	}
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, d.Because)
}

func (d Decision) waiting() string {
	if d.Backlog.Waiting == 1 {
		return "1 waiting capture"
	}
	return fmt.Sprintf("%d waiting captures", d.Backlog.Waiting)
}

func jobs(n int) string {
	if n == 1 {
		return "1 Job"
	}
	return fmt.Sprintf("%d Jobs", n)
}
