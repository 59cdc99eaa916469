package config

import (
	"errors"
	"time"
)

// Patch is the configuration of `plumbline patch`.
type Patch struct {
	File   string `arg:"" help:"Manifest with a ScaledJob, such as posture-job.yaml; - is standard input."`
	Node   string `help:"Node that its pods are to run on (default: the one whose GPU is least busy, by --prometheus)." placeholder:"NAME" env:"-"`
	Output string `help:"File to write (default: standard output)." placeholder:"FILE" type:"path" env:"-"`

	Prometheus   []string      `help:"Prometheus to read nodes' loads from, such as http://prometheus:9090. May be repeated: the first that answers is taken." placeholder:"URL"`
	GPULoad      []string      `name:"gpu-load" sep:"none" help:"Metric of GPU load: UNIT[@NODE]:QUERY, UNIT being ratio or percent; may be repeated (default: those of plumbline control)." placeholder:"SOURCE"`
	GPUThreshold float64       `name:"gpu-threshold" help:"A GPU that is busy for this part of the time or more is not taken." default:"0.8"`
	SampleMaxAge time.Duration `help:"A sample older than this says nothing." default:"1m"`
}

// Validate refuses what cannot be honoured.
func (p *Patch) Validate() error {
	switch {
	case p.Node == "" && len(p.Prometheus) == 0:
		return errors.New("--node and --prometheus are missing: which node are the pods to run on, or which Prometheus knows the GPUs' load?")
	case p.Node != "" && len(p.GPULoad) > 0:
		return errors.New("--node and --gpu-load exclude each other: a node that was named is not looked for")
	}
	return nil
}
