package placement

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/gpu"
)

type metrics struct {
	leading   prometheus.Gauge
	gated     prometheus.Gauge
	wait      prometheus.Histogram
	decisions *prometheus.CounterVec
	refused   *prometheus.GaugeVec
	evictions *prometheus.CounterVec
	errors    *prometheus.CounterVec
	asked     prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		leading: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "plumbline_placement_leading", Help: "1 where this process places, 0 where it stands by.",
		}),
		gated: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "plumbline_placement_gated_pods", Help: "Pods that wait for a node.",
		}),
		wait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "plumbline_placement_wait_seconds", Help: "From a gated pod's first sight to the patch that places it.",
			Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900},
		}),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumbline_placement_decisions_total",
			Help: "Decisions by outcome: placed, fallback (placed on a node that only the fallback takes), none (no node is fit), refused (by Kubernetes), unknown (the load could not be read), pinned and kept (of a ScaledJob).",
		}, []string{"outcome"}),
		refused: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "plumbline_placement_refused_nodes", Help: "Nodes that the last decision refused, by kind of reason.",
		}, []string{"kind"}),
		evictions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumbline_placement_evictions_total", Help: "Placed pods that never ran and were evicted, so that their Job makes a new one: node-gone, not-bound.",
		}, []string{"reason"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumbline_placement_errors_total", Help: "What Kubernetes or the hub refused, by act: place, evict, pin, event, load, leave.",
		}, []string{"act"}),
		asked: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plumbline_placement_leaves_total", Help: "Workers that were asked to leave a GPU that others keep busy.",
		}),
	}
	for _, outcome := range []string{"placed", "fallback", "none", "refused", "unknown", "pinned", "kept"} {
		m.decisions.WithLabelValues(outcome) // from 0, or the first would be no increase
	}
	for _, reason := range []string{"node-gone", "not-bound"} {
		m.evictions.WithLabelValues(reason)
	}
	for _, act := range []string{"place", "evict", "pin", "event", "load", "leave"} {
		m.errors.WithLabelValues(act)
	}
	if r == nil {
		return m, nil
	}
	var errs []error
	for _, c := range []prometheus.Collector{m.leading, m.gated, m.wait, m.decisions, m.refused, m.evictions, m.errors, m.asked} {
		errs = append(errs, r.Register(c))
	}
	return m, errors.Join(errs...)
}

func (m *metrics) refusals(k gpu.Ranking) {
	m.refused.Reset()
	for kind, n := range k.RefusedByKind() {
		m.refused.WithLabelValues(string(kind)).Set(float64(n))
	}
}
