package gpu

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Decision is one choice of placement with everything it was made from.
type Decision struct {
	Pod      string   `json:"pod"`               // or what else is placed, such as a ScaledJob
	Current  string   `json:"current,omitempty"` // the node that was to be kept unless another is better (DecideKeeping)
	Draw     uint64   `json:"draw"`
	Rules    Rules    `json:"rules"`
	Snapshot Snapshot `json:"snapshot"` // cleaned, so that JSON can carry it
	Ranking  Ranking  `json:"ranking"`
	Node     string   `json:"node,omitempty"` // "": none was fit, and the pod waits
}

// Decide ranks and chooses for one pod.
func Decide(pod string, draw uint64, s Snapshot, r Rules) Decision {
	return DecideKeeping(pod, "", draw, s, r)
}

// DecideKeeping ranks, and keeps the current node unless another is better by the hysteresis: for what is placed again and
// again, such as the affinity of a ScaledJob.
func DecideKeeping(target, current string, draw uint64, s Snapshot, r Rules) Decision {
	s = s.Clean()
	d := Decision{Pod: target, Current: current, Draw: draw, Rules: r, Snapshot: s, Ranking: Rank(s, r)}
	if c, ok := d.choose(); ok {
		d.Node = c.Node
	}
	return d
}

func (d Decision) choose() (Candidate, bool) {
	if d.Current != "" {
		return d.Ranking.Keep(d.Current, d.Rules.Policy, d.Draw, d.Rules.Hysteresis)
	}
	return d.Ranking.Choose(d.Rules.Policy, d.Draw)
}

// Validate says what a record lacks to be decided again. It is for records from files; what this program decides is whole.
func (d Decision) Validate() error {
	if d.Snapshot.At.IsZero() {
		return errors.Join(errors.New("it does not say when it was made (snapshot.at)"), d.Rules.Validate())
	}
	return d.Rules.Validate()
}

// Again makes the decision again from its record; a different node means that the record or the rules of ranking changed.
func (d Decision) Again() Decision {
	return DecideKeeping(d.Pod, d.Current, d.Draw, d.Snapshot, d.Rules)
}

// Explain says in one line where the pod goes and why, or why nowhere.
func (d Decision) Explain() string {
	chosen, ok := d.Ranking.Find(d.Node)
	if !ok {
		return d.Ranking.ExplainNone()
	}
	line := fmt.Sprintf("%s: %s", chosen.Node, chosen.describe())
	if next, ok := d.Ranking.RunnerUp(d.Node); ok {
		line += fmt.Sprintf("; next %s: %s", next.Node, next.describe())
	} else {
		line += "; no other node is fit"
	}
	return line
}

// describe says what a candidate was judged by.
func (c Candidate) describe() string {
	what := "GPU"
	if c.CPU {
		what = "no GPU, CPU"
	}
	line := fmt.Sprintf("%s at %s, measured %s ago", what, percent(c.Measured), round(c.Age))
	if c.Added > rounding || c.Added < -rounding {
		line += fmt.Sprintf(", by now about %s with workers of ours", percent(c.Score))
	}
	if c.Fallback {
		line += " (fallback)"
	}
	return line
}

// reasonsShown is how many nodes a line names.
const reasonsShown = 3

// ExplainNone says why no node is fit: how many were refused for what, and a few of them by name.
func (r Ranking) ExplainNone() string {
	if len(r.Refused) == 0 {
		return "no node is known"
	}
	counts := r.RefusedByKind()
	kinds := make([]Kind, 0, len(counts))
	for k := range counts {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	var parts []string
	for _, k := range kinds {
		parts = append(parts, fmt.Sprintf("%d %s", counts[k], k))
	}
	var named []string
	for _, f := range r.telling()[:min(reasonsShown, len(r.Refused))] {
		named = append(named, f.Node+": "+f.Reason)
	}
	if more := len(r.Refused) - len(named); more > 0 {
		named = append(named, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("none of %d nodes is fit (%s): %s", len(r.Refused), strings.Join(parts, ", "), strings.Join(named, "; "))
}

// telling orders the refused so that those come first that could take a worker at another time: a control plane's taint explains nothing.
func (r Ranking) telling() []Refusal {
	never := func(f Refusal) int {
		if f.Kind == Tainted || f.Kind == Excluded {
			return 1
		}
		return 0
	}
	all := slices.Clone(r.Refused)
	slices.SortStableFunc(all, func(a, b Refusal) int { return never(a) - never(b) })
	return all
}

// RefusedByKind counts the refused nodes.
func (r Ranking) RefusedByKind() map[Kind]int {
	counts := map[Kind]int{}
	for _, f := range r.Refused {
		counts[f.Kind]++
	}
	return counts
}
