package gpu

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Candidate is a node that may take a worker.
type Candidate struct {
	Node     string        `json:"node"`
	Score    float64       `json:"score"`    // what the policy orders by; less is better
	Measured float64       `json:"measured"` // the sample's ratio
	Added    float64       `json:"added"`    // what was placed since the sample, less what ended since
	Age      time.Duration `json:"age"`      // of the sample
	Free     int           `json:"free"`     // slots
	Fallback bool          `json:"fallback,omitempty"`
}

// Refusal is a node that may not, and why.
type Refusal struct {
	Node   string `json:"node"`
	Reason string `json:"reason"`
}

// Ranking is the candidates, the best first, and everybody else with the reason.
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

// Choose takes the node for one pod. The draw decides where the policy leaves it to chance and between equals; give each pod
// its own, such as a hash of its UID, and the decision can be made again.
func (r Ranking) Choose(p Policy, draw uint64) (Candidate, bool) {
	if len(r.Candidates) == 0 {
		return Candidate{}, false
	}
	return r.Candidates[0], true
}

// Rank orders the nodes that may take a worker at the moment of the snapshot.
func Rank(s Snapshot, r Rules) Ranking {
	samples := map[string]Sample{}
	for _, m := range s.Samples {
		samples[m.Node] = m
	}
	held := workersByNode(s.Workers)
	var out Ranking
	for _, n := range s.Nodes {
		sample, known := samples[n.Name]
		if why := refuse(s.At, n, sample, known, held[n.Name], r); why != "" {
			out.Refused = append(out.Refused, Refusal{Node: n.Name, Reason: why})
			continue
		}
		out.Candidates = append(out.Candidates, candidate(s.At, sample, held[n.Name], r))
	}
	slices.SortStableFunc(out.Candidates, func(a, b Candidate) int { return cmp.Compare(a.Score, b.Score) })
	return out
}

func workersByNode(all []Worker) map[string][]Worker {
	by := map[string][]Worker{}
	for _, w := range all {
		by[w.Node] = append(by[w.Node], w)
	}
	return by
}

func refuse(now time.Time, n Node, m Sample, known bool, held []Worker, r Rules) string {
	switch age := now.Sub(m.At); {
	case !n.Ready:
		return "not ready"
	case n.Cordoned:
		return "cordoned"
	case len(n.Untolerated) > 0:
		return "taint not tolerated: " + n.Untolerated[0]
	case n.Excluded != "":
		return n.Excluded
	case !known:
		return "no GPU sample"
	case age > r.MaxAge:
		return fmt.Sprintf("GPU sample is %s old, at most %s", age.Round(time.Second), r.MaxAge)
	case m.Utilization >= r.Threshold:
		return fmt.Sprintf("GPU at %.0f %%, threshold %.0f %%", 100*m.Utilization, 100*r.Threshold)
	case running(held) >= r.Slots:
		return fmt.Sprintf("holds %d of %d workers", running(held), r.Slots)
	}
	return ""
}

func candidate(now time.Time, m Sample, held []Worker, r Rules) Candidate {
	added := 0.0
	for _, w := range held {
		if w.PlacedAt.After(m.At) && !w.Ended() {
			added += r.WorkerLoad
		}
	}
	return Candidate{
		Node: m.Node, Score: m.Utilization + added, Measured: m.Utilization, Added: added, Age: now.Sub(m.At),
		Free: r.Slots - running(held),
	}
}

func running(held []Worker) int {
	n := 0
	for _, w := range held {
		if !w.Ended() {
			n++
		}
	}
	return n
}
