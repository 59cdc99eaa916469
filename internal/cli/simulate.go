package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"plumbline/internal/config"
	"plumbline/internal/gpu"
	"plumbline/internal/simulate"
)

type simulateCommand struct {
	config.Simulate `embed:""`
	config.Placing  `embed:"" group:"Ranking"`

	Policies []string `help:"Policies to compare, separated by commas (default: all)." placeholder:"NAME" group:"Output" env:"-"`
	Seeds    int      `help:"Runs of each policy, with seeds from 1 on; the figures are the medians over them." default:"20" group:"Output" env:"-"`
	Plot     string   `help:"Draw the comparison into this SVG file." placeholder:"FILE.svg" type:"path" group:"Output" env:"-"`
	JSON     bool     `help:"Print one JSON object." name:"json" group:"Output"`
	Markdown bool     `help:"Print a table for docs." group:"Output" env:"-"`
}

// Help says what the words mean.
func (simulateCommand) Help() string {
	return `Plays pictures, workers and samples that grow old through the same code that places workers in a cluster, and compares:
  oracle             knows the true load of the moment, as no cluster can
  least-loaded       lowest measured load plus what was placed since the sample (the default in a cluster)
  two-choices        the less loaded of two nodes drawn by lot
  original           the lowest sample, whatever was placed since, held to --slots
  original-no-slots  the same as the Python scripts ran it: workers beyond --room wait on the node they were sent to

All simulated nodes have a GPU, and neither CPUs nor memory are simulated, so --fallback cpu is as wait here. A time that never came,
since nothing was done before --limit, is "none", and null in JSON.

A run is as good as its guesses. Measure --base and --worker-load on your own nodes, and record their load without workers:
  curl -G http://prometheus:9090/api/v1/query_range --data-urlencode 'query=avg by (node) (plumbline_gpu_utilization_ratio)' \
    -d start=2026-03-01T00:00:00Z -d end=2026-03-02T00:00:00Z -d step=15 > load.json

Examples:
  plumbline simulate
  plumbline simulate --nodes 3 --loads 0.1,0.5,0.7 --rate 0.5 --slots 2
  plumbline simulate --recorded load.json --base 4s --plot load.svg
  plumbline simulate --change walk --true-worker-load 0.5 --learn --json | jq '.policies[] | {policy, mean_seconds}'

The exit code is 0 when every picture was done before --limit, 1 when some were not, 2 when the command line is wrong.
docs/placement.md explains the rules.`
}

func (c *simulateCommand) Run(ctx context.Context, p *Process) error {
	scenario, policies, err := c.scenario()
	if err != nil {
		return misused(err)
	}
	bar := c.bar(p, len(policies)*c.Seeds*scenario.Pictures, scenario.Nodes)
	report, err := simulate.Compare(ctx, scenario, policies, simulate.Seeds(c.Seeds), func(n int) {
		if bar != nil {
			_ = bar.Add(n) // a bar that cannot be drawn is no reason to stop
		}
	})
	if bar != nil {
		_ = bar.Finish()
	}
	if errors.Is(err, context.Canceled) {
		return errors.New("stopped before the end: nothing is compared")
	}
	if err != nil {
		return fmt.Errorf("simulating: %w", err)
	}
	if err := c.write(p, report); err != nil {
		return err
	}
	for _, s := range report.Policies {
		if s.Unfinished > 0 {
			return fmt.Errorf("%s: %d of %d pictures were not done after %s; nodes may be over the threshold for good (--gpu-threshold, --loads)",
				s.Policy, s.Unfinished, c.Seeds*scenario.Pictures, scenario.Limit)
		}
	}
	return nil
}

// manyPictures is from how many pictures on, over all runs, a progress bar is worth its line, on eight nodes: about a second.
const manyPictures = 50000

func (c *simulateCommand) bar(p *Process, pictures, nodes int) *progressbar.ProgressBar {
	if pictures < manyPictures && pictures*nodes < 8*manyPictures || !isTerminal(p.Stderr) {
		return nil
	}
	return progressbar.NewOptions(pictures, progressbar.OptionSetWriter(p.Stderr), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("pictures"), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(barThrottle))
}

// barThrottle is how often the bar is drawn.
const barThrottle = 100 * time.Millisecond

// mostSeeds bounds --seeds.
const mostSeeds = 10000

