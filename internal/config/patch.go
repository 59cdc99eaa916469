package config

import "errors"

// Patch is the configuration of `plumbline patch`.
type Patch struct {
	File   string `arg:"" help:"Manifest with a ScaledJob, such as posture-job.yaml; - is standard input."`
	Node   string `help:"Node that its pods are to run on." placeholder:"NAME" env:"-"`
	Output string `help:"File to write (default: standard output)." placeholder:"FILE" type:"path" env:"-"`
}

// Validate refuses what cannot be honoured.
func (p *Patch) Validate() error {
	if p.Node == "" {
		return errors.New("--node is missing: which node are the pods to run on?")
	}
	return nil
}
