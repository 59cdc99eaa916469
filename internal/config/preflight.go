package config

import "time"

// Preflight is the configuration of looking whether a deployment would work. It takes all that Deploy does, so that a command line
// of the one is one of the other; how to bring it there, or to write it down, changes nothing.
type Preflight struct {
	SampleMaxAge time.Duration `help:"A GPU sample older than this counts for nothing." default:"1m" group:"Control"`
	Deployment   `embed:""`
	Writing      `embed:"" group:"Deploying"`
	Rollout      `embed:"" group:"Deploying"`
}
