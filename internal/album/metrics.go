package album

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	kept                  prometheus.Counter
	pictures, bytes       prometheus.Gauge
	deleted, deletedBytes *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		kept: prometheus.NewCounter(prometheus.CounterOpts{Name: "plumbline_album_pictures_kept_total",
			Help: "Annotated pictures stored."}),
		pictures: prometheus.NewGauge(prometheus.GaugeOpts{Name: "plumbline_album_pictures",
			Help: "Annotated pictures that the last sweep left."}),
		bytes: prometheus.NewGauge(prometheus.GaugeOpts{Name: "plumbline_album_bytes",
			Help: "Size of the annotated pictures that the last sweep left."}),
		deleted: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_album_pictures_deleted_total",
			Help: "Annotated pictures deleted, by reason (age, size)."}, []string{"reason"}),
		deletedBytes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_album_deleted_bytes_total",
			Help: "Size of the annotated pictures deleted, by reason (age, size)."}, []string{"reason"}),
	}
	for _, reason := range []string{"age", "size"} { // from 0, or the first would be no increase
		m.deleted.WithLabelValues(reason)
		m.deletedBytes.WithLabelValues(reason)
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.kept, m.pictures, m.bytes, m.deleted, m.deletedBytes} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
