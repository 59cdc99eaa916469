package config

import (
	"errors"
	"time"
)

// Preflight says which cluster is looked at, and what is to be deployed to it; the flags are named as deploy's.
type Preflight struct {
	Cluster    bool   `help:"Look at a Kubernetes cluster instead: whether plumbline deploy would work there, or why what it deployed does not." env:"-"`
	Kubeconfig string `help:"How the cluster is reached (default: what kubectl uses)." placeholder:"FILE" type:"path" group:"Cluster (with --cluster)"`
	Context    string `help:"Context of the kubeconfig (default: its current one)." placeholder:"NAME" group:"Cluster (with --cluster)"`
	Namespace  string `help:"Namespace to deploy to." default:"plumbline" group:"Cluster (with --cluster)"`

	Image            string        `help:"Image to run: is it there, for the nodes' architectures?" placeholder:"REF" group:"Cluster (with --cluster)"`
	Registry         string        `help:"Registry to push to: may this machine's login do so?" placeholder:"REGISTRY" group:"Cluster (with --cluster)"`
	InsecureRegistry bool          `help:"The registry speaks plain HTTP." group:"Cluster (with --cluster)"`
	Prometheus       []string      `help:"Prometheus that the nodes' loads are in: does it answer, and for which nodes?" placeholder:"URL" group:"Cluster (with --cluster)"`
	SampleMaxAge     time.Duration `help:"A GPU sample older than this counts for nothing." default:"1m" group:"Cluster (with --cluster)"`
	Placement        string        `help:"How workers get their node." enum:"gate,patch,none" default:"gate" group:"Cluster (with --cluster)"`
	StorageClass     string        `help:"Class of the hub's volume (default: the cluster's)." placeholder:"NAME" group:"Cluster (with --cluster)"`
	RuntimeClass     string        `help:"RuntimeClass of exporter and workers, such as nvidia." placeholder:"NAME" group:"Cluster (with --cluster)"`
}

// Validate refuses what cannot be honoured.
func (p *Preflight) Validate() error {
	if p.Image != "" && p.Registry != "" {
		return errors.New("--image and --registry both say which image: give one")
	}
	return nil
}
