package config

import (
	"errors"
	"fmt"
	"time"
)

// Export is the configuration of the exporter of a node's GPU load.
type Export struct {
	Logging `embed:"" group:"Logging"`

	Node         string        `help:"Name of this node as Kubernetes calls it; in a pod from spec.nodeName by PLUMBLINE_NODE (default: the host's name)." placeholder:"NAME" group:"GPU"`
	Sysfs        string        `help:"Where sysfs is mounted. In a pod give the host's, mounted elsewhere: the container runtime hides what names the board in /sys." default:"/sys" placeholder:"DIR" group:"GPU"`
	NVMLLibrary  string        `name:"nvml-library" help:"NVIDIA's management library to load, or none (default: libnvidia-ml.so.1 where the system has it)." placeholder:"FILE" group:"GPU"`
	SampleEvery  time.Duration `help:"Time between two readings of the load." default:"200ms" group:"GPU"`
	SampleWindow time.Duration `help:"What is shown is the mean of the readings of this long." default:"1s" group:"GPU"`
	JetsonMetric []string      `name:"jetson-metric" help:"Further metric, in per cent, for existing set-ups: BOARD=NAME, where BOARD is part of the board's name and * is every Jetson; the first that fits. none: no further metric." default:"orin=jetson_orin_gpu_load_percent,*=jetson_gpu_usage_percent" placeholder:"BOARD=NAME" group:"GPU"`

	HTTPListen    string `name:"http-listen" help:"Address of /metrics, /healthz and /readyz; in a cluster :9401." default:"127.0.0.1:9401" placeholder:"ADDR" group:"Listeners"`
	HTTPTokenFile string `name:"http-token-file" help:"File with the token that whoever reads /metrics must present; needed beyond loopback." placeholder:"FILE" type:"path" group:"Listeners"`
	HTTPAnonymous bool   `name:"http-anonymous" help:"Let anyone who reaches the HTTP address read the metrics: how busy this node's GPUs are, and their names." group:"Listeners"`
}

// Validate refuses what cannot be honoured.
func (e *Export) Validate() error {
	switch {
	case e.SampleEvery < 10*time.Millisecond || e.SampleEvery > 2*time.Second:
		return fmt.Errorf("--sample-every is %s: give 10ms to 2s", e.SampleEvery)
	case e.SampleWindow < e.SampleEvery || e.SampleWindow > time.Minute:
		return fmt.Errorf("--sample-window is %s: give --sample-every (%s) to 1m", e.SampleWindow, e.SampleEvery)
	case e.HTTPListen == "":
		return errors.New("--http-listen is empty: an exporter that cannot be read does nothing")
	}
	return nil
}
