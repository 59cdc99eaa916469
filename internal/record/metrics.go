package record

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	rows, repeated, refused, failed prometheus.Counter
	waiting                         prometheus.Gauge
	batchRows                       prometheus.Histogram
	commitSeconds, prepareSeconds   prometheus.Histogram
	missed                          *prometheus.CounterVec
	devices                         *devices
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	seconds := prometheus.ExponentialBuckets(0.0005, 2, 15) // to 8 s
	m := &metrics{
		rows:     counter("plumbline_record_rows_total", "Rows written."),
		repeated: counter("plumbline_record_repeated_total", "Results that had a row already."),
		refused:  counter("plumbline_record_refused_total", "Results that can never be a row."),
		failed:   counter("plumbline_record_failed_attempts_total", "Attempts to record a result that an outage ended."),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{Name: "plumbline_record_waiting",
			Help: "Results that wait for their row."}),
		batchRows:      histogram("plumbline_record_batch_rows", "Rows in one transaction.", prometheus.ExponentialBuckets(1, 2, 9)),
		commitSeconds:  histogram("plumbline_record_commit_seconds", "Time of one transaction.", seconds),
		prepareSeconds: histogram("plumbline_record_prepare_seconds", "Time to journal and store the pictures of one batch.", seconds),
		missed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_record_missed_notices_total",
			Help: "Rows that a listener was too slow to hear of."}, []string{"listener"}),
		devices: newDevices(),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.rows, m.repeated, m.refused, m.failed, m.waiting, m.batchRows, m.commitSeconds,
		m.prepareSeconds, m.missed, m.devices} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
