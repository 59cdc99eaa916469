package ingest

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	captures     *prometheus.CounterVec
	refusals     prometheus.Counter
	timesIgnored prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		captures:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_ingest_captures_total", Help: "Pictures accepted, by the form they came in."}, []string{"form"}),
		refusals:     prometheus.NewCounter(prometheus.CounterOpts{Name: "plumbline_ingest_refusals_total", Help: "Messages that can be no picture and went to the dead letters."}),
		timesIgnored: prometheus.NewCounter(prometheus.CounterOpts{Name: "plumbline_ingest_taken_at_ignored_total", Help: "Pictures whose taken_at was not understood or cannot be true."}),
	}
	for _, f := range []Form{FormRaw, FormBase64, FormDataURI, FormJSON} { // from 0, or the first would be no increase
		m.captures.WithLabelValues(string(f))
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.captures, m.refusals, m.timesIgnored} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
