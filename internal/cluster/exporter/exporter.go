package exporter

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"plumbline/internal/cluster/exporter/nvml"
)

// How long a reading counts as live when no newer one comes, and how often GPUs are looked for where none is found or
// one fails: nvgpu's node may appear some time after boot, and a driver may be loaded or updated later.
const (
	liveFor   = 5 * time.Second
	lookAgain = 10 * time.Second
)

// Exporter measures a node's GPUs. It is a prometheus.Collector.
type Exporter struct {
	o       Options
	metrics *metrics
	library *nvml.Library     // nil where there is none; touched by Run alone
	said    map[string]string // what was last logged of a subject; touched by Run alone

	mu     sync.Mutex
	gpus   []*measured
	looked bool
	hidden string // what the last look could not see; empty: nothing is known to be missing
}

// measured is a GPU with what was read of it lately.
type measured struct {
	device
	readings []reading // of the window, oldest first; empty: unknown
	memory   *nvml.Memory
	problem  error
}

type reading struct {
	at    time.Time
	ratio float64
}

// New makes an Exporter; it measures in Run.
func New(o Options) *Exporter {
	o = o.withDefaults()
	e := &Exporter{o: o, metrics: newMetrics(o), said: map[string]string{}}
	if o.Registerer != nil {
		o.Registerer.MustRegister(e.metrics.errors, e)
	}
	return e
}

