package line

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts and times the line's steps. A nil *Metrics keeps none.
type Metrics struct {
	ends     *prometheus.CounterVec
	step     *prometheus.HistogramVec
	sessions prometheus.Gauge
}

// NewMetrics registers the line's metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		ends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumbline_captures_total", Help: "Captures that left the line, by how: recorded, buried (dead letter) or failed (given back).",
		}, []string{"end"}),
		step: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "plumbline_step_duration_seconds", Help: "Time in each step of the line; total is from receipt to acknowledgement.",
			Buckets: []float64{.001, .0025, .005, .01, .015, .02, .03, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"step"}),
		sessions: prometheus.NewGauge(prometheus.GaugeOpts{Name: "plumbline_sessions", Help: "Inference sessions of this process."}),
	}
	r.MustRegister(m.ends, m.step, m.sessions)
	for _, end := range []string{"recorded", "buried", "failed"} { // from 0, or the first would be no increase
		m.ends.WithLabelValues(end)
	}
	for _, step := range []string{"decode", "detect", "draw", "total"} {
		m.step.WithLabelValues(step)
	}
	return m
}

func (m *Metrics) observe(step string, d time.Duration) {
	if m != nil {
		m.step.WithLabelValues(step).Observe(d.Seconds())
	}
}

// opened counts a session until closed.
func (m *Metrics) opened() (closed func()) {
	if m == nil {
		return func() {}
	}
	m.sessions.Inc()
	return m.sessions.Dec
}

func (m *Metrics) end(how string) {
	if m != nil {
		m.ends.WithLabelValues(how).Inc()
	}
}

func (m *Metrics) buried() { m.end("buried") }
func (m *Metrics) failed() { m.end("failed") }

func (m *Metrics) analyzed(decode, detect time.Duration) {
	m.observe("decode", decode)
	m.observe("detect", detect)
}

func (m *Metrics) drawn(d time.Duration) { m.observe("draw", d) }

func (m *Metrics) recorded(total time.Duration) {
	m.end("recorded")
	m.observe("total", total)
}
