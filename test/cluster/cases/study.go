//go:build linux

package cases

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"plumbline/internal/gpu"
	"plumbline/internal/simulate"
)

// policies are those that are compared, the yardstick first.
var policies = []gpu.Policy{simulate.Oracle, gpu.LeastLoaded, gpu.TwoChoices, gpu.Original, simulate.Scripts}

// Marks of docs/placement.md between which the measured table stands.
const (
	beginMeasured = "<!-- measured -->"
	endMeasured   = "<!-- end of measured -->"
)

// StudyOptions say how much of the study is made.
type StudyOptions struct {
	Seeds   int           // 1 to this
	AtATime int           // runs, each with nodes and a controller of its own; they share KEDA, the scheduler and the machine
	Until   time.Duration // no run begins later than this after the first; 0: all do
	Results string        // file to which each run is added as a line; what is there already is not run again
}

// measured is one run as it stands in the results.
type measured struct {
	simulate.Outcome
	Seconds []float64        `json:"responses_seconds"`
	Left    []simulate.Point `json:"backlog"`
	Load    float64          `json:"load_average"` // of the machine, over the last minute of the run
}

// Study plays the scenario of docs/placement.md with the real controller, KEDA and scheduler on KWOK's nodes, for each policy and
// seed. It takes as long as the pictures do: a run two to seven minutes, most of which is waiting, so that many go side by side.
// A run that fails is told, and left out.
func Study(ctx context.Context, w *World, o StudyOptions, progress io.Writer) error {
	results, err := os.OpenFile(o.Results, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer results.Close()
	known, err := readResults(o.Results)
	if err != nil {
		return err
	}
	var runs errgroup.Group
	var mutex, bursts sync.Mutex
	var failed error
	runs.SetLimit(o.AtATime)
	begun := time.Now()
	for j, policy := range slices.Backward(policies) { // the scripts' way first: it takes longest
		for i, seed := range simulate.Seeds(o.Seeds) {
			if find(known, policy, seed) != nil || ctx.Err() != nil {
				continue
			}
			runs.Go(func() error {
				if o.Until > 0 && time.Since(begun) > o.Until || ctx.Err() != nil {
					return nil
				}
				r := &run{w: w, scenario: simulate.Study(), policy: policy, seed: seed, bursts: &bursts, port: 10000 + 2*(i*len(policies)+j)}
				outcome, err := r.play(ctx)
				mutex.Lock()
				defer mutex.Unlock()
				if err != nil {
					failed = errors.Join(failed, fmt.Errorf("%s: %w", r.name(), err))
					fmt.Fprintln(progress, failed)
					return nil
				}
				m := newMeasured(outcome)
				fmt.Fprintf(progress, "%s: %d pictures within %.0f s, load average %.1f\n", r.name(), len(m.Seconds), m.Took.Seconds(), m.Load)
				return json.NewEncoder(results).Encode(m)
			})
		}
	}
	return errors.Join(runs.Wait(), failed)
}

func newMeasured(o simulate.Outcome) measured {
	m := measured{Outcome: o, Left: o.Backlog, Load: loadAverage()}
	for _, d := range o.Responses {
		m.Seconds = append(m.Seconds, d.Seconds())
	}
	return m
}

func loadAverage() (average float64) {
	text, err := os.ReadFile("/proc/loadavg")
	if err == nil {
		fmt.Sscan(string(text), &average) //nolint:errcheck // 0 then
	}
	return average
}

// readResults gives the runs that a file holds; none where there is no file.
func readResults(file string) (all []measured, err error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m measured
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		m.Backlog = m.Left
		for _, s := range m.Seconds {
			m.Responses = append(m.Responses, time.Duration(s*float64(time.Second)))
		}
		all = append(all, m)
	}
	return all, lines.Err()
}

func find(all []measured, p gpu.Policy, seed uint64) *measured {
	for i := range all {
		if all[i].Policy == p && all[i].Seed == seed {
			return &all[i]
		}
	}
	return nil
}

// WriteStudy puts what was measured, beside what the simulation predicts of the same seeds, into a document, and draws it into
// picture.
func WriteStudy(ctx context.Context, results, document, picture string) error {
	all, err := readResults(results)
	if err != nil {
		return err
	}
	real, least, most := report(all)
	if len(real.Seeds) == 0 {
		return fmt.Errorf("%s has no seed with all of %v", results, policies)
	}
	predicted, err := simulate.Compare(ctx, simulate.Study(), policies, real.Seeds, nil)
	if err != nil {
		return err
	}
	var drawn bytes.Buffer
	if err := real.WriteSVG(&drawn); err != nil {
		return err
	}
	if err := os.WriteFile(picture, drawn.Bytes(), 0o644); err != nil {
		return err
	}
	return between(document, beginMeasured, endMeasured, studyTable(real, predicted, least, most))
}

// report brings the seeds together that every policy has played, and between which load averages that was.
func report(all []measured) (r simulate.Report, least, most float64) {
	r.Scenario = simulate.Study()
	r.Scenario.Name = "measured with KEDA and plumbline control"
	runs := map[gpu.Policy][]simulate.Outcome{}
	for _, seed := range simulate.StudySeeds() {
		whole := true
		for _, p := range policies {
			whole = whole && find(all, p, seed) != nil
		}
		if !whole {
			continue
		}
		r.Seeds = append(r.Seeds, seed)
		for _, p := range policies {
			m := find(all, p, seed)
			runs[p], r.Runs = append(runs[p], m.Outcome), append(r.Runs, m.Outcome)
			if most = max(most, m.Load); least == 0 || m.Load < least {
				least = m.Load
			}
		}
	}
	for _, p := range policies {
		r.Policies = append(r.Policies, simulate.Summarize(p, runs[p]))
	}
	for i := range r.Policies {
		r.Policies[i].ToOracle = float64(r.Policies[i].Mean / r.Policies[0].Mean)
	}
	return r, least, most
}

func studyTable(real, predicted simulate.Report, least, most float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d seeds; the machine's load average at the runs' ends %.1f to %.1f:\n\n", time.Now().UTC().Format(time.DateOnly), len(real.Seeds), least, most)
	fmt.Fprintln(&b, "| policy | mean response | to `oracle`, measured | to `oracle`, predicted | predicted | to `oracle` | median | p95 | all done | started on GPUs over the threshold |\n|---|---|---|---|---|---|---|---|---|---|")
	for i, m := range real.Policies {
		p := predicted.Policies[i]
		fmt.Fprintf(&b, "| `%s` | %.1f s | %.2f | %.2f | %.1f s | %.2f | %.1f s | %.1f s | %.1f s | %.0f of %.0f |\n", m.Policy, m.Mean, m.ToOracle, m.Mean/predicted.Policies[0].Mean, p.Mean, p.ToOracle, m.Median, m.P95, m.Took, m.OverThreshold, m.Placed)
	}
	return b.String()
}

// between replaces what stands between two marks of a document.
func between(file, begin, end, table string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		return fmt.Errorf("%s has no place for the table: put the lines %s and %s there", file, begin, end)
	}
	return os.WriteFile(file, []byte(before+begin+"\n"+table+end+after), 0o644)
}
