// Package placement says where: it gives each gated pod of a ScaledJob the node whose GPU is least busy (Gate), or keeps a
// ScaledJob's node affinity on that node as the Python scripts did (Pinner), and asks a worker to leave a GPU that others
// keep busy (Rebalancer). Which node that is decides internal/gpu; this package asks, writes it down in Kubernetes, and
// explains it in an Event.
//
// It refuses to place a pod on a node whose load it does not know, to touch a pod that runs, and to remember anything that
// matters: what was placed stands on the pods, so that another leader goes on where this one ended.
package placement

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/gpu"
)

// cluster is what is looked at. It answers from memory.
type cluster interface {
	Pods() []kube.Pod
	Nodes(kube.Template) []gpu.Node
	ScaledJob(name string) (kube.ScaledJob, bool)
}

// hands is what is done.
type hands interface {
	Place(context.Context, kube.Pod, kube.Placing) error
	Evict(context.Context, kube.Pod) error
	Pin(context.Context, kube.ScaledJob, kube.Placing) error
	NotePod(context.Context, kube.Pod, kube.Note) error
	NoteScaledJob(context.Context, kube.ScaledJob, kube.Note) error
}

// Options are what both ways of placing need.
type Options struct {
	Cluster cluster
	Hands   hands
	Changed <-chan struct{} // something changed in the cluster; nil: only the clock tells

	// Surroundings are all that ranking looks at, with the eyes of a pod template. It is asked up to twenty times a second.
	// An error says that nothing is known; then nothing is placed.
	Surroundings func(context.Context, kube.Template) (gpu.Snapshot, error)
	Rules        func(scaledJob string) gpu.Rules

	BindWithin time.Duration // a placed pod that the scheduler has not bound by then gets another try; 0: 30 s
	Keep       int           // decisions to keep; 0: 50

	Log        *slog.Logger
	Registerer prometheus.Registerer
}

func (o Options) withDefaults() Options {
	if o.BindWithin <= 0 {
		o.BindWithin = 30 * time.Second
	}
	if o.Keep <= 0 {
		o.Keep = 50
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}
