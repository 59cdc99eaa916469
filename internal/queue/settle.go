package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// clockSlack is by how much the clock may have been set back between a capture's receipt and its journal entry.
const clockSlack = time.Hour

// settle puts right what a run that ended at any moment left half done, before anything else happens:
//
//	claims that were in hand              -> one blame each
//	dropped, but still a dead letter      -> no dead letter
//	a dead letter, but still in the queue -> not in the queue; unless it was being replayed: no dead letter
//	in the queue or dead, not in the journal -> a journal entry
//
// The last of these reads a day of the journal, a matter of seconds where many pictures come; so it goes on while the
// hub is open already, and only what depends on it waits for it.
func (h *Hub) settle(ctx context.Context) error {
	if err := h.claims.blameCrashed(ctx, hubDesk{h}); err != nil {
		return err
	}
	if err := h.forgetGone(ctx); err != nil {
		return err
	}
	waiting, err := h.streams.queue.tokens(ctx)
	if err != nil {
		return err
	}
	dead, err := h.streams.dead.tokens(ctx)
	if err != nil {
		return err
	}
	dropped, err := h.streams.dropped.tokens(ctx)
	if err != nil {
		return err
	}
	if err := removeBoth(ctx, dead, dropped, h.streams.dead); err != nil {
		return err
	}
	if err := h.endExchanges(ctx, waiting, dead); err != nil {
		return err
	}
	journal, err := h.streams.journal.Info(ctx)
	if err != nil {
		return fmt.Errorf("reading the journal's end: %w", err)
	}
	h.past.begin(waiting, dead)
	h.busy.Go(func() {
		// A server that goes away meanwhile must not leave the hub unready for good when it is back.
		err := h.persistently(h.ctx, func(ctx context.Context) error { return h.completeJournal(ctx, waiting, dead) })
		if err != nil && h.ctx.Err() == nil {
			h.log.Error("the journal could not be read", "error", err)
		}
		h.past.end(err)
		if h.others != nil && err == nil {
			h.follow(h.ctx, journal.State.LastSeq)
		}
	})
	return nil
}

// history is what earlier runs left: captures whose journal entry may be missing, and an index of the journal's last
// day. Both can be relied on when it is complete.
type history struct {
	unchecked map[string]bool // not changed after begin
	earlier   *index          // filled before complete is closed, not changed after
	complete  chan struct{}
	err       error // read it when complete is closed
}

func newHistory() *history { return &history{earlier: newIndex(), complete: make(chan struct{})} }

func (p *history) begin(waiting, dead map[string]bool) {
	p.unchecked = maps.Clone(waiting)
	maps.Copy(p.unchecked, dead)
}

func (p *history) end(err error) {
	if err != nil {
		p.err = fmt.Errorf("reading the journal of earlier runs: %w", err)
	}
	close(p.complete)
}

func (p *history) wait(ctx context.Context) error {
	select {
	case <-p.complete:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// failure is why the history will never be complete; nil while it may be.
func (p *history) failure() error {
	select {
	case <-p.complete:
		return p.err
	default:
		return nil
	}
}

// removeBoth removes from a stream what is in another too.
func removeBoth(ctx context.Context, ids, others map[string]bool, s stream) error {
	for id := range ids {
		if !others[id] {
			continue
		}
		if err := s.remove(ctx, id); err != nil {
			return err
		}
		delete(ids, id)
	}
	return nil
}

// endExchanges leaves each capture either in the queue or among the dead letters.
func (h *Hub) endExchanges(ctx context.Context, waiting, dead map[string]bool) error {
	for id := range waiting {
		if !dead[id] {
			continue
		}
		replayed, err := h.isReplayed(ctx, id)
		if err != nil {
			return err
		}
		from, ids := h.streams.queue, waiting
		if replayed {
			from, ids = h.streams.dead, dead
		}
		if err := from.remove(ctx, id); err != nil {
			return err
		}
		delete(ids, id)
	}
	return nil
}

// isReplayed tells a capture that was being replayed from one that was being buried.
func (h *Hub) isReplayed(ctx context.Context, id string) (bool, error) {
	letter, _, err := h.letter(ctx, id)
	var newer *NewerFormatError
	switch {
	case errors.Is(err, ErrNoSuchLetter):
		return true, nil // another hub has just removed it
	case errors.As(err, &newer):
		return false, nil
	case err != nil:
		return false, err
	}
	m, err := h.streams.queue.last(ctx, id)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return false, nil // acknowledged just now
	}
	if err != nil {
		return false, fmt.Errorf("reading capture %s: %w", id, err)
	}
	f, err := readFacts(m.Header)
	return err == nil && f.undone(letter.Death.At), nil //nolint:nilerr // what can't be read was never replayed
}

// completeJournal reads the journal's last part and adds entries that the last run did not come to write. It may be begun anew.
func (h *Hub) completeJournal(ctx context.Context, waiting, dead map[string]bool) error {
	from, err := h.journalTail(ctx, waiting)
	if err != nil {
		return err
	}
	missing := map[string]stream{}
	for id := range waiting {
		missing[id] = h.streams.queue
	}
	for id := range dead { // an older one may have left the journal by age
		if idTime(id).After(from) {
			missing[id] = h.streams.dead
		}
	}
	for e, err := range h.journal(ctx, scan{from: from}) {
		if err != nil {
			return err
		}
		delete(missing, e.facts.ID)
		if h.others != nil {
			h.others.entered.add(idKey(e.facts.ID), e.sequence, e.storedAt)
		}
		h.past.earlier.add(e.facts.key(), e.sequence, e.storedAt)
	}
	for id, stream := range missing {
		if err := h.addMissing(ctx, stream, id); err != nil {
			return err
		}
	}
	return nil
}

// journalTail is from when on the journal must be read: one window back from now and from its last entry (a message
// refused in the last moment of a run long ago has no entry yet), and back to the oldest capture that waits.
func (h *Hub) journalTail(ctx context.Context, waiting map[string]bool) (time.Time, error) {
	info, err := h.streams.journal.Info(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the journal's end: %w", err)
	}
	if info.State.Msgs == 0 {
		return time.Time{}, nil
	}
	from := time.Now()
	if info.State.LastTime.Before(from) {
		from = info.State.LastTime
	}
	for id := range waiting {
		if at := idTime(id); at.Before(from) {
			from = at
		}
	}
	return from.Add(-dupWindow - clockSlack), nil
}

func (h *Hub) addMissing(ctx context.Context, s stream, id string) error {
	m, err := s.last(ctx, id)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", s.subject(id), err)
	}
	f, err := readFacts(m.Header)
	var newer *NewerFormatError
	if errors.As(err, &newer) {
		h.log.Warn("a capture of a newer format has no journal entry yet", "capture", id, "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	f.Death = nil
	h.log.Info("adding the journal entry that the last run did not come to write", "capture", id)
	return h.enterJournal(ctx, f)
}
