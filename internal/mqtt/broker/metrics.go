package broker

import "github.com/prometheus/client_golang/prometheus"

// Reasons for which something was refused, as label values.
const (
	refusedLogin     = "login"
	refusedTopic     = "topic"
	refusedTooLarge  = "too_large"
	refusedFull      = "too_many_connections"
	refusedSessions  = "too_many_sessions"
	refusedNotCommit = "not_committed"
	refusedSubscribe = "subscription"
	refusedHandshake = "handshake" // of TLS or of a websocket
)

type metrics struct {
	connections prometheus.Gauge
	connects    prometheus.Counter
	publishes   *prometheus.CounterVec
	received    prometheus.Counter
	refusals    *prometheus.CounterVec
	handling    prometheus.Histogram
	results     prometheus.Counter
	certificate prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		connections: prometheus.NewGauge(prometheus.GaugeOpts{Name: "plumbline_mqtt_connections", Help: "Clients connected to the embedded MQTT broker."}),
		connects:    prometheus.NewCounter(prometheus.CounterOpts{Name: "plumbline_mqtt_connects_total", Help: "Clients that have connected."}),
		publishes:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_mqtt_publishes_total", Help: "Messages handed over and accepted, by QoS."}, []string{"qos"}),
		received:    prometheus.NewCounter(prometheus.CounterOpts{Name: "plumbline_mqtt_received_bytes_total", Help: "Payload bytes of messages handed over and accepted."}),
		refusals:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_mqtt_refusals_total", Help: "What the broker refused, by reason."}, []string{"reason"}),
		handling:    prometheus.NewHistogram(prometheus.HistogramOpts{Name: "plumbline_mqtt_handling_seconds", Help: "From a complete packet to its acknowledgement.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16)}),
		results:     prometheus.NewCounter(prometheus.CounterOpts{Name: "plumbline_mqtt_results_total", Help: "Results published to subscribers."}),
		certificate: prometheus.NewGauge(prometheus.GaugeOpts{Name: "plumbline_mqtt_certificate_expiry_timestamp_seconds", Help: "When the certificate of MQTT over TLS ends, in seconds since 1970; 0 without one."}),
	}
	for _, reason := range []string{refusedLogin, refusedTopic, refusedTooLarge, refusedFull, refusedSessions, refusedNotCommit, refusedSubscribe, refusedHandshake} {
		m.refusals.WithLabelValues(reason) // from 0, or the first would be no increase
	}
	for _, qos := range []string{"0", "1", "2"} {
		m.publishes.WithLabelValues(qos)
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.connections, m.connects, m.publishes, m.received, m.refusals, m.handling, m.results, m.certificate} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
