package exporter

import (
	"math"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the names of what is exported. Utilization, memory and time are absent while they are not known.
type metrics struct {
	utilization, used, total, at *prometheus.Desc
	further                      map[string]*prometheus.Desc
	errors                       prometheus.Counter
}

func newMetrics(o Options) *metrics {
	labels := []string{"node", "gpu", "board"}
	desc := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, labels, nil) }
	m := &metrics{
		utilization: desc("plumbline_gpu_utilization_ratio", "Share of time in which the GPU was busy, 0 to 1, mean over a short window. Absent while it cannot be read."),
		used:        desc("plumbline_gpu_memory_used_bytes", "Memory of the GPU that is in use. Absent for GPUs that share the machine's memory."),
		total:       desc("plumbline_gpu_memory_total_bytes", "Memory of the GPU. Absent for GPUs that share the machine's memory."),
		at:          desc("plumbline_gpu_sample_timestamp_seconds", "When the GPU's utilization was last read, by the node's clock."),
		further:     map[string]*prometheus.Desc{},
		errors:      prometheus.NewCounter(prometheus.CounterOpts{Name: "plumbline_gpu_read_errors_total", Help: "Readings of a GPU's load that failed."}),
	}
	for _, n := range o.Names {
		m.further[n.Metric] = desc(n.Metric, "Share of time in which the GPU was busy, in per cent, under the name that existing set-ups read. The same as plumbline_gpu_utilization_ratio.")
	}
	return m
}

// Describe implements prometheus.Collector.
func (e *Exporter) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{e.metrics.utilization, e.metrics.used, e.metrics.total, e.metrics.at} {
		out <- d
	}
	for _, d := range e.metrics.further {
		out <- d
	}
}

// Collect implements prometheus.Collector. It reads nothing: a scrape costs no look at the GPU.
func (e *Exporter) Collect(out chan<- prometheus.Metric) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, g := range e.gpus {
		ratio, at, live := g.mean(time.Now())
		if !live {
			continue
		}
		send := func(d *prometheus.Desc, value float64) {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, e.o.Node, strconv.Itoa(i), g.board)
		}
		send(e.metrics.utilization, ratio)
		send(e.metrics.at, float64(at.UnixMilli())/1000)
		if g.memory != nil {
			send(e.metrics.used, float64(g.memory.Used))
			send(e.metrics.total, float64(g.memory.Total))
		}
		if name := e.o.further(g.device); name != "" {
			send(e.metrics.further[name], math.Round(1e8*ratio)/1e6)
		}
	}
}
