package queue

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Depth says how much waits. JetStream counts exactly.
type Depth struct {
	Waiting int // in the queue and not leased, also where the worker that had claimed it is gone
	Leased  int // held by a live worker, or in the pause after a failed attempt
	Dead    int // dead letters
	// OldestWaiting is the age of the queue's oldest capture when any waits, else 0.
	OldestWaiting time.Duration
	Bytes         int64 // of the queue
	MaxBytes      int64 // its limit
}

// Depth reads the present depth.
func (h *Hub) Depth(ctx context.Context) (Depth, error) {
	queue, err := h.streams.queue.Info(ctx)
	if err != nil {
		return Depth{}, fmt.Errorf("reading the queue's depth: %w", err)
	}
	consumer, err := h.consumer.Info(ctx)
	if err != nil {
		return Depth{}, fmt.Errorf("reading the number of leases: %w", err)
	}
	dead, err := h.streams.dead.Info(ctx)
	if err != nil {
		return Depth{}, fmt.Errorf("reading the number of dead letters: %w", err)
	}
	d := Depth{
		Leased: h.leasesNow(consumer, queue.State.FirstSeq).count(), Dead: int(dead.State.Msgs), //nolint:gosec // a count
		Bytes: int64(queue.State.Bytes), MaxBytes: h.maxBytes, //nolint:gosec // no disk is that large
	}
	// The two were not read at the same moment.
	if d.Waiting = int(queue.State.Msgs) - d.Leased; d.Waiting < 0 { //nolint:gosec // a count
		d.Waiting = 0
	}
	if d.Waiting > 0 {
		d.OldestWaiting = time.Since(queue.State.FirstTime)
	}
	return d, nil
}

// leasesNow are the leases of a consumer. A NATS outside may refuse the right to listen to workers; then every claim counts
// until it is claimed anew.
func (h *Hub) leasesNow(consumer *jetstream.ConsumerInfo, first uint64) leasesNow {
	if h.denied.leases.Load() {
		return leasesNow{pending: consumer.NumAckPending, unheard: true}
	}
	return h.leases.now(h.nc, consumer, first)
}

// Entry is what the journal says of one accepted capture or refused payload.
type Entry struct {
	ID         string
	Device     string
	Topic      string
	ReceivedAt time.Time
	SHA256     string
	Refused    bool
	Sequence   uint64 // in the journal
}

// Journal goes through everything that was accepted within the journal's age, oldest first.
func (h *Hub) Journal(ctx context.Context) iter.Seq2[Entry, error] { return h.JournalAfter(ctx, 0) }

// QueuedIDs are the ids of all captures in the queue, waiting or leased.
func (h *Hub) QueuedIDs(ctx context.Context) (map[string]bool, error) {
	return h.streams.queue.tokens(ctx)
}

// DeadIDs are the ids of all dead letters.
func (h *Hub) DeadIDs(ctx context.Context) (map[string]bool, error) {
	return h.streams.dead.tokens(ctx)
}

// DroppedIDs are the ids of all dead letters that were dropped on purpose within the journal's age.
func (h *Hub) DroppedIDs(ctx context.Context) (map[string]bool, error) {
	return h.streams.dropped.tokens(ctx)
}
