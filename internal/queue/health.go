package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// freeDiskAge is for how long one look at the free disk serves: at the fastest, some 100 MB are written meanwhile.
const freeDiskAge = 500 * time.Millisecond

// health remembers what the last acceptances met.
type health struct {
	mu      sync.Mutex
	needed  int64 // bytes of the last picture that a full queue refused; 0 when none since the last one stored
	letter  int64 // the same of the dead letters
	failure error // of the last write; nil when it succeeded

	free   func(dir string) (int64, error)
	looked time.Time
	low    error
}

// wrote notes how storing a message of some size went.
func (s *health) wrote(dead bool, size int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, answered := refusal(err); err != nil && (!answered || noRoom(err)) {
		s.failure = err
		return
	}
	s.failure = nil
	needed := &s.needed
	if dead {
		needed = &s.letter
	}
	if *needed = 0; isFull(err) {
		*needed = size + payloadAllowance
	}
}

// diskReserve refuses before the disk is full to the last byte: JetStream answers a failed write by silence and stays
// broken until the next start, whereas a refusal passes when there is room again.
func (s *health) diskReserve(o Options) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.looked) < freeDiskAge {
		return s.low
	}
	s.looked, s.low = time.Now(), nil
	reserve := 64<<20 + 2*o.MaxPicture
	if free, err := s.free(o.Dir); err == nil && free < reserve {
		s.low = fmt.Errorf("only %d MiB are free on the disk of %s; %d MiB are kept free", free>>20, o.Dir, reserve>>20)
	}
	return s.low
}

// diskReserve looks at our own disk; that of a NATS outside is looked after there.
func (h *Hub) diskReserve() error {
	if h.options.Outside != nil {
		return nil
	}
	return h.health.diskReserve(h.options)
}

// connected says since when there is no connection to a NATS outside.
func (h *Hub) connected() error {
	if h.options.Outside == nil || h.nc.IsConnected() {
		return nil
	}
	err := fmt.Errorf("no connection to NATS at %s", h.options.Outside.Server)
	if last := h.nc.LastError(); last != nil {
		return fmt.Errorf("%w: %w", err, last)
	}
	return err
}

// leaderTimeout is how long a NATS outside may take to tell of the queue's stream.
const leaderTimeout = 2 * time.Second

// led says why a NATS outside that is connected would take nothing: the queue's stream has no leader.
func (h *Hub) led(ctx context.Context) error {
	if h.options.Outside == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, leaderTimeout)
	defer cancel()
	if _, err := h.streams.queue.Info(ctx); err != nil {
		return fmt.Errorf("NATS at %s does not tell of the queue (a cluster that lost most of its servers answers nothing): %w",
			h.options.Outside.Server, err)
	}
	return nil
}

// explain says what a stream's refusal or silence means to the person who must act.
func (h *Hub) explain(err error, dead bool) error {
	switch {
	case isFull(err) && dead:
		return fmt.Errorf("the dead letters are full: look at them, and replay or drop them: %w", err)
	case isFull(err):
		return fmt.Errorf("no room for it, the limit of waiting pictures is %d MiB: %w", h.maxBytes>>20, err)
	case noRoom(err):
		return fmt.Errorf("NATS has no room left for this account, or at all: %w", err)
	case h.options.Outside != nil && passing(err):
		return fmt.Errorf("no answer of NATS at %s within %s: %w", h.options.Outside.Server, commitTimeout, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer within %s; the disk of %s is slow or broken, and if the log tells of a failed write, a new start is needed: %w",
			commitTimeout, h.options.Dir, err)
	default:
		return err
	}
}

// Ready returns nil when a picture that came now would be accepted, else the reason why not.
func (h *Hub) Ready(ctx context.Context) error {
	h.mu.Lock()
	closed := h.closed
	h.mu.Unlock()
	if closed {
		return ErrClosed
	}
	if err := h.connected(); err != nil {
		return err
	}
	if err := h.led(ctx); err != nil {
		return err
	}
	if h.server != nil && !h.server.JetStreamEnabled() {
		return fmt.Errorf("the queue's storage is switched off after an error (see the log): put the disk of %s right and start again", h.options.Dir)
	}
	if err := errors.Join(h.past.failure(), h.diskReserve()); err != nil {
		return err
	}
	h.health.mu.Lock()
	needed, letter, failure := h.health.needed, h.health.letter, h.health.failure
	h.health.mu.Unlock()
	if failure != nil {
		return fmt.Errorf("the last picture could not be stored: %w", h.explain(failure, false))
	}
	if err := full(ctx, h.streams.dead, letter); err != nil {
		return fmt.Errorf("the dead letters are full: look at them, and replay or drop them: %w", err)
	}
	if err := full(ctx, h.streams.queue, needed); err != nil {
		return fmt.Errorf("the queue is full: %w", err)
	}
	return nil
}

// full says why a message of that size, refused before, would be refused again.
func full(ctx context.Context, s stream, needed int64) error {
	if needed == 0 {
		return nil
	}
	info, err := s.Info(ctx)
	if err != nil {
		return fmt.Errorf("reading its size: %w", err)
	}
	size, limit := int64(info.State.Bytes), info.Config.MaxBytes //nolint:gosec // no disk is that large
	if size+needed > limit {
		return fmt.Errorf("%d pictures with %d of %d MiB", info.State.Msgs, size>>20, limit>>20)
	}
	return nil
}
