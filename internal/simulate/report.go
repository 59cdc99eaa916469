package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"

	"plumbline/internal/gpu"
)

// Seconds is a time that may never come: +Inf, which is null in JSON and "none" for people.
type Seconds float64

var never = Seconds(math.Inf(1))

// MarshalJSON writes null for what never came, which JSON has no number for.
func (s Seconds) MarshalJSON() ([]byte, error) {
	if s.none() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(s))
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Seconds) UnmarshalJSON(text []byte) error {
	*s = never
	if string(text) == "null" {
		return nil
	}
	return json.Unmarshal(text, (*float64)(s))
}

func (s Seconds) none() bool { return math.IsInf(float64(s), 1) }

// String is for tables.
func (s Seconds) String() string {
	if s.none() {
		return "none"
	}
	return fmt.Sprintf("%.1f s", float64(s))
}

// Summary is one policy: each figure is the median over the seeds. Responses are those of the pictures that were done.
type Summary struct {
	Policy        gpu.Policy `json:"policy"`
	Mean          Seconds    `json:"mean_seconds"` // of the responses
	Median        Seconds    `json:"median_seconds"`
	P95           Seconds    `json:"p95_seconds"`
	P99           Seconds    `json:"p99_seconds"`
	Took          Seconds    `json:"took_seconds"` // until all were done
	MaxBacklog    float64    `json:"max_backlog"`
	OverThreshold float64    `json:"over_threshold"`
	Placed        float64    `json:"placed"`
	Unfinished    int        `json:"unfinished"`         // of all seeds
	ToOracle      float64    `json:"to_oracle,omitzero"` // its mean response over the oracle's; 0: one of them is not known
	Means         []Seconds  `json:"means_seconds"`      // of each seed, in the seeds' order
}

// Report compares policies.
type Report struct {
	Scenario Scenario  `json:"scenario"`
	Seeds    []uint64  `json:"seeds"`
	Policies []Summary `json:"policies"`
	Runs     []Outcome `json:"-"`
}

// Compare runs every policy with every seed. Step is called with the number of captures that were just done; nil: not.
func Compare(ctx context.Context, s Scenario, policies []gpu.Policy, seeds []uint64, step func(int)) (Report, error) {
	if step == nil {
		step = func(int) {}
	}
	r := Report{Scenario: s, Seeds: seeds}
	for _, p := range policies {
		var runs []Outcome
		for _, seed := range seeds {
			o, err := run(ctx, s, p, seed, step)
			if err != nil {
				return r, err
			}
			runs = append(runs, o)
		}
		r.Policies, r.Runs = append(r.Policies, Summarize(p, runs)), append(r.Runs, runs...)
	}
	r.relate()
	return r, nil
}

// relate sets each policy beside the oracle.
func (r *Report) relate() {
	i := slices.IndexFunc(r.Policies, func(s Summary) bool { return s.Policy == Oracle })
	if i < 0 || r.Policies[i].Mean == 0 || r.Policies[i].Mean.none() {
		return
	}
	for j := range r.Policies {
		if !r.Policies[j].Mean.none() {
			r.Policies[j].ToOracle = float64(r.Policies[j].Mean / r.Policies[i].Mean)
		}
	}
}

// Summarize takes the medians over the runs of one policy, simulated or measured.
func Summarize(p gpu.Policy, runs []Outcome) Summary {
	s := Summary{Policy: p}
	over := func(f func(Outcome) float64) float64 {
		values := make([]float64, len(runs))
		for i, o := range runs {
			values[i] = f(o)
		}
		return median(values)
	}
	for _, o := range runs {
		s.Unfinished += o.Unfinished
		s.Means = append(s.Means, mean(o.Responses))
	}
	at := func(q float64) Seconds {
		return Seconds(over(func(o Outcome) float64 { return quantile(o.Responses, q) }))
	}
	s.Mean, s.Median, s.P95, s.P99 = median(s.Means), at(0.5), at(0.95), at(0.99)
	s.Took = Seconds(over(took))
	s.MaxBacklog = over(func(o Outcome) float64 { return float64(o.MaxBacklog) })
	s.OverThreshold = over(func(o Outcome) float64 { return float64(o.OverThreshold) })
	s.Placed = over(func(o Outcome) float64 { return float64(o.Placed) })
	return s
}

// took is how long a run took until everything was done, in seconds.
func took(o Outcome) float64 {
	if o.Unfinished > 0 {
		return float64(never)
	}
	return o.Took.Seconds()
}

func mean(all []time.Duration) Seconds {
	if len(all) == 0 {
		return never
	}
	sum := 0.0
	for _, d := range all {
		sum += d.Seconds()
	}
	return Seconds(sum / float64(len(all)))
}

func median[T ~float64](all []T) T {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// quantile is the smallest response that at least this part of all does not exceed (nearest rank), in seconds.
func quantile(all []time.Duration, q float64) float64 {
	if len(all) == 0 {
		return float64(never)
	}
	sorted := slices.Sorted(slices.Values(all))
	rank := int(q*float64(len(sorted))+1-1e-9) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)].Seconds()
}

// WriteTable writes the comparison for people.
func (r Report) WriteTable(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "RESPONSE: MEAN\tMEDIAN\tP95\tP99\tTO ORACLE\tALL DONE\tMAX BACKLOG\tPLACED\tOVER THRESHOLD\t  POLICY")
	for _, s := range r.Policies {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%.0f\t%.0f\t%.0f\t  %s\n", s.Mean, s.Median, s.P95, s.P99, s.toOracle(),
			s.Took, s.MaxBacklog, s.Placed, s.OverThreshold, s.Policy)
	}
	return w.Flush()
}

// WriteMarkdown writes the comparison for docs.
func (r Report) WriteMarkdown(out io.Writer) error {
	lines := []string{
		"| policy | mean response | to oracle | median | p95 | p99 | all done | placed on GPUs over the threshold |",
		"|---|---|---|---|---|---|---|---|",
	}
	for _, s := range r.Policies {
		lines = append(lines, fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s | %s | %.0f of %.0f |", s.Policy, s.Mean, s.toOracle(),
			s.Median, s.P95, s.P99, s.Took, s.OverThreshold, s.Placed))
	}
	for _, l := range lines {
		if _, err := fmt.Fprintln(out, l); err != nil {
			return err
		}
	}
	return nil
}

func (s *Summary) toOracle() string {
	if s.ToOracle == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", s.ToOracle)
}