// Run measures until the context ends.
func (e *Exporter) Run(ctx context.Context) error {
	defer e.closeNVML()
	tick := time.NewTicker(e.o.Every)
	defer tick.Stop()
	var looked time.Time
	for {
		if now := time.Now(); looked.IsZero() || e.wanting() && now.Sub(looked) >= lookAgain {
			e.look()
			looked = now
		}
		e.measure()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wanting says whether another look may bring more.
func (e *Exporter) wanting() bool {
	return len(e.gpus) == 0 || e.hidden != "" || slices.ContainsFunc(e.gpus, func(g *measured) bool { return g.problem != nil })
}

// look finds the node's GPUs. One that was there before keeps its readings.
func (e *Exporter) look() {
	discrete, err := e.findByNVML()
	all := append(findIntegrated(e.o.Sysfs), discrete...)
	doubt := e.doubt(all, err)
	gpus := make([]*measured, len(all))
	for i, d := range all {
		gpus[i] = &measured{device: d}
		if k := slices.IndexFunc(e.gpus, func(g *measured) bool { return g.key == d.key }); k >= 0 {
			gpus[i].readings, gpus[i].problem = e.gpus[k].readings, e.gpus[k].problem
		}
	}
	e.mu.Lock()
	e.gpus, e.looked, e.hidden = gpus, true, doubt
	e.mu.Unlock()
	e.tell(gpus, doubt)
}

// doubt is what a person should know of a look: a folder that is no sysfs, NVML that does not work although it is there or was
// asked for, and a GPU that only NVML could read. A node without NVML is no matter for doubt.
func (e *Exporter) doubt(found []device, nvmlProblem error) string {
	silent := silentGPUs(e.o.Sysfs)
	board := slices.ContainsFunc(found, func(d device) bool { return d.jetson })
	switch {
	case !isSysfs(e.o.Sysfs):
		return e.o.Sysfs + " is no sysfs, for it has neither devices nor class: give the folder that it is mounted on with --sysfs"
	case len(silent) > 0 && !board && nvmlProblem == nil:
		return silent[0] + " is a GPU whose load only NVML tells, and NVML does not list it"
	case len(silent) > 0 && !board:
		return silent[0] + " is a GPU whose load only NVML tells: " + nvmlProblem.Error()
	case nvmlProblem == nil, errors.Is(nvmlProblem, nvml.ErrNoLibrary) && (e.o.NVML == "" || e.o.NVML == NVMLNone):
		return ""
	}
	return nvmlProblem.Error()
}

// tell logs what was found, once for as long as it stays the same.
func (e *Exporter) tell(gpus []*measured, doubt string) {
	if e.news("doubt", doubt) && doubt != "" {
		e.o.Log.Warn("a GPU's load is not known", "reason", doubt)
	}
	var names []string
	for i, g := range gpus {
		names = append(names, fmt.Sprintf("%d: %s (%s)", i, g.board, g.key))
	}
	switch text := strings.Join(names, ", "); {
	case !e.news("gpus", text):
	case text == "":
		e.o.Log.Info("no GPU can be measured; no GPU metrics are exported, and it is looked for again", "sysfs", e.o.Sysfs, "every", lookAgain)
	default:
		e.o.Log.Info("GPU load is measured", "gpus", text, "every", e.o.Every, "window", e.o.Window)
	}
}

// news says whether something is said of a subject for the first time, or differently from the last.
func (e *Exporter) news(subject, text string) bool {
	last, known := e.said[subject]
	e.said[subject] = text
	return !known && (text != "" || subject == "gpus") || known && last != text
}

// measure reads every GPU once.
func (e *Exporter) measure() {
	for i, g := range e.gpus {
		ratio, err := g.load()
		var memory *nvml.Memory
		if err == nil && g.device.memory != nil {
			if m, problem := g.device.memory(); problem == nil { // many GPUs have none to tell
				memory = &m
			}
		}
		at := time.Now()
		e.mu.Lock()
		g.note(reading{at, ratio}, err, e.o.Window)
		g.memory = memory
		e.mu.Unlock()
		e.tellProblem(i, g, err)
	}
}

// note adds a reading; a failed one empties the window, so that what is unknown is absent.
func (g *measured) note(r reading, err error, window time.Duration) {
	g.problem = err
	if err != nil {
		g.readings = nil
		return
	}
	g.readings = slices.DeleteFunc(append(g.readings, r), func(old reading) bool { return r.at.Sub(old.at) >= window })
}

func (e *Exporter) tellProblem(index int, g *measured, err error) {
	text := ""
	if err != nil {
		e.metrics.errors.Inc()
		text = err.Error()
	}
	switch news := e.news("gpu "+g.key, text); {
	case news && err != nil:
		e.o.Log.Warn("a GPU cannot be read; its metrics are absent until it can", "gpu", index, "board", g.board, "error", err)
	case news:
		e.o.Log.Info("the GPU can be read again", "gpu", index, "board", g.board)
	}
}

// mean is the utilization over the window and when its newest reading was taken; false where it is not known now.
func (g *measured) mean(now time.Time) (float64, time.Time, bool) {
	if len(g.readings) == 0 {
		return 0, time.Time{}, false
	}
	newest := g.readings[len(g.readings)-1].at
	if now.Sub(newest) > liveFor {
		return 0, time.Time{}, false
	}
	sum := 0.0
	for _, r := range g.readings {
		sum += r.ratio
	}
	return rounded(sum / float64(len(g.readings))), newest, true
}

// rounded keeps six digits: people read these figures, and no GPU tells more than three.
func rounded(ratio float64) float64 { return math.Round(1e6*ratio) / 1e6 }

// Ready says what keeps the node's GPUs from being measured: one that fails, and one that cannot be read at all. A node
// without a GPU is in order.
func (e *Exporter) Ready(context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.looked {
		return errors.New("the node's GPUs have not been looked for yet")
	}
	for i, g := range e.gpus {
		if g.problem != nil {
			return fmt.Errorf("GPU %d (%s): %w", i, g.board, g.problem)
		}
		if _, _, live := g.mean(time.Now()); !live {
			return fmt.Errorf("GPU %d (%s) has not been read for more than %s", i, g.board, liveFor)
		}
	}
	if e.hidden != "" {
		return errors.New("a GPU's load is not known: " + e.hidden)
	}
	return nil
}
