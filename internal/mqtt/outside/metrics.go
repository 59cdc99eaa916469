package outside

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	connected      prometheus.Gauge
	connections    prometheus.Counter
	received       *prometheus.CounterVec
	receivedBytes  prometheus.Counter
	redelivered    prometheus.Counter
	notCommitted   prometheus.Counter
	underWay       prometheus.Gauge
	handling       prometheus.Histogram
	results        prometheus.Counter
	resultsRefused prometheus.Counter
	resultsDropped prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	const prefix = "plumbline_mqtt_outside_"
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + name, Help: help})
	}
	m := &metrics{
		connected:      prometheus.NewGauge(prometheus.GaugeOpts{Name: prefix + "connected", Help: "1 while pictures come in from the MQTT broker outside."}),
		connections:    counter("connections_total", "Connections made to the MQTT broker outside."),
		received:       prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + "messages_total", Help: "Messages handled, by QoS."}, []string{"qos"}),
		receivedBytes:  counter("received_bytes_total", "Payload bytes of messages handled."),
		redelivered:    counter("redelivered_total", "Messages that the broker said it may have sent before."),
		notCommitted:   counter("not_committed_total", "Messages that could not be kept, and were not acknowledged."),
		underWay:       prometheus.NewGauge(prometheus.GaugeOpts{Name: prefix + "in_flight", Help: "Messages received and not yet acknowledged."}),
		handling:       prometheus.NewHistogram(prometheus.HistogramOpts{Name: prefix + "handling_seconds", Help: "From a complete packet to the end of its handling.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16)}),
		results:        counter("results_total", "Results published."),
		resultsRefused: counter("results_refused_total", "Results that the broker refused."),
		resultsDropped: counter("results_dropped_total", "Results that were not published, because there was no connection or it was too slow; the newest of each device is."),
	}
	for _, qos := range []string{"0", "1", "2"} { // from 0, or the first would be no increase
		m.received.WithLabelValues(qos)
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.connected, m.connections, m.received, m.receivedBytes, m.redelivered, m.notCommitted,
		m.underWay, m.handling, m.results, m.resultsRefused, m.resultsDropped} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
