package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are web's own; without a registerer they count for nobody.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	watchers prometheus.Gauge
	dropped  prometheus.Counter
}

// newMetrics registers them; those of watchers only where there is a page to watch.
func newMetrics(r prometheus.Registerer, page bool) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumbline_http_requests_total", Help: "HTTP requests answered, by route and status code.",
		}, []string{"route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "plumbline_http_request_duration_seconds", Help: "Time to answer an HTTP request, by route.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 4, 8),
		}, []string{"route"}),
		watchers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "plumbline_http_watchers", Help: "Event streams open.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plumbline_http_watchers_dropped_total", Help: "Event streams ended because their client read too slowly.",
		}),
	}
	if r != nil {
		r.MustRegister(m.requests, m.seconds)
	}
	if r != nil && page {
		r.MustRegister(m.watchers, m.dropped)
	}
	return m
}

// count measures a handler under its route's pattern, which unlike the path has few values.
func (m *metrics) count(route string, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, answer := time.Now(), &answer{ResponseWriter: w, code: http.StatusOK}
		next(answer, r)
		m.requests.WithLabelValues(route, strconv.Itoa(answer.code)).Inc()
		m.seconds.WithLabelValues(route).Observe(time.Since(start).Seconds())
	})
}

// answer notes the status code.
type answer struct {
	http.ResponseWriter
	code int
}

func (a *answer) WriteHeader(code int) {
	a.code = code
	a.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
