package config

import (
	"errors"
	"time"
)

// Rollout says how what is deployed is brought into a cluster.
type Rollout struct {
	Diff            bool          `help:"Ask the cluster what would change, show that as a unified diff without the values of Secrets, and change nothing. Exit code 0: nothing would change; 1: something would; 2: that cannot be told." env:"-"`
	IgnorePreflight bool          `help:"Go on although something looks wrong with the cluster." env:"-"`
	ForceConflicts  bool          `help:"Take over fields that others have set to other values." env:"-"`
	KeepLocal       bool          `help:"Leave this machine's containers and images of other versions of Plumbline; else docker's and podman's are listed and removed, but what runs under compose."`
	Timeout         time.Duration `help:"How long to wait until everything is ready." default:"5m"`
	SampleWait      time.Duration `help:"How long to wait for the first GPU sample of every node, then; 0: not at all." default:"75s"`
	Watch           *bool         `help:"Then show nodes, Jobs and backlog: ESC or Enter stops and removes everything, Ctrl-C leaves it running (default: on a terminal)." negatable:"" env:"-"`
	WatchOnly       bool          `help:"Only show what runs already." env:"-"`
}

// Validate refuses what cannot be honoured.
func (r *Rollout) Validate() error {
	switch {
	case r.WatchOnly && r.Diff:
		return errors.New("--watch-only and --diff exclude each other")
	case r.WatchOnly && r.Watch != nil && !*r.Watch:
		return errors.New("--watch-only and --no-watch exclude each other")
	case r.Timeout <= 0:
		return errors.New("--timeout must be longer than 0")
	}
	return nil
}
