package gpu

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Candidate is a node that may take a worker.
type Candidate struct {
	Node     string        `json:"node"`
	Score    float64       `json:"score"`    // what the policy orders by; less is better
	Measured float64       `json:"measured"` // the sample's ratio; of a node without a GPU, the CPU's
	Added    float64       `json:"added"`    // what was placed since the sample, less what ended since
	Age      time.Duration `json:"age"`      // of the sample
	Free     int           `json:"free"`     // workers that can be placed one after the other: slots, and room below the threshold
	Fallback bool          `json:"fallback,omitempty"`
	CPU      bool          `json:"cpu,omitempty"` // a node without a GPU: the ratios are its CPU's
}

// Ranking is the candidates, the best first and those of the fallback last, and everybody else with the reason.
type Ranking struct {
	Candidates []Candidate `json:"candidates"`
	Refused    []Refusal   `json:"refused"`
}

// FreeSlots is how many workers could be placed now.
func (r Ranking) FreeSlots() int {
	sum := 0
	for _, c := range r.Candidates {
		sum += c.Free
	}
	return sum
}

// Rank orders the nodes that may take a worker at the moment of the snapshot. The order of the snapshot's slices does not
// matter, but for that of the refusals, which is that of the nodes.
func Rank(s Snapshot, r Rules) Ranking {
	all := gather(s.Clean(), r)
	out := Ranking{Candidates: make([]Candidate, 0, len(all))}
	for i := range all {
		if c, why := all[i].judge(); why == nil {
			out.Candidates = append(out.Candidates, c)
		} else {
			out.Refused = append(out.Refused, *why)
		}
	}
	slices.SortFunc(out.Candidates, compare)
	return out
}

// compare puts the fallback last, then the lower score first; names only make the order certain.
func compare(a, b Candidate) int {
	if a.Fallback != b.Fallback {
		if a.Fallback {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(a.Score, b.Score), strings.Compare(a.Node, b.Node))
}
