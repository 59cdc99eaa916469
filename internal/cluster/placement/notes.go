package placement

import (
	"context"
	"log/slog"
	"sync"

	"plumbline/internal/cluster/kube"
)

const (
	notesWaiting = 4096 // Events that may wait to be written
	noteWriters  = 4    // at a time
)

// notes writes Events beside the placing, which must not wait for them. When too many wait, further ones are lost: the log has
// them all.
type notes struct {
	write func(context.Context, kube.Pod, kube.Note) error
	queue chan note
	log   *slog.Logger
	m     *metrics
}

type note struct {
	pod  kube.Pod
	text kube.Note
}

func newNotes(write func(context.Context, kube.Pod, kube.Note) error, log *slog.Logger, m *metrics) *notes {
	return &notes{write: write, queue: make(chan note, notesWaiting), log: log, m: m}
}

func (n *notes) add(p kube.Pod, text kube.Note) {
	select {
	case n.queue <- note{p, text}:
	default:
		n.m.errors.WithLabelValues("event").Inc()
	}
}

func (n *notes) run(ctx context.Context) {
	var all sync.WaitGroup
	for range noteWriters {
		all.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case next := <-n.queue:
					n.put(ctx, next)
				}
			}
		})
	}
	all.Wait()
}

func (n *notes) put(ctx context.Context, next note) {
	if err := n.write(ctx, next.pod, next.text); err != nil && ctx.Err() == nil {
		n.m.errors.WithLabelValues("event").Inc()
		n.log.Warn("an Event could not be written", "pod", next.pod.Name, "error", err)
	}
}
