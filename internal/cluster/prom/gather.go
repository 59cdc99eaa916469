package prom

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"plumbline/internal/gpu"
)

// concurrent is how many questions one Prometheus is asked at a time.
const concurrent = 4

// round is one look at one Prometheus.
type round struct {
	o         *Options
	client    *client
	address   string
	directory directory
	at        time.Time // here, when it began

	mu    sync.Mutex
	notes []string
}

func (r *round) note(format string, values ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf(format, values...))
}

// ask puts questions and gives the answers in their order. A question that is refused is noted and has no answer; where
// Prometheus itself fails, so does ask.
func (r *round) ask(ctx context.Context, questions []string) ([][]series, error) {
	answers := make([][]series, len(questions))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrent)
	for i, q := range questions {
		group.Go(func() error {
			got, warnings, err := r.client.query(ctx, r.address, q)
			for _, w := range warnings {
				r.note("Prometheus warns: %s", w)
			}
			if refused := new(queryError); errors.As(err, &refused) {
				r.note("%s", refused)
				return nil
			}
			answers[i] = got
			return err
		})
	}
	return answers, group.Wait()
}

// reading asks everything.
func (r *round) reading(ctx context.Context) (Reading, error) {
	var questions []string
	for _, s := range r.o.Sources {
		questions = append(append(questions, s.load(r.o.Window, r.o.Forget)), s.times(r.o.Forget)...)
	}
	if !r.o.Machine.Off {
		questions = append(questions, r.o.Machine.CPU, r.o.Machine.Memory, r.o.Machine.Time)
	}
	answers, err := r.ask(ctx, questions)
	if err != nil {
		return Reading{}, err
	}
	nodes := figures{byNode: map[string][]figure{}, invalid: map[string]string{}}
	for rank, s := range r.o.Sources {
		if _, known := r.directory.named(s.Node); s.Node != "" && !known {
			r.note("no node is called %s, of which %s is said to be the load", s.Node, s.Query)
		}
		n := len(s.times(r.o.Forget))
		r.figures(&nodes, rank, s, answers[0], answers[1:1+n])
		answers = answers[1+n:]
	}
	out := Reading{At: r.at, From: hidden(r.address)}
	for _, node := range slices.Sorted(maps.Keys(nodes.byNode)) {
		out.Samples = append(out.Samples, r.sample(node, nodes.byNode[node]))
		delete(nodes.invalid, node)
	}
	for _, node := range slices.Sorted(maps.Keys(nodes.invalid)) {
		out.Samples = append(out.Samples, gpu.Sample{Node: node, At: r.at, Invalid: nodes.invalid[node]})
	}
	if !r.o.Machine.Off {
		out.Machines = r.machines(answers[0], answers[1], answers[2])
	}
	out.Notes = short(r.notes)
	return out, nil
}

// mostNotes are what a person reads; a cluster of a thousand strange series has one cause.
const mostNotes = 20

func short(notes []string) []string {
	slices.Sort(notes)
	notes = slices.Compact(notes)
	if more := len(notes) - mostNotes; more > 0 {
		notes = append(notes[:mostNotes:mostNotes], fmt.Sprintf("and %d more like these", more))
	}
	return notes
}

// figure is the load of one GPU by one source.
type figure struct {
	rank  int // of the source; less is preferred
	ratio float64
	age   time.Duration
}

// figures are all that is known of nodes.
type figures struct {
	byNode  map[string][]figure
	invalid map[string]string // why a node's series say nothing
}

// figures adds those of one source.
func (r *round) figures(nodes *figures, rank int, s Source, loads []series, times [][]series) {
	measured := make([]map[string]series, len(times))
	for i, t := range times {
		measured[i] = map[string]series{}
		for _, one := range t {
			measured[i][one.key()] = one
		}
	}
	for _, load := range loads {
		node, known := r.directory.named(s.Node)
		if s.Node == "" {
			node, known = r.directory.find(load.labels)
		}
		if !known {
			r.note("no node is known for %s", describe(load.labels, s.Query))
			continue
		}
		ratio, why := ratioOf(load.value, s.Unit, rounding)
		age := time.Duration(0)
		if why == "" {
			age, why = r.age(node, load.key(), measured)
		}
		if why != "" {
			nodes.invalid[node] = describe(load.labels, s.Query) + " says " + why
			r.note("%s: %s", node, nodes.invalid[node])
			continue
		}
		nodes.byNode[node] = append(nodes.byNode[node], figure{rank, ratio, age})
	}
}

