package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// follower keeps up with what other hubs accept: it reads the journal as it grows. With the embedded server there is no
// other hub, and none of it.
type follower struct {
	entered *index // ids of the journal's last day

	mu      sync.Mutex
	reached uint64        // sequence of the journal that has been read
	moved   chan struct{} // closed and replaced when reached grows

	completing sync.Mutex // one look at what others left half done at a time
}

func newFollower() *follower { return &follower{entered: newIndex(), moved: make(chan struct{})} }

// idKey lets the index of messages serve for ids.
func idKey(id string) messageKey { return messageKey{sha256: id} }

func (f *follower) saw(sequence uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if sequence > f.reached {
		f.reached = sequence
		close(f.moved)
		f.moved = make(chan struct{})
	}
}

func (f *follower) position() (reached uint64, moved <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reached, f.moved
}

// wait returns when the journal has been read up to sequence.
func (f *follower) wait(ctx context.Context, sequence uint64) error {
	for {
		reached, moved := f.position()
		if reached >= sequence {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("reading what other hubs accepted: %w", ctx.Err())
		}
	}
}

// remember enters an entry of the journal into the indices.
func (h *Hub) remember(f facts, sequence uint64, at time.Time) {
	h.earlier.add(f.key(), sequence, at)
	if h.others != nil {
		h.others.entered.add(idKey(f.ID), sequence, at)
	}
}

// follow reads the journal from the given sequence on until ctx ends.
func (h *Hub) follow(ctx context.Context, after uint64) {
	h.others.saw(after)
	for ctx.Err() == nil {
		err := h.followOn(ctx)
		if err != nil && ctx.Err() == nil {
			h.log.Warn("reading what other hubs accept; trying again", "error", err)
		}
		select {
		case <-time.After(openPause):
		case <-ctx.Done():
		}
	}
}

// followOn goes on where it was until something goes wrong.
func (h *Hub) followOn(ctx context.Context) error {
	reached, _ := h.others.position()
	reconnects := h.nc.Stats().Reconnects
	r, err := openReader(ctx, h.streams.journal, scan{after: reached})
	if err != nil {
		return fmt.Errorf("opening the journal: %w", err)
	}
	defer r.Stop()
	for {
		m, meta, err := r.next(ctx, readerPatience)
		if errors.Is(err, errSilent) && h.nc.Stats().Reconnects == reconnects {
			continue
		}
		if err != nil { // also when what was on its way by the broken connection may be lost
			return fmt.Errorf("reading the journal: %w", err)
		}
		e, err := readEntry(m)
		if err != nil { // of a newer Plumbline, or damaged: it can't be compared with anything
			h.log.Error("an entry of the journal can't be read", "error", err)
		} else {
			h.remember(e.facts, e.sequence, e.storedAt)
		}
		h.others.saw(meta.Sequence.Stream)
	}
}

// catchUp returns when everything that hubs entered until now is known here.
func (h *Hub) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	info, err := h.streams.journal.Info(ctx)
	if err != nil {
		return fmt.Errorf("reading the journal's end: %w", err)
	}
	return h.others.wait(ctx, info.State.LastSeq)
}

// enterOthers adds the entries that other hubs did not come to write: a hub that died between picture and entry is
// replaced by this one, without a start that would put it right. An entry more, of an acceptance that is just being
// finished elsewhere, changes nothing.
func (h *Hub) enterOthers(ctx context.Context) error {
	h.others.completing.Lock()
	defer h.others.completing.Unlock()
	for _, s := range []stream{h.streams.queue, h.streams.dead} {
		ids, err := s.tokens(ctx)
		if err != nil {
			return err
		}
		for id := range ids {
			if h.isEntered(id) || h.now().Sub(idTime(id)) > dupWindow {
				continue
			}
			if err := h.addMissing(ctx, s, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// isEntered reports whether the journal has the capture, or will have it by our own doing. It looks a day back.
func (h *Hub) isEntered(id string) bool {
	if h.promises.withID(id) != nil {
		return true
	}
	_, found := h.others.entered.find(idKey(id))
	return found
}

// ensureOthers enters a capture that another hub accepted, when this one has not seen its entry. That it left queue and
// dead letters already means that somebody else was here before.
func (h *Hub) ensureOthers(ctx context.Context, id string) error {
	if h.isEntered(id) {
		return nil
	}
	for _, s := range []stream{h.streams.queue, h.streams.dead} {
		if err := h.addMissing(ctx, s, id); err != nil {
			return err
		}
		if h.isEntered(id) {
			return nil
		}
	}
	return nil
}
