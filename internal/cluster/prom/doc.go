// Package prom reads nodes' load from Prometheus and gives it in the words of package gpu. It is the only door to
// Prometheus's HTTP API.
//
// Unknown stays unknown: a series that is absent, not a number, out of range, or of a node that nobody named brings no
// sample, and the Reading says so. A sample's time is when it was measured, by our exporter's own word, or when Prometheus
// scraped it (timestamp(metric)); never the time of the answer, which is the query's, while Prometheus looks up to five
// minutes back. Ages are counted on Prometheus's clock, so that another one here makes no sample young.
//
// Not Prometheus's own client for Go: it brings a JSON library that is no longer kept, for the one request made here.
package prom

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/gpu"
)

// Options say where Prometheus is and what to ask.
type Options struct {
	Addresses []string          // http://host:9090; several that know the same: the first that answers is taken
	Timeout   time.Duration     // for one of them to answer everything; 0: 5s
	TokenFile string            // bearer token; read again for each request, since a cluster's tokens change
	CAFile    string            // authorities of https, instead of the system's
	Transport http.RoundTripper // the way there, which then has its own authorities; nil: straight

	Sources []Source      // of GPU load, the preferred first; nil: DefaultSources
	Machine MachineSource // of CPU and memory; the zero value: node_exporter's
	Window  time.Duration // that loads are averaged over; 0: 30s
	Forget  time.Duration // a series that is no longer scraped is told with its growing age for this long; 0: 2m
	Several Several       // what several GPUs of a node amount to; "": Mean

	NodeLabels []string // labels that name the node, the surest first; nil: DefaultNodeLabels

	Log        *slog.Logger          // nil: none
	Registerer prometheus.Registerer // nil: none
}

// Node is a node whose load is wanted, with everything that a series may call it by.
type Node struct {
	Name      string
	Addresses []string // IP addresses and further host names; of its exporter's pod, too, where that has its own
}

// Several says what several GPUs of a node amount to.
type Several string

// The ways. A pod is given some GPU of its node, or takes its first; neither Kubernetes nor ONNX Runtime looks for the idle
// one. So the mean is what a worker meets on average, and the default.
const (
	Mean  Several = "mean"
	Least Several = "least" // right where something else gives each pod the idlest
	Most  Several = "most"  // the most careful
)

// Reading is what one look brought.
type Reading struct {
	At       time.Time // when it was asked
	From     string    // the address that answered
	Samples  []gpu.Sample
	Machines []gpu.Machine
	Notes    []string // what was left out and why, and what Prometheus itself warned of
}

// Defaults.
const (
	defaultTimeout = 5 * time.Second
	defaultWindow  = 30 * time.Second
	defaultForget  = 2 * time.Minute
)

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Window <= 0 {
		o.Window = defaultWindow
	}
	if o.Forget <= 0 {
		o.Forget = defaultForget
	}
	if o.Sources == nil {
		o.Sources = DefaultSources()
	}
	o.Machine = o.Machine.withDefaults()
	if o.Several == "" {
		o.Several = Mean
	}
	if o.NodeLabels == nil {
		o.NodeLabels = DefaultNodeLabels()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) validate() error {
	if len(o.Addresses) == 0 {
		return errors.New("no address of Prometheus is given")
	}
	for _, a := range o.Addresses {
		u, err := url.Parse(a)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("%q is no address of Prometheus: write it like http://prometheus:9090", hidden(a))
		}
	}
	if o.Several != Mean && o.Several != Least && o.Several != Most {
		return fmt.Errorf("several GPUs of a node can amount to their %s, %s or %s, not %q", Mean, Least, Most, o.Several)
	}
	for _, s := range o.Sources {
		if err := s.validate(); err != nil {
			return err
		}
	}
	return nil
}

// hidden is an address without the password that may be in it.
func hidden(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(unreadable)"
	}
	return u.Redacted()
}
