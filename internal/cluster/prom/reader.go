package prom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Reader reads load. It may be used by several goroutines.
type Reader struct {
	o       Options
	client  *client
	metrics *metrics
	log     *slog.Logger

	mu      sync.Mutex
	current int // address that answered last
}

// New makes a Reader; it asks nothing yet.
func New(o Options) (*Reader, error) {
	if err := o.withDefaults().validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	c, err := newClient(o)
	if err != nil {
		return nil, err
	}
	return &Reader{o: o, client: c, metrics: newMetrics(o.Registerer), log: o.Log}, nil
}

// Read asks for the load of the nodes; with nil it takes every node as the series call it. The address that answered last
// is asked first, then the others in turn; one that knows no GPU at all is passed over while another knows some, since a
// Prometheus that has just started has nothing yet. An error means that none answered.
func (r *Reader) Read(ctx context.Context, nodes []Node) (Reading, error) {
	d := newDirectory(r.o.NodeLabels, nodes)
	var empty *Reading
	var problems []error
	first := r.first()
	for i := range r.o.Addresses {
		index := (first + i) % len(r.o.Addresses)
		reading, err := r.readFrom(ctx, r.o.Addresses[index], d)
		switch {
		case err != nil:
			problems = append(problems, fmt.Errorf("asking Prometheus at %s: %w", hidden(r.o.Addresses[index]), err))
		case len(reading.Samples) == 0:
			if empty == nil {
				empty = &reading
			}
		default:
			r.answered(index, problems)
			reading.Notes = append(reading.Notes, texts(problems)...)
			return reading, nil
		}
	}
	if empty != nil {
		empty.Notes = append(empty.Notes, texts(problems)...)
		return *empty, nil
	}
	return Reading{}, errors.Join(problems...)
}

func (r *Reader) readFrom(ctx context.Context, address string, d directory) (Reading, error) {
	start := time.Now()
	bounded, cancel := context.WithTimeout(ctx, r.o.Timeout)
	defer cancel()
	look := round{o: &r.o, client: r.client, address: address, directory: d, at: start}
	reading, err := look.reading(bounded)
	if err != nil && ctx.Err() == nil && errors.Is(bounded.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s", r.o.Timeout)
	}
	r.metrics.note(hidden(address), time.Since(start), reading, err)
	return reading, err
}

func (r *Reader) first() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current
}

func (r *Reader) answered(index int, problems []error) {
	r.mu.Lock()
	changed := r.current != index
	r.current = index
	r.mu.Unlock()
	if changed {
		r.log.Warn("another Prometheus is asked from now on", "address", hidden(r.o.Addresses[index]), "reason", errors.Join(problems...))
	}
}

func texts(problems []error) []string {
	var all []string
	for _, p := range problems {
		all = append(all, p.Error())
	}
	return all
}

// metrics are the reader's own; without a registerer they count for nobody.
type metrics struct {
	reads   *prometheus.CounterVec
	seconds prometheus.Histogram
}

func newMetrics(to prometheus.Registerer) *metrics {
	m := &metrics{
		reads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumbline_prometheus_reads_total", Help: "Looks at nodes' load, by Prometheus and outcome: answered, empty (it knows no GPU) or failed.",
		}, []string{"address", "outcome"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "plumbline_prometheus_read_duration_seconds", Help: "Time that one Prometheus took to answer everything, or to fail.",
			Buckets: prometheus.ExponentialBuckets(0.002, 3, 9),
		}),
	}
	if to != nil {
		to.MustRegister(m.reads, m.seconds)
	}
	return m
}

func (m *metrics) note(address string, took time.Duration, r Reading, err error) {
	outcome := "answered"
	switch {
	case err != nil:
		outcome = "failed"
	case len(r.Samples) == 0:
		outcome = "empty"
	}
	m.reads.WithLabelValues(address, outcome).Inc()
	m.seconds.Observe(took.Seconds())
}
