//go:build linux

package cases

import (
	"context"
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
var policies = []gpu.Policy{simulate.Oracle, gpu.LeastLoaded, gpu.TwoChoices, gpu.Original}

// Marks of docs/placement.md between which the measured table stands.
const (
	beginMeasured = "<!-- measured -->"
	endMeasured   = "<!-- end of measured -->"
)

// atATime is how many runs there are at a time. Each has nodes and a controller of its own; they share KEDA, the scheduler and
// the machine.
const atATime = 8

// Study plays the scenario of docs/placement.md with the real controller, KEDA and scheduler on KWOK's nodes, for each policy and
// the seeds 1 to n, and gives the table. It takes as long as the pictures do: some five minutes for each eight runs.
func Study(ctx context.Context, w *World, n int, progress io.Writer) (string, error) {
	means := map[gpu.Policy][]float64{}
	var mutex sync.Mutex
	runs, ctx := errgroup.WithContext(ctx)
	runs.SetLimit(atATime)
	for i, seed := range simulate.Seeds(n) {
		for j, policy := range policies {
			runs.Go(func() error {
				r := &run{w: w, scenario: simulate.Study(), policy: policy, seed: seed, port: 10000 + 2*(i*len(policies)+j)}
				start := time.Now()
				mean, err := r.play(ctx)
				if err != nil {
					return err
				}
				mutex.Lock()
				defer mutex.Unlock()
				means[policy] = append(means[policy], mean)
				fmt.Fprintf(progress, "%s: mean response %.1f s (the run took %.0f s)\n", r.name(), mean, time.Since(start).Seconds())
				return nil
			})
		}
	}
	if err := runs.Wait(); err != nil {
		return "", err
	}
	return studyTable(means, n), nil
}

func studyTable(means map[gpu.Policy][]float64, seeds int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d seeds, %d runs at a time:\n\n", time.Now().UTC().Format(time.DateOnly), seeds, atATime)
	fmt.Fprintln(&b, "| policy | mean response, median over seeds | to oracle | least and most over seeds |\n|---|---|---|---|")
	oracle := median(means[simulate.Oracle])
	for _, p := range policies {
		fmt.Fprintf(&b, "| `%s` | %.1f s | %.2f | %.1f to %.1f s |\n", p, median(means[p]), median(means[p])/oracle, slices.Min(means[p]), slices.Max(means[p]))
	}
	return b.String()
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// WriteStudy puts a study's table into a document.
func WriteStudy(file, table string) error { return between(file, beginMeasured, endMeasured, table) }

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
