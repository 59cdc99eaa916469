// Package exporter measures the load of a node's GPUs and shows it as Prometheus metrics: Jetsons' from sysfs, others' from
// NVML. It reads and never asks for a GPU: no device is opened, no context made, nothing reserved.
//
// It refuses to guess. What cannot be read is absent, never 0: one failed reading takes a GPU's series away until the next
// that succeeds, and counts in plumbline_gpu_read_errors_total. Where readings stop altogether the series go, too, since a
// stale value must not pass for a live one.
//
// A GPU's load is an instantaneous figure: nvgpu's covers about 0.3 s (17 polls of 16.7 ms), NVML's 1/6 to 1 s. So it is
// read several times a second, and what is shown is the mean over a short window.
package exporter

import (
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// NVMLNone keeps NVML from being asked.
const NVMLNone = "none"

// Options say what is measured and how it is called.
type Options struct {
	Node   string        // as Kubernetes calls it
	Sysfs  string        // where sysfs is mounted; empty: /sys
	NVML   string        // library to load; empty: the driver's, NVMLNone: none
	Every  time.Duration // between two readings
	Window time.Duration // that the mean goes over
	Names  []Name        // further names for existing set-ups

	Log        *slog.Logger          // nil: none
	Registerer prometheus.Registerer // nil: none
}

// Name gives boards a further metric, in per cent, under the name that an existing set-up reads.
type Name struct {
	Board  string // part of the board's or GPU's name, in any case; AnyJetson: every Jetson that no earlier one meant
	Metric string
}

// AnyJetson stands for every Jetson.
const AnyJetson = "*"

// DefaultNames are those that the Python scripts read.
func DefaultNames() []Name {
	return []Name{{"orin", "jetson_orin_gpu_load_percent"}, {AnyJetson, "jetson_gpu_usage_percent"}}
}

var metricName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// taken are the beginnings of names that the exporter and Prometheus give themselves: a second metric of such a name would be
// refused with everything else that is shown.
var taken = []string{"plumbline_", "go_", "process_", "promhttp_", "scrape_"}

// ParseNames reads BOARD=METRIC, as in orin=jetson_orin_gpu_load_percent.
func ParseNames(texts []string) ([]Name, error) {
	var all []Name
	for _, text := range texts {
		board, metric, ok := strings.Cut(text, "=")
		switch {
		case !ok || board == "":
			return nil, fmt.Errorf("%q: write BOARD=METRIC, such as orin=jetson_orin_gpu_load_percent", text)
		case !metricName.MatchString(metric):
			return nil, fmt.Errorf("%q is no name for a metric: give letters, digits and _, and no digit first", metric)
		case metric == "up" || slices.ContainsFunc(taken, func(t string) bool { return strings.HasPrefix(metric, t) }):
			return nil, fmt.Errorf("%q is taken: up and what begins with %s are Plumbline's own or Prometheus'", metric, strings.Join(taken, ", "))
		case slices.ContainsFunc(all, func(n Name) bool { return strings.EqualFold(n.Board, board) }):
			return nil, fmt.Errorf("%q has two names: a board has one further metric", board)
		}
		all = append(all, Name{board, metric})
	}
	return all, nil
}

func (o Options) withDefaults() Options {
	if o.Sysfs == "" {
		o.Sysfs = "/sys"
	}
	if o.Every <= 0 {
		o.Every = 200 * time.Millisecond
	}
	o.Window = max(o.Window, o.Every)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// further is the metric that an existing set-up reads of this GPU, or "".
func (o Options) further(d device) string {
	for _, n := range o.Names {
		if n.Board == AnyJetson && d.jetson || n.Board != AnyJetson && strings.Contains(strings.ToLower(d.board+" "+d.family), strings.ToLower(n.Board)) {
			return n.Metric
		}
	}
	return ""
}
