package config

import "time"

// Simulate is a cluster, its load and its work, as they are imagined.
type Simulate struct {
	Nodes      *int          `help:"GPU nodes (default: as many as --loads or --recorded has, else 8)." placeholder:"N" env:"-" group:"Load"`
	Loads      []float64     `help:"Background load of each node, such as 0.1,0.5,0.9 (default: drawn by the seed between --least-load and --most-load)." placeholder:"RATIO" env:"-" group:"Load"`
	LeastLoad  float64       `help:"Least background load." default:"0" env:"-" group:"Load"`
	MostLoad   float64       `help:"Greatest background load." default:"0.9" env:"-" group:"Load"`
	Change     string        `help:"How the background load changes: ${enum}." enum:"constant,walk,steps" default:"constant" env:"-" group:"Load"`
	WalkStep   float64       `help:"Standard deviation of a second's step of --change walk." default:"0.02" env:"-" group:"Load"`
	StepEvery  time.Duration `help:"Mean time between two loads of --change steps." default:"1m" env:"-" group:"Load"`
	Recorded   string        `help:"Background load as it was measured: CSV or JSON of node, time, utilization, or an answer of Prometheus's query_range." placeholder:"FILE" type:"path" env:"-" group:"Load"`
	RecordedIn string        `help:"What the numbers of --recorded mean: ${enum}. Auto: per cent when any is over 1." enum:"auto,ratio,percent" default:"auto" env:"-" group:"Load"`
	Scrape     time.Duration `help:"Time between two samples of a node." default:"15s" env:"-" group:"Load"`

	Pictures       int           `help:"Pictures in all." default:"200" env:"-" group:"Work"`
	Rate           float64       `help:"Pictures a second, at random moments (0: all at once)." default:"0" env:"-" group:"Work"`
	Base           time.Duration `help:"What a picture takes on an idle GPU; on one with a load it takes base / (1 - load)." default:"2s" env:"-" group:"Work"`
	SlowestAt      float64       `help:"Load over which a picture takes no longer than at this one." default:"0.95" env:"-" group:"Work"`
	TrueWorkerLoad float64       `help:"What a worker truly adds to its GPU (default: --worker-load, which is what is believed)." default:"-1" placeholder:"RATIO" env:"-" group:"Work"`
	Learn          bool          `help:"Let samples teach the load of a worker, from --worker-load on." env:"-" group:"Work"`
	Room           int           `help:"Workers that a node has memory for; Kubernetes lets further ones wait there (0: as many as --slots)." default:"0" placeholder:"N" env:"-" group:"Work"`
	JobSize        int           `help:"Pictures that a worker takes." default:"1" env:"-" group:"Work"`
	ColdStart      time.Duration `help:"Time from placed to working." default:"2s" env:"-" group:"Work"`
	Poll           time.Duration `help:"Time between two looks for waiting pictures (KEDA's pollingInterval)." default:"1s" env:"-" group:"Work"`
	Limit          time.Duration `help:"Simulated time after which a run ends, whatever still waits." default:"24h" env:"-" group:"Work"`
}
