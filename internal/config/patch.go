package config

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Patch is the configuration of `plumbline patch`.
type Patch struct {
	File   string `arg:"" help:"Manifest with a ScaledJob, such as posture-job.yaml; - is standard input."`
	Node   string `help:"Node that its pods are to run on; --prometheus is not asked, then (default: the one whose GPU is least busy, by --prometheus)." placeholder:"NAME" env:"-"`
	Output string `help:"File to write (default: standard output)." placeholder:"FILE" type:"path" env:"-"`

	Loads        `embed:"" group:"Loads"`
	GPUThreshold float64       `name:"gpu-threshold" help:"A GPU that is busy for this part of the time or more is not taken." default:"0.8"`
	SampleMaxAge time.Duration `help:"A sample older than this says nothing." default:"1m"`
}

// nodeName is a subdomain as RFC 1123 has it, which Kubernetes wants of nodes.
var nodeName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// Validate refuses what cannot be honoured.
func (p *Patch) Validate() error {
	switch {
	case p.Node == "" && len(p.Prometheus) == 0:
		return errors.New("--node and --prometheus are missing: which node are the pods to run on, or which Prometheus knows the GPUs' load?")
	case p.Node != "" && !nodeName.MatchString(p.Node):
		return fmt.Errorf("--node %q is no name of a node: Kubernetes' have lower-case letters, digits, - and . in them, and a letter or digit at both ends", p.Node)
	case p.Node != "" && len(p.GPULoad) > 0:
		return errors.New("--node and --gpu-load exclude each other: a node that was named is not looked for")
	}
	return nil
}