func (c *simulateCommand) scenario() (s simulate.Scenario, policies []gpu.Policy, err error) {
	if c.Seeds < 1 || c.Seeds > mostSeeds {
		return s, nil, fmt.Errorf("--seeds is %d: give 1 to %d", c.Seeds, mostSeeds)
	}
	if len(c.Policies) == 0 {
		policies = simulate.Policies()
	}
	for _, name := range c.Policies {
		policy := gpu.Policy(strings.TrimSpace(name))
		if !slices.Contains(simulate.Policies(), policy) {
			return s, nil, fmt.Errorf("--policies: there is no policy %q; there are %q", policy, simulate.Policies())
		}
		if !slices.Contains(policies, policy) {
			policies = append(policies, policy)
		}
	}
	if c.Plot != "" && !strings.EqualFold(filepath.Ext(c.Plot), ".svg") {
		return s, nil, fmt.Errorf("--plot %s: give a name that ends in .svg, the one format that is drawn", c.Plot)
	}
	if c.JSON && c.Markdown {
		return s, nil, errors.New("--json and --markdown: give one of them")
	}
	s = simulate.Scenario{
		Loads: c.Loads, Least: c.LeastLoad, Most: c.MostLoad, Change: simulate.Change(c.Change), WalkStep: c.WalkStep,
		StepEvery: c.StepEvery, Scrape: c.Scrape, Pictures: c.Pictures, Rate: c.Rate, Base: c.Base, MostLoad: c.SlowestAt,
		WorkerLoad: c.TrueWorkerLoad, Learn: c.Learn, Room: c.Room, JobSize: c.JobSize, ColdStart: c.ColdStart, Poll: c.Poll, Limit: c.Limit,
		Rules: gpu.DefaultRules(),
	}
	s.Rules.Threshold, s.Rules.MaxAge, s.Rules.WorkerLoad, s.Rules.Slots = c.GPUThreshold, c.SampleMaxAge, c.Placing.WorkerLoad, c.Slots
	s.Rules.Fallback, s.Rules.FallbackAfter = gpu.Fallback(c.Fallback), c.FallbackAfter
	if c.TrueWorkerLoad == -1 {
		s.WorkerLoad = c.WorkerLoad
	}
	if c.Recorded != "" {
		if s.Recorded, err = c.readRecorded(); err != nil {
			return s, nil, err
		}
	}
	if s.Nodes, err = c.nodes(s.Recorded); err != nil {
		return s, nil, err
	}
	return s, policies, s.Validate()
}

// nodes is how many there are, which three flags may say; they must not contradict each other.
func (c *simulateCommand) nodes(r *simulate.Recorded) (int, error) {
	n, by := defaultNodes, ""
	switch {
	case r != nil && len(c.Loads) > 0:
		return 0, errors.New("--recorded and --loads: give one of them, for both say the background load")
	case r != nil:
		n, by = r.NodeCount(), "--recorded"
	case len(c.Loads) > 0:
		n, by = len(c.Loads), "--loads"
	case c.Nodes != nil:
		return *c.Nodes, nil
	}
	if c.Nodes != nil && *c.Nodes != n {
		return 0, fmt.Errorf("--nodes is %d, but %s has %d: leave --nodes out, or give as many loads", *c.Nodes, by, n)
	}
	return n, nil
}

// defaultNodes is what is simulated where nothing says how many nodes there are.
const defaultNodes = 8

func (c *simulateCommand) readRecorded() (*simulate.Recorded, error) {
	f, err := os.Open(c.Recorded)
	if err != nil {
		return nil, fmt.Errorf("--recorded: %w", err)
	}
	defer f.Close()
	r, err := simulate.ReadRecorded(f, simulate.Unit(c.RecordedIn))
	if err != nil {
		return nil, fmt.Errorf("--recorded %s: %w", c.Recorded, err)
	}
	return r, nil
}

func (c *simulateCommand) write(p *Process, r simulate.Report) error {
	if c.Plot != "" {
		var svg bytes.Buffer
		if err := r.WriteSVG(&svg); err != nil {
			return fmt.Errorf("drawing: %w", err)
		}
		if err := os.WriteFile(c.Plot, svg.Bytes(), 0o644); err != nil {
			return fmt.Errorf("writing the drawing: %w", err)
		}
	}
	switch {
	case c.JSON:
		return json.NewEncoder(p.Stdout).Encode(r)
	case c.Markdown:
		return r.WriteMarkdown(p.Stdout)
	}
	return r.WriteTable(p.Stdout)
}
