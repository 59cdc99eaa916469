package queue

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// What the ledger reads: which captures are where. A long list comes from JetStream in parts of 100,000, and what leaves the
// stream between two of them may hide others; so a few ids are looked up one by one, which is exact.
const lookedUpSingly = 2000

// JournalAfter goes through the journal's entries after a sequence (0: all), as many as there are now.
func (h *Hub) JournalAfter(ctx context.Context, sequence uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if err := h.past.wait(ctx); err != nil {
			yield(Entry{}, err)
			return
		}
		for e, err := range h.journal(ctx, scan{after: sequence}) {
			if !yield(e.entry(), err) {
				return
			}
		}
	}
}

func (e journalEntry) entry() Entry {
	f := e.facts
	return Entry{ID: f.ID, Device: f.Device, Topic: f.Topic, ReceivedAt: f.ReceivedAt, SHA256: f.SHA256, Refused: f.Refused, Sequence: e.sequence}
}

// JournalBegins is the time from which on the journal is complete: what was received before may have left it by age. It is
// zero while the journal is empty.
func (h *Hub) JournalBegins(ctx context.Context) (time.Time, error) {
	info, err := asked(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) { return h.streams.journal.Info(ctx) })
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("reading the journal's beginning: %w", err)
	case info.State.Msgs == 0:
		return time.Time{}, nil
	case info.State.FirstSeq <= 1:
		return info.State.FirstTime, nil
	}
	return info.State.FirstTime.Add(clockSlack), nil // receipts are stamped by the hub's clock, entries by JetStream's
}

// InQueue tells which of the captures are in the queue, waiting or leased; nil asks for all that are.
func (h *Hub) InQueue(ctx context.Context, ids []string) (map[string]bool, error) {
	return among(ctx, h.streams.queue, ids)
}

// AmongDead tells which of the captures are dead letters; nil asks for all that are.
func (h *Hub) AmongDead(ctx context.Context, ids []string) (map[string]bool, error) {
	return among(ctx, h.streams.dead, ids)
}

// AmongDropped tells which of the captures were dropped on purpose within the journal's age; nil asks for all.
func (h *Hub) AmongDropped(ctx context.Context, ids []string) (map[string]bool, error) {
	return among(ctx, h.streams.dropped, ids)
}

func among(ctx context.Context, s stream, ids []string) (map[string]bool, error) {
	if ids == nil || len(ids) > lookedUpSingly {
		return s.tokens(ctx)
	}
	found := make(map[string]bool, len(ids))
	for _, id := range ids {
		info, err := asked(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) {
			return s.Info(ctx, jetstream.WithSubjectFilter(s.subject(id)))
		})
		if err != nil {
			return nil, fmt.Errorf("looking for %s: %w", s.subject(id), err)
		}
		found[id] = len(info.State.Subjects) > 0
	}
	return found, nil
}

// LeasedIDs are the ids of the captures that live workers hold, wherever they run, and of those in the pause after a failed
// attempt, as Depth counts them. JetStream names no claims; but whatever it has delivered and still holds was claimed. Each
// of them is read with its picture, so this costs as much as there are claims.
func (h *Hub) LeasedIDs(ctx context.Context) (map[string]bool, error) {
	consumer, err := asked(ctx, h.consumer.Info)
	if err != nil {
		return nil, fmt.Errorf("reading the leases: %w", err)
	}
	now := h.leasesNow(consumer, 0)
	leased := make(map[string]bool, consumer.NumAckPending)
	for sequence, seen := uint64(1), 0; seen < consumer.NumAckPending && sequence <= consumer.Delivered.Stream; sequence++ {
		m, err := asked(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
			return h.streams.queue.GetMsg(ctx, sequence, jetstream.WithGetMsgSubject(h.streams.queue.subject("*")))
		})
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading the leases: %w", err)
		}
		seen++
		if sequence = m.Sequence; sequence <= consumer.Delivered.Stream && now.holds(sequence) {
			leased[strings.TrimPrefix(m.Subject, h.streams.queue.subjects)] = true
		}
	}
	return leased, nil
}
