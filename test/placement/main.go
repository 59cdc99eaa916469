// Placement makes the tables and the picture of docs/placement.md: what the simulation predicts of the study's scenario
// (simulate.Study), and of others that differ from it in one respect.
//
//	go run ./test/placement [-docs docs/placement.md] [-picture docs/placement.svg]
//
// Tables replace what stands between the marks <!-- NAME --> and <!-- end of NAME -->; the rest of the page is left alone.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"plumbline/internal/gpu"
	"plumbline/internal/simulate"
)

func main() {
	docs := flag.String("docs", "docs/placement.md", "page whose tables are replaced")
	picture := flag.String("picture", "docs/placement.svg", "picture to draw")
	flag.Parse()
	if err := run(*docs, *picture); err != nil {
		fmt.Fprintln(os.Stderr, "placement:", err)
		os.Exit(1)
	}
}

// run reads the page when all is computed: somebody may be writing it meanwhile.
func run(docs, picture string) error {
	study, svg, err := predicted()
	if err != nil {
		return err
	}
	others, err := varied()
	if err != nil {
		return err
	}
	page, err := os.ReadFile(docs)
	if err != nil {
		return err
	}
	if page, err = replaceSection(page, "predicted", study); err != nil {
		return err
	}
	if page, err = replaceSection(page, "varied", others); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(picture, svg, 0o644), os.WriteFile(docs, page, 0o644))
}

func compare(s simulate.Scenario, seeds []uint64) (simulate.Report, error) {
	if err := s.Validate(); err != nil {
		return simulate.Report{}, err
	}
	return simulate.Compare(context.Background(), s, simulate.Policies(), seeds, nil)
}

func predicted() (table string, svg []byte, err error) {
	r, err := compare(simulate.Study(), simulate.StudySeeds())
	if err != nil {
		return "", nil, err
	}
	var text, drawn bytes.Buffer
	if err := r.WriteMarkdown(&text); err != nil {
		return "", nil, err
	}
	err = r.WriteSVG(&drawn)
	return text.String(), drawn.Bytes(), err
}

// variant is the study but for one thing.
type variant struct {
	name   string
	change func(*simulate.Scenario)
	seeds  []uint64 // nil: the study's
}

func variants() []variant {
	second := func(n int) time.Duration { return time.Duration(n) * time.Second }
	var other []uint64
	for seed := uint64(21); seed <= 120; seed++ {
		other = append(other, seed)
	}
	all := []variant{
		{name: "the study", change: func(*simulate.Scenario) {}},
		{name: "seeds 21 to 120", change: func(*simulate.Scenario) {}, seeds: other},
		{name: "loads walk, 0.02 a second", change: func(s *simulate.Scenario) { s.Change = simulate.Walk }},
		{name: "loads jump, once a minute", change: func(s *simulate.Scenario) { s.Change = simulate.Steps }},
	}
	for _, n := range []int{1, 5, 30, 60} {
		all = append(all, variant{name: fmt.Sprintf("a sample every %d s", n), change: func(s *simulate.Scenario) { s.Scrape = second(n) }})
	}
	for _, n := range []int{1, 2, 8} {
		all = append(all, variant{name: fmt.Sprintf("slots and room: %d", n), change: func(s *simulate.Scenario) { s.Rules.Slots = n }})
	}
	for _, load := range []float64{0.1, 0.2, 0.45, 0.6} {
		all = append(all,
			variant{name: fmt.Sprintf("a worker adds %g, 0.3 is believed", load), change: func(s *simulate.Scenario) { s.WorkerLoad = load }},
			variant{name: "the same, learnt from samples", change: func(s *simulate.Scenario) { s.WorkerLoad, s.Learn = load, true }})
	}
	for _, rate := range []float64{0.5, 1} {
		all = append(all, variant{name: fmt.Sprintf("no burst: %g pictures a second", rate), change: func(s *simulate.Scenario) { s.Rate = rate }})
	}
	return append(all,
		variant{name: "an hour's work: 2,000 pictures, 0.6 a second, a worker adds 0.6", change: func(s *simulate.Scenario) { s.Pictures, s.Rate, s.WorkerLoad = 2000, 0.6, 0.6 }},
		variant{name: "the same, learnt from samples", change: func(s *simulate.Scenario) { s.Pictures, s.Rate, s.WorkerLoad, s.Learn = 2000, 0.6, 0.6, true }},
		variant{name: "a picture takes 10 s", change: func(s *simulate.Scenario) { s.Base = second(10) }},
		variant{name: "no cold start", change: func(s *simulate.Scenario) { s.ColdStart = 0 }},
		variant{name: "the slowest is 5 times the base, not 20", change: func(s *simulate.Scenario) { s.MostLoad = 0.8 }},
		variant{name: "30 nodes, 1,000 pictures", change: func(s *simulate.Scenario) { s.Nodes, s.Pictures = 30, 1000 }},
	)
}

// varied writes each policy's mean response in multiples of the oracle's.
func varied() (string, error) {
	var out strings.Builder
	fmt.Fprint(&out, "| what differs | `oracle`, mean |")
	for _, p := range simulate.Policies()[1:] {
		fmt.Fprintf(&out, " `%s` |", p)
	}
	fmt.Fprintln(&out, "\n|---|---|---|---|---|---|")
	for _, v := range variants() {
		s, seeds := simulate.Study(), v.seeds
		v.change(&s)
		if seeds == nil {
			seeds = simulate.StudySeeds()
		}
		r, err := compare(s, seeds)
		if err != nil {
			return "", fmt.Errorf("%s: %w", v.name, err)
		}
		fmt.Fprintf(&out, "| %s | %.1f s |", v.name, r.Policies[0].Mean)
		for _, p := range r.Policies[1:] {
			fmt.Fprintf(&out, " %s |", multiple(p))
		}
		fmt.Fprintln(&out)
	}
	return out.String(), nil
}

// multiple marks what the study wants of the default policy where it fails.
func multiple(s simulate.Summary) string {
	text := fmt.Sprintf("%.2f", s.ToOracle)
	if s.Policy == gpu.LeastLoaded && s.ToOracle > 1.2 {
		return "**" + text + "**"
	}
	return text
}

// replaceSection puts text between a pair of marks.
func replaceSection(page []byte, name, text string) ([]byte, error) {
	begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
	before, rest, found := bytes.Cut(page, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !found || !closed {
		return nil, fmt.Errorf("the page has no pair of marks %q and %q", strings.TrimSpace(begin), end)
	}
	return bytes.Join([][]byte{before, []byte(begin), []byte(text), []byte(end), after}, nil), nil
}
