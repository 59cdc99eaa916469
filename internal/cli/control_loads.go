package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/cluster/prom"
	"plumbline/internal/config"
	"plumbline/internal/gpu"
)

// reading is what one look at Prometheus brought.
type reading struct {
	From     string        `json:"from,omitempty"` // the address that answered
	At       time.Time     `json:"at,omitzero"`
	Samples  []gpu.Sample  `json:"-"`
	Machines []gpu.Machine `json:"-"`
	Notes    []string      `json:"notes,omitempty"` // what was left out and why
}

// openLoads begins to look at Prometheus.
func (k *controller) openLoads(context.Context) error {
	o, err := promOptions(k.config.Loads)
	if err != nil {
		return misused(err)
	}
	o.Log, o.Registerer = k.part("prometheus"), k.registry
	from, err := prom.New(o)
	if err != nil {
		return misused(fmt.Errorf("--prometheus: %w", err))
	}
	read := func(ctx context.Context) (reading, error) {
		nodes := promNodes(k.watch.Addresses())
		if len(nodes) == 0 {
			return reading{}, errNoNodes
		}
		r, err := from.Read(ctx, nodes)
		return reading{From: r.From, At: r.At, Samples: r.Samples, Machines: r.Machines, Notes: r.Notes}, err
	}
	if k.loads, err = newLoads(read, k.config.LoadEvery, k.part("loads"), k.registry); err != nil {
		return err
	}
	k.stages.start("loads", k.loads.run)
	return nil
}

var errNoNodes = errors.New("no node of the cluster is known yet")

func promOptions(c config.Loads) (prom.Options, error) {
	o := prom.Options{
		Addresses: c.Prometheus, TokenFile: c.PrometheusTokenFile, CAFile: c.PrometheusCA, Window: c.LoadWindow,
		Several: prom.Several(c.GPUsOfNode), NodeLabels: c.NodeLabel, Timeout: c.PrometheusTimeout,
	}
	for _, text := range c.GPULoad {
		s, err := prom.ParseSource(text)
		if err != nil {
			return o, fmt.Errorf("--gpu-load: %w", err)
		}
		o.Sources = append(o.Sources, s)
	}
	return o, nil
}

func promNodes(addresses map[string][]string) []prom.Node {
	var nodes []prom.Node
	for name, all := range addresses {
		nodes = append(nodes, prom.Node{Name: name, Addresses: all})
	}
	return nodes
}

// loads looks at the nodes' loads again and again and keeps the last that was read. Its samples carry their own times, so
// they grow old by themselves while Prometheus is away.
type loads struct {
	read  func(context.Context) (reading, error)
	every time.Duration
	log   *slog.Logger
	known prometheus.Gauge

	mu    sync.Mutex
	last  reading
	since time.Time // of the trouble
	err   error
	once  map[string]bool // nodes that had a GPU sample once: they have a GPU, whatever their labels say
	notes string
	told  bool // of the trouble
}

func newLoads(read func(context.Context) (reading, error), every time.Duration, log *slog.Logger, r prometheus.Registerer) (*loads, error) {
	l := &loads{read: read, every: every, log: log, err: errors.New("not read yet"), since: time.Now(), once: map[string]bool{}}
	l.known = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "plumbline_control_loads_known", Help: "1 when the last look at Prometheus brought an answer, 0 when not: nodes then lose their samples by age.",
	})
	if err := r.Register(l.known); err != nil {
		return nil, fmt.Errorf("registering the metrics of the loads: %w", err)
	}
	return l, nil
}

func (l *loads) run(ctx context.Context) error {
	again := time.NewTicker(l.every)
	defer again.Stop()
	for {
		l.look(ctx)
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (l *loads) look(ctx context.Context) {
	r, err := l.read(ctx)
	if ctx.Err() != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.trouble(err)
		return
	}
	if l.err != nil {
		l.log.Info("nodes' loads are read", "from", r.From, "samples", len(r.Samples))
	}
	l.known.Set(1)
	l.last, l.err, l.told = r, nil, false
	for _, s := range r.Samples {
		l.once[s.Node] = true
	}
	if notes := strings.Join(r.Notes, "; "); notes != l.notes {
		l.notes = notes
		l.log.Info("what Prometheus says was not all taken", "notes", r.Notes)
	}
}

// trouble notes a look that brought nothing, with mu held. It is told once; that the cluster is not seen yet, by others.
func (l *loads) trouble(err error) {
	l.known.Set(0)
	if l.err == nil {
		l.since = time.Now()
	}
	l.err = err
	if !l.told && !errors.Is(err, errNoNodes) {
		l.told = true
		l.log.Warn("nodes' loads can't be read; their samples grow old, and nodes with old ones are no candidates", "error", err)
	}
}

// fill adds what was read last.
func (l *loads) fill(s *gpu.Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Unread = l.last.At.IsZero()
	s.Samples, s.Machines = slices.Clone(l.last.Samples), slices.Clone(l.last.Machines)
	for i, n := range s.Nodes {
		s.Nodes[i].GPU = n.GPU || l.once[n.Name]
	}
}

// ready says why loads are not known, and since when.
func (l *loads) ready(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		return nil
	}
	return fmt.Errorf("nodes' loads can't be read since %s: %w", l.since.UTC().Format(time.RFC3339), l.err)
}

// state is what was read last, and what is wrong.
func (l *loads) state() (reading, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.last, l.err.Error()
	}
	return l.last, ""
}
