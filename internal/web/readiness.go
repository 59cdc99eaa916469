package web

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// readinessMetrics run the checks of /readyz at each scrape, so that what is wrong can be told from what is not scraped.
type readinessMetrics struct {
	ready, passed *prometheus.Desc
	server        *Server
}

func newReadinessMetrics(s *Server) readinessMetrics {
	return readinessMetrics{
		ready:  prometheus.NewDesc("plumbline_ready", "1 while /readyz says ready, else 0; by role: hub, worker, controller or exporter.", nil, prometheus.Labels{"role": s.o.Role}),
		passed: prometheus.NewDesc("plumbline_check_passed", "1 while this check of /readyz finds nothing wrong, else 0.", []string{"check"}, nil),
		server: s,
	}
}

// Describe implements prometheus.Collector.
func (m readinessMetrics) Describe(out chan<- *prometheus.Desc) { out <- m.ready; out <- m.passed }

// Collect implements prometheus.Collector.
func (m readinessMetrics) Collect(out chan<- prometheus.Metric) {
	outcomes, ready := m.server.runChecks(context.Background()), true
	for _, check := range m.server.o.Checks {
		passed := outcomes[check.Name] == nil
		ready = ready && (passed || check.Degrades)
		out <- prometheus.MustNewConstMetric(m.passed, prometheus.GaugeValue, oneIf(passed), check.Name)
	}
	out <- prometheus.MustNewConstMetric(m.ready, prometheus.GaugeValue, oneIf(ready))
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
