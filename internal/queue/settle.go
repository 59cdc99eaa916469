package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// clockSlack is by how much the clock may have been set back between a capture's receipt and its journal entry.
const clockSlack = time.Hour

// settle puts right what a run that ended at any moment left half done, before anything else happens:
//
//	claims that were in hand              -> one blame each
//	dropped, but still a dead letter      -> no dead letter
//	a dead letter, but still in the queue -> not in the queue
//	in the queue or dead, not in the journal -> a journal entry
//
// On the way through the journal it fills the index of messages that may be sent again.
func (h *Hub) settle(ctx context.Context) error {
	if err := h.blameCrashed(ctx); err != nil {
		return err
	}
	waiting, err := subjectTokens(ctx, h.streams.queue, queueSubjects)
	if err != nil {
		return err
	}
	dead, err := subjectTokens(ctx, h.streams.dead, deadSubjects)
	if err != nil {
		return err
	}
	dropped, err := subjectTokens(ctx, h.streams.dropped, droppedSubjects)
	if err != nil {
		return err
	}
	if err := removeBoth(ctx, dead, dropped, h.streams.dead, deadSubjects); err != nil {
		return err
	}
	if err := removeBoth(ctx, waiting, dead, h.streams.queue, queueSubjects); err != nil {
		return err
	}
	return h.completeJournal(ctx, waiting, dead)
}

// removeBoth removes from a stream what is in another too.
func removeBoth(ctx context.Context, ids, others map[string]bool, s jetstream.Stream, prefix string) error {
	for id := range ids {
		if !others[id] {
			continue
		}
		if err := s.Purge(ctx, jetstream.WithPurgeSubject(prefix+id)); err != nil {
			return fmt.Errorf("removing %s%s: %w", prefix, id, err)
		}
		delete(ids, id)
	}
	return nil
}

// completeJournal reads the journal's last part and adds entries that the last run did not come to write.
func (h *Hub) completeJournal(ctx context.Context, waiting, dead map[string]bool) error {
	from, err := h.journalTail(ctx, waiting)
	if err != nil {
		return err
	}
	missing := map[string]jetstream.Stream{}
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
		h.earlier.add(e.facts.key(), e.sequence, e.storedAt)
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

func (h *Hub) addMissing(ctx context.Context, s jetstream.Stream, id string) error {
	prefix := queueSubjects
	if s == h.streams.dead {
		prefix = deadSubjects
	}
	m, err := s.GetLastMsgForSubject(ctx, prefix+id)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s%s: %w", prefix, id, err)
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
