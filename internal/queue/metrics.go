package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Names of metrics.
const (
	metricAccepted   = "plumbline_queue_accepted_total"
	metricDuplicates = "plumbline_queue_duplicates_total"
	metricUnaccepted = "plumbline_queue_accept_failures_total"
	metricAccept     = "plumbline_queue_accept_seconds"
	metricRefused    = "plumbline_queue_refused_total"
	metricReleased   = "plumbline_queue_released_total"
	metricFailed     = "plumbline_queue_failed_total"
	metricBuried     = "plumbline_queue_buried_total"
	metricHung       = "plumbline_queue_hung_total"
	metricWaiting    = "plumbline_queue_waiting"
	metricLeased     = "plumbline_queue_leased"
	metricDead       = "plumbline_queue_dead_letters"
	metricOldest     = "plumbline_queue_oldest_waiting_seconds"
	metricBytes      = "plumbline_queue_bytes"
	metricMaxBytes   = "plumbline_queue_max_bytes"
	metricWorkers    = "plumbline_queue_workers"
)

// depthTimeout bounds reading the depth for one scrape.
const depthTimeout = 2 * time.Second

// metrics are the hub's counters; as a collector it also reads the depth anew at each scrape.
type metrics struct {
	took                          prometheus.Histogram
	taken, duplicates, unaccepted prometheus.Counter
	refused, buried               prometheus.Counter
	workers                       *workerMetrics
	waiting, leased, dead, oldest *prometheus.Desc
	bytes, maxBytes, present      *prometheus.Desc
	depth                         func(context.Context) (Depth, error)
	roster                        func() []Presence
	registerer                    prometheus.Registerer
}

func newMetrics(h *Hub, r prometheus.Registerer) (*metrics, error) {
	desc := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	m := &metrics{
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: metricAccept, Help: "Time to commit a picture to queue and journal.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 16),
		}),
		taken:      counter(metricAccepted, "Pictures accepted as new captures."),
		duplicates: counter(metricDuplicates, "Messages recognised as sent again."),
		unaccepted: counter(metricUnaccepted, "Pictures that could not be accepted; their senders got no acknowledgement."),
		refused:    counter(metricRefused, "Payloads that can't be captures, kept as dead letters."),
		buried:     counter(metricBuried, "Captures that became dead letters."),
		workers:    newWorkerMetrics(),
		waiting:    desc(metricWaiting, "Captures that wait for a worker."),
		leased:     desc(metricLeased, "Captures that workers have claimed."),
		dead:       desc(metricDead, "Dead letters."),
		oldest:     desc(metricOldest, "Age of the oldest capture in the queue while any waits."),
		bytes:      desc(metricBytes, "Size of the queue."),
		maxBytes:   desc(metricMaxBytes, "Limit of the queue's size."),
		present:    desc(metricWorkers, "Workers of other processes that are there."),
		depth:      h.Depth,
		roster:     h.Workers,
		registerer: r,
	}
	if r == nil {
		return m, nil
	}
	if err := r.Register(m); err != nil {
		return nil, fmt.Errorf("registering the queue's metrics: %w", err)
	}
	return m, nil
}

func (m *metrics) unregister() {
	if m.registerer != nil {
		m.registerer.Unregister(m)
	}
}

func (m *metrics) accepted(a Acceptance, err error, took time.Duration) {
	switch {
	case err != nil:
		m.unaccepted.Inc()
	case a.Duplicate:
		m.duplicates.Inc()
	default:
		m.taken.Inc()
		m.took.Observe(took.Seconds())
	}
}

func (m *metrics) counters() []prometheus.Collector {
	return append(m.workers.counters(), m.took, m.taken, m.duplicates, m.unaccepted, m.refused, m.buried)
}

// workerMetrics are the counters of a process's workers.
type workerMetrics struct{ released, failed, hung prometheus.Counter }

func newWorkerMetrics() *workerMetrics {
	return &workerMetrics{
		released: counter(metricReleased, "Claims given back without blame."),
		failed:   counter(metricFailed, "Claims given back with blame."),
		hung:     counter(metricHung, "Analyses that took longer than the time-out."),
	}
}

func (m *workerMetrics) counters() []prometheus.Collector {
	return []prometheus.Collector{m.released, m.failed, m.hung}
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	for _, c := range m.counters() {
		c.Describe(out)
	}
	for _, d := range []*prometheus.Desc{m.waiting, m.leased, m.dead, m.oldest, m.bytes, m.maxBytes, m.present} {
		out <- d
	}
}

// Collect implements prometheus.Collector. When the depth can't be read its gauges are missing rather than old, and all other
// metrics are still told: they are wanted most when something is wrong.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	for _, c := range m.counters() {
		c.Collect(out)
	}
	out <- prometheus.MustNewConstMetric(m.present, prometheus.GaugeValue, float64(len(m.roster())))
	ctx, cancel := context.WithTimeout(context.Background(), depthTimeout)
	defer cancel()
	d, err := m.depth(ctx)
	if err != nil {
		return
	}
	for desc, value := range map[*prometheus.Desc]float64{
		m.waiting: float64(d.Waiting), m.leased: float64(d.Leased), m.dead: float64(d.Dead),
		m.oldest: d.OldestWaiting.Seconds(), m.bytes: float64(d.Bytes), m.maxBytes: float64(d.MaxBytes),
	} {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
}
