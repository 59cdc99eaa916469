package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A hub that is started anew knows nothing of the leases before; it hands out again what workers elsewhere still have in
// hand. Two things keep that cheap and just: a worker that is handed what it has already keeps its work and takes over
// the new lease, and a claim of an earlier run speaks to the hub, not to a consumer that never heard of it.

// adopt gives the lease of c to the claim of the same capture that the worker has in hand; false where it has none.
func (w *Worker) adopt(c *Claim) bool {
	w.mu.Lock()
	old := w.hand[c.facts.ID]
	w.mu.Unlock()
	if old == nil {
		return false
	}
	old.mu.Lock()
	defer old.mu.Unlock()
	if old.over {
		return false
	}
	c.beat()
	old.msgMu.Lock()
	old.msg = c.msg
	old.msgMu.Unlock()
	old.run, old.delivered = c.run, c.delivered
	old.noted = old.noted || c.noted // its blame is that of before the attempt, which goes on
	w.log.Info("a capture came again while it is still in hand; it is not analysed twice", "capture", c.facts.ID)
	return true
}

// message is what carries the lease.
func (c *Claim) message() jetstream.Msg {
	c.msgMu.Lock()
	defer c.msgMu.Unlock()
	return c.msg
}

// stale reports whether the claim is of an earlier run: its capture was handed out again, or will be.
func (c *Claim) stale(ctx context.Context) (bool, error) {
	run, err := c.worker.currentRun(ctx)
	return run != c.run, err
}

// currentRun names the consumer that hands captures out, which is another one when the hub was started anew. A worker
// elsewhere waits for a hub that can tell.
func (w *Worker) currentRun(ctx context.Context) (string, error) {
	for {
		run, err := w.readRun(ctx)
		if err == nil || w.presence == nil || w.nc.IsClosed() {
			return run, err
		}
		select {
		case <-time.After(askPause):
		case <-ctx.Done():
			return "", err
		}
	}
}

// readRun looks at the consumer again when the connection is another one than when it looked last.
func (w *Worker) readRun(ctx context.Context) (string, error) {
	if w.presence != nil && !w.nc.IsConnected() {
		return "", nats.ErrConnectionReconnecting
	}
	w.reading.Lock()
	defer w.reading.Unlock()
	connection := w.nc.Stats().Reconnects
	if connection == w.asRun {
		return w.run, nil
	}
	ctx, cancel := context.WithTimeout(ctx, deskTry)
	defer cancel()
	info, err := w.consumer.Info(ctx)
	if err != nil {
		return "", fmt.Errorf("looking at the queue's consumer: %w", err)
	}
	w.run, w.asRun = runOf(info), connection
	return w.run, nil
}
