package config

import (
	"errors"
	"time"
)

// Stop is the configuration of taking back what was deployed.
type Stop struct {
	Kubeconfig string        `help:"How the cluster is reached (default: what kubectl uses)." placeholder:"FILE" type:"path"`
	Context    string        `help:"Context of the kubeconfig (default: its current one)." placeholder:"NAME"`
	Namespace  string        `help:"Namespace that was deployed to." default:"plumbline"`
	DryRun     bool          `help:"Show what would be deleted, and change nothing." env:"-"`
	Yes        bool          `help:"Do not ask. With --delete-data: also where pictures would be lost." short:"y" env:"-"`
	DeleteData bool          `help:"Delete the hub's volume, too: queue, journal, pictures, SQLite. Refused while pictures wait, or are dead letters, unless --yes." env:"-"`
	Force      bool          `help:"Let go of a ScaledJob that waits for a KEDA that was removed." env:"-"`
	Local      bool          `help:"Remove this machine's containers as well: docker's and podman's that run an image of Plumbline's, but for compose's." env:"-"`
	Timeout    time.Duration `help:"Give up after this long; what was not done then, the next stop does." default:"5m"`
}

// Validate refuses what cannot be honoured.
func (s *Stop) Validate() error {
	if s.Timeout <= 0 {
		return errors.New("--timeout must be longer than 0")
	}
	return nil
}