// What is a little under 0 or over 1 is taken as 0 or 1; what is further off says that something else is measured.
const (
	rounding = 0.0005 // by sums and means
	// jitter is by a rate: a processor's counters were read some time before or after the moment that Prometheus notes for them. With
	// two scrapes a second apart, 50 ms make one that is idle 105 % idle; with 15 s apart 0.3 % more.
	jitter = 0.05
)

func ratioOf(value float64, unit Unit, slack float64) (float64, string) {
	ratio := value
	if unit == Percent {
		ratio = value / 100
	}
	if !(ratio >= -slack && ratio <= 1+slack) { // NaN is neither
		return 0, fmt.Sprintf("%.1g, which is no load in %s", value, unit) // coarse, so that the same trouble reads the same
	}
	return min(max(ratio, 0), 1), ""
}

// skew is how far a node's clock may be off before somebody should know.
const skew = time.Minute

// age is how old a series is, by the oldest of its times, on Prometheus's clock.
func (r *round) age(node, key string, measured []map[string]series) (time.Duration, string) {
	var oldest, youngest time.Duration
	for i, times := range measured {
		t, ok := times[key]
		if !ok || math.IsNaN(t.value) || math.IsInf(t.value, 0) {
			return 0, "not when it was measured"
		}
		age := t.asked.Sub(fromSeconds(t.value))
		if i == 0 {
			oldest, youngest = age, age
		}
		oldest, youngest = max(oldest, age), min(youngest, age)
	}
	if oldest < -skew {
		return 0, "that it was measured in the future"
	}
	if oldest-youngest > skew {
		r.note("%s: its clock and Prometheus's differ by about %s, or its samples come late", node, (oldest - youngest).Round(skew))
	}
	return max(oldest, 0), ""
}

// sample makes one of all figures of a node: of the preferred source that is not more than a window behind the freshest,
// and in it of the GPUs of which the same holds. What several GPUs tell is as old as the oldest of them.
func (r *round) sample(node string, all []figure) gpu.Sample {
	byAge := func(a, b figure) int { return cmp.Compare(a.age, b.age) }
	limit := slices.MinFunc(all, byAge).age + r.o.Window
	fresh := slices.DeleteFunc(slices.Clone(all), func(f figure) bool { return f.age > limit })
	rank := slices.MinFunc(fresh, func(a, b figure) int { return cmp.Compare(a.rank, b.rank) }).rank
	fresh = slices.DeleteFunc(fresh, func(f figure) bool { return f.rank != rank })
	for _, f := range all {
		if f.rank == rank && f.age > limit {
			r.note("%s: one of its GPUs tells nothing any more and is left out", node)
		}
	}
	return gpu.Sample{
		Node: node, Utilization: r.o.Several.of(fresh), At: r.at.Add(-slices.MaxFunc(fresh, byAge).age), Window: r.o.Window,
	}
}

func (s Several) of(all []figure) float64 {
	byRatio := func(a, b figure) int { return cmp.Compare(a.ratio, b.ratio) }
	switch s {
	case Least:
		return slices.MinFunc(all, byRatio).ratio
	case Most:
		return slices.MaxFunc(all, byRatio).ratio
	}
	sum := 0.0
	for _, f := range all {
		sum += f.ratio
	}
	return sum / float64(len(all))
}

// describe names a series so that a person finds it.
func describe(labels map[string]string, query string) string {
	var parts []string
	for _, l := range []string{"node", "instance", "gpu", "job"} {
		if v := labels[l]; v != "" {
			parts = append(parts, fmt.Sprintf("%s=%q", l, v))
		}
	}
	return query + " {" + strings.Join(parts, ", ") + "}"
}
