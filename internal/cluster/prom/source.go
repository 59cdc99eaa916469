package prom

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Unit is what a source's figures are in.
type Unit string

// The units.
const (
	Ratio   Unit = "ratio"
	Percent Unit = "percent"
)

// Source is one metric that tells GPU load.
type Source struct {
	Unit  Unit
	Query string // a selector, such as my_gpu_load{job="x"}; any expression where Time is given
	Time  string // expression for when each series was measured, in seconds since 1970; "": when it was scraped
	Node  string // every series is this node's; "": labels tell
}

// DefaultSources are our own exporter's, those that the Python scripts read, and DCGM's.
func DefaultSources() []Source {
	return []Source{
		{Unit: Ratio, Query: "plumbline_gpu_utilization_ratio", Time: "plumbline_gpu_sample_timestamp_seconds"},
		{Unit: Percent, Query: "jetson_gpu_usage_percent"},
		{Unit: Percent, Query: "jetson_orin_gpu_load_percent"},
		{Unit: Percent, Query: "DCGM_FI_DEV_GPU_UTIL"},
	}
}

// ParseSource reads UNIT[@NODE]:QUERY[ measured at TIME], as in
//
//	percent:my_gpu_load{job="nodes"}
//	percent@agx-desktop:jetson_gpu_usage_percent{instance="192.168.1.135:9100"}
//	ratio:sum by (node) (my_load) measured at max by (node) (my_load_time_seconds)
func ParseSource(text string) (Source, error) {
	head, query, ok := strings.Cut(text, ":")
	if !ok {
		return Source{}, fmt.Errorf("%q: write UNIT:QUERY, such as percent:my_gpu_load", text)
	}
	unit, node, _ := strings.Cut(head, "@")
	query, measured, _ := strings.Cut(query, " measured at ")
	s := Source{Unit: Unit(unit), Node: node, Query: strings.TrimSpace(query), Time: strings.TrimSpace(measured)}
	return s, s.validate()
}

// selector is a metric with or without conditions; the text in quotes may hold braces.
var selector = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(\{([^{}"]|"([^"\\]|\\.)*")*\})?$`)

func (s Source) validate() error {
	switch {
	case s.Unit != Ratio && s.Unit != Percent:
		return fmt.Errorf("GPU load is in %s or %s, not in %q", Ratio, Percent, s.Unit)
	case s.Query == "":
		return errors.New("a source of GPU load needs a query")
	case s.Time == "" && !isSelector(s.Query):
		return fmt.Errorf("%s is no plain metric, so Prometheus does not tell how old its figures are: add \" measured at EXPRESSION\"", s.Query)
	}
	return nil
}

// load asks for the load of every series: its mean over the window, or its last figure where the window has none.
func (s Source) load(window, forget time.Duration) string {
	if !isSelector(s.Query) {
		return fmt.Sprintf("avg_over_time((%[1]s)[%[2]s:%[3]s]) or (%[1]s)", s.Query, promDuration(window), promDuration(step(window)))
	}
	return fmt.Sprintf("avg_over_time(%[1]s[%[2]s]) or last_over_time(%[1]s[%[3]s])", s.Query, promDuration(window), promDuration(forget))
}

// times ask for when every series was measured; of several answers the older counts. A failed scrape ends a series in an
// instant query at once, so the last time before that is looked for, too.
func (s Source) times(forget time.Duration) []string {
	var all []string
	back := fmt.Sprintf("%s:%s", promDuration(forget), promDuration(step(forget)))
	if isSelector(s.Query) {
		all = append(all, fmt.Sprintf("timestamp(%[1]s) or max_over_time(timestamp(%[1]s)[%[2]s])", s.Query, back))
	}
	switch {
	case s.Time == "":
	case isSelector(s.Time):
		all = append(all, fmt.Sprintf("max_over_time(%s[%s])", s.Time, promDuration(forget)))
	default:
		all = append(all, fmt.Sprintf("(%[1]s) or max_over_time((%[1]s)[%[2]s])", s.Time, back))
	}
	return all
}

// step is how finely a subquery looks: what is no longer scraped may seem older by so much, never younger.
func step(over time.Duration) time.Duration { return max(over/24, time.Second) }

func isSelector(query string) bool { return selector.MatchString(query) }

// promDuration writes a duration as PromQL does.
func promDuration(d time.Duration) string { return fmt.Sprintf("%dms", max(d.Milliseconds(), 1)) }

// MachineSource is where the load of nodes' processors and memory comes from.
type MachineSource struct {
	CPU    string // ratio that is not idle
	Memory string // ratio that is not available
	Time   string // when they were measured
	Off    bool   // not asked for
}

// cpuWindow is how far back two scrapes are looked for. Their difference counts (irate), not the whole window's: rate divides
// by all of it, and makes a node busy that has only just begun to be scraped.
const cpuWindow = "2m"

func (m MachineSource) withDefaults() MachineSource {
	if m.CPU == "" {
		m.CPU = `1 - avg without (cpu, mode) (irate(node_cpu_seconds_total{mode="idle"}[` + cpuWindow + `]))`
	}
	if m.Memory == "" {
		m.Memory = "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"
	}
	if m.Time == "" {
		m.Time = "timestamp(node_memory_MemTotal_bytes)"
	}
	return m
}
