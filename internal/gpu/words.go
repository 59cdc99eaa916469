// Package gpu holds the words of the cluster wing (Sample, Machine, Node, Worker, Rules, Ranking, Decision) and the pure
// functions on them: which nodes may take a worker, in which order, how many slots are free, why each other node was refused,
// and which worker should leave. It does no input or output, imports nothing but the standard library, and takes the time as a
// value, so that a decision can be made again from its record.
//
// Scaling (how many) and placement (where) call the same Rank with the same Snapshot; what one counts as a free slot the
// other can fill. A node without a fresh sample is unknown, and unknown is never idle. docs/placement.md tells the rules to
// operators.
package gpu

import "time"

// Sample is a measured GPU utilization of one node. Of several for one node the youngest counts.
type Sample struct {
	Node        string        `json:"node"`
	Utilization float64       `json:"utilization"`       // ratio, 0 to 1, mean over the window
	At          time.Time     `json:"at"`                // when it was measured (the window's end), never when it was asked for
	Window      time.Duration `json:"window,omitempty"`  // 0: the value of one moment
	Invalid     string        `json:"invalid,omitempty"` // why it says nothing, such as a value that is no number
}

// Machine is the measured load of a node apart from its GPU. A negative ratio, or one that is no number, is not known.
type Machine struct {
	Node   string        `json:"node"`
	CPU    float64       `json:"cpu"`    // ratio of all cores that is not idle, 0 to 1
	Memory float64       `json:"memory"` // ratio that is not available, 0 to 1
	At     time.Time     `json:"at"`
	Window time.Duration `json:"window,omitempty"` // of the CPU's mean
}

// Node is what Kubernetes says of a node, seen with the eyes of the workers' pod template.
type Node struct {
	Name        string   `json:"name"`
	Ready       bool     `json:"ready"`
	Cordoned    bool     `json:"cordoned,omitempty"`    // spec.unschedulable
	Untolerated []string `json:"untolerated,omitempty"` // taints that the template does not tolerate, as key=value:effect
	Excluded    string   `json:"excluded,omitempty"`    // the template's own condition that the node does not meet, or ""
	GPU         bool     `json:"gpu"`                   // expected to have a GPU, by label, resource or a sample it once had
}

// Worker is a pod of ours that has been given a node, whether it already runs or not. Keep those that ended in the snapshot
// for as long as samples look back on them (a MaxAge and a window), and for Rules.RebalanceWindow where Rebalance is used.
type Worker struct {
	Pod       string    `json:"pod"`
	Node      string    `json:"node"`
	PlacedAt  time.Time `json:"placed_at"`
	Pending   bool      `json:"pending,omitempty"`   // its container does not run yet, so no sample shows it
	StartedAt time.Time `json:"started_at,omitzero"` // when its container began; zero: taken to be PlacedAt
	EndedAt   time.Time `json:"ended_at,omitzero"`   // zero while it runs
	Load      float64   `json:"load,omitempty"`      // its own measured share of the node's ratio (see Rises); 0: Rules.WorkerLoad
}

// Ended says whether the worker is over.
func (w Worker) Ended() bool { return !w.EndedAt.IsZero() }

// started is from when on samples show the worker.
func (w *Worker) started() time.Time {
	if w.StartedAt.IsZero() {
		return w.PlacedAt
	}
	return w.StartedAt
}

// Snapshot is everything a ranking looks at, at one moment.
type Snapshot struct {
	At       time.Time `json:"at"`
	Nodes    []Node    `json:"nodes"`
	Samples  []Sample  `json:"samples"`
	Machines []Machine `json:"machines,omitempty"` // none fresh: nobody measures them, and their thresholds are not looked at
	Workers  []Worker  `json:"workers,omitempty"`
	Unread   bool      `json:"unread,omitempty"` // nobody has asked yet how much the nodes have to do

	Oldest time.Time `json:"oldest,omitzero"` // when the oldest waiting capture was accepted; zero: nothing waits
}
