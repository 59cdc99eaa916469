package config

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// Loads says where nodes' loads are read.
type Loads struct {
	Prometheus          []string      `help:"Prometheus to read nodes' loads from, such as http://prometheus:9090. May be repeated: the first that answers is taken." placeholder:"URL"`
	PrometheusTokenFile string        `help:"File with the token for it, read again for each request." placeholder:"FILE" type:"path"`
	PrometheusCA        string        `name:"prometheus-ca" help:"Authorities that may have signed its certificate, instead of the system's." placeholder:"FILE" type:"path"`
	PrometheusTimeout   time.Duration `help:"Time for one Prometheus to answer all that a look asks; then the next is asked." default:"5s"`
	GPULoad             []string      `name:"gpu-load" sep:"none" help:"Metric of GPU load: UNIT[@NODE]:QUERY, UNIT being ratio or percent, the preferred first; may be repeated (default: our own exporter's, the Python scripts' two, DCGM's)." placeholder:"SOURCE"`
	GPUsOfNode          string        `name:"gpus-of-node" help:"What several GPUs of a node amount to: ${enum}." enum:"mean,least,most" default:"mean"`
	NodeLabel           []string      `help:"Labels that name the node, the surest first." placeholder:"LABEL"`
	LoadWindow          time.Duration `help:"Loads are averaged over this long." default:"30s"`
}

// Control is the configuration of the controller in a cluster.
type Control struct {
	Logging `embed:"" group:"Logging"`

	Hub          []string `help:"HTTP address of the hub, such as http://hub:8080; several of one installation may be given." placeholder:"URL" group:"Hub"`
	HubTokenFile string   `help:"File with the hub's HTTP token, read again for each request." placeholder:"FILE" type:"path" group:"Hub"`

	Kubeconfig string `help:"How the cluster is reached (default: the pod's ServiceAccount, or else what kubectl uses)." placeholder:"FILE" type:"path" group:"Cluster"`
	Namespace  string `help:"Where ScaledJobs, Jobs and pods are (default: the pod's own, or the kubeconfig's)." group:"Cluster"`
	ScaledJob  string `name:"scaledjob" help:"The only ScaledJob that is meant; needed for --placement=patch (default: all whose pods carry the gate)." placeholder:"NAME" group:"Cluster"`
	Placement  string `help:"How workers get their node: by the scheduling gate of their pods (gate), by the ScaledJob's nodeAffinity (patch), or by Kubernetes alone (none)." enum:"gate,patch,none" default:"gate" group:"Cluster"`

	Loads     `embed:"" group:"Loads"`
	LoadEvery time.Duration `help:"Time between two looks at the loads." default:"5s" group:"Loads"`

	Ranking `embed:"" group:"Ranking"`
	Policy  string `help:"How candidates are ordered: ${enum}." enum:"least-loaded,two-choices,original" default:"least-loaded" group:"Ranking"`

	CapturesPerJob int `help:"Waiting pictures that ask for one Job." default:"20" group:"Scaler"`

	Listen          string `help:"Address on which KEDA asks (gRPC); in a cluster 0.0.0.0:9402." default:"127.0.0.1:9402" placeholder:"ADDR" group:"Listeners"`
	ListenAnonymous bool   `help:"Let anyone who reaches that address ask how many Jobs are wanted. Without it, listening beyond loopback needs --client-ca." group:"Listeners"`
	TLSCert         string `name:"tls-cert" help:"Certificate of the gRPC listener, with its chain; read again for each connection." placeholder:"FILE" type:"path" group:"Listeners"`
	TLSKey          string `name:"tls-key" help:"Its key." placeholder:"FILE" type:"path" group:"Listeners"`
	ClientCA        string `name:"client-ca" help:"Authorities of gRPC clients, which must then have a certificate." placeholder:"FILE" type:"path" group:"Listeners"`
	HTTPListen      string `name:"http-listen" help:"Address of /status, /metrics, /healthz and /readyz; in a cluster :9403." default:"127.0.0.1:9403" placeholder:"ADDR" group:"Listeners"`
	HTTPTokenFile   string `name:"http-token-file" help:"File with the token that HTTP clients must present; needed beyond loopback." placeholder:"FILE" type:"path" group:"Listeners"`
	HTTPAnonymous   bool   `name:"http-anonymous" help:"Let anyone who reaches the HTTP address read status and metrics." group:"Listeners"`
}

// Validate refuses combinations that cannot be honoured.
func (c *Control) Validate() error {
	switch {
	case len(c.Hub) == 0:
		return errors.New("--hub is missing: where does the hub serve its page, such as http://hub:8080?")
	case len(c.Prometheus) == 0:
		return errors.New("--prometheus is missing: where are the nodes' loads, such as http://prometheus:9090?")
	case c.CapturesPerJob < 1:
		return fmt.Errorf("--captures-per-job is %d: give at least 1", c.CapturesPerJob)
	case c.LoadEvery < time.Second || c.LoadEvery > c.SampleMaxAge:
		return fmt.Errorf("--load-every is %s: give 1s to --sample-max-age (%s)", c.LoadEvery, c.SampleMaxAge)
	case c.PrometheusTimeout <= 0:
		return fmt.Errorf("--prometheus-timeout is %s: give more than nothing", c.PrometheusTimeout)
	case c.LoadWindow < time.Second:
		return fmt.Errorf("--load-window is %s: give at least 1s", c.LoadWindow)
	case c.Placement == "patch" && c.ScaledJob == "":
		return errors.New("--placement=patch needs --scaledjob: the one to patch")
	case c.HTTPListen == "":
		return errors.New("--http-listen is empty: nobody could see whether this controller works")
	}
	return c.validateListener()
}

func (c *Control) validateListener() error {
	host, _, err := net.SplitHostPort(c.Listen)
	switch {
	case err != nil:
		return fmt.Errorf("--listen: %w", err)
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case c.ClientCA != "" && c.TLSCert == "":
		return errors.New("--client-ca needs --tls-cert and --tls-key: client certificates are shown within TLS")
	case c.ClientCA != "" && c.ListenAnonymous:
		return errors.New("--client-ca and --listen-anonymous exclude each other")
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) && c.ClientCA == "" && !c.ListenAnonymous {
		return fmt.Errorf("listening for KEDA on %s would answer everyone who reaches that address: give --client-ca FILE (and --tls-cert, --tls-key), or --listen-anonymous if that is what you want", c.Listen)
	}
	return nil
}
