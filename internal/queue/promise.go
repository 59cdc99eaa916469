package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
)

// stage is how far an acceptance has come. A crash at any stage is put right by the next start, see settle.
type stage int

const (
	storing  stage = iota // the picture may or may not be in its stream
	entering              // the picture is in its stream, the journal entry may be missing
	kept                  // both are committed
	refused               // the stream refused the picture; nothing is left of it
)

// promise is one acceptance under way.
type promise struct {
	facts facts

	mu    sync.Mutex // held while a stage is being done
	stage stage
	msg   *nats.Msg // until it is stored
}

func (p *promise) isRefused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stage == refused
}

// messageKey names a message as its sender knows it.
type messageKey struct {
	topic    string
	packetID uint16
	sha256   string
}

func (f facts) key() messageKey { return messageKey{f.Topic, f.PacketID, f.SHA256} }

// promises are the acceptances under way and those that had to be left half done.
type promises struct {
	mu    sync.Mutex
	byID  map[string]*promise
	byKey map[messageKey]*promise
	left  map[string]*promise // returned with an error before they were kept or refused
}

func newPromises() *promises {
	return &promises{byID: map[string]*promise{}, byKey: map[messageKey]*promise{}, left: map[string]*promise{}}
}

func (ps *promises) begin(f facts, msg *nats.Msg) *promise {
	p := &promise{facts: f, msg: msg}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.byID[f.ID] = p
	ps.byKey[f.key()] = p
	return p
}

func (ps *promises) leave(p *promise) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.left[p.facts.ID] = p
}

func (ps *promises) end(p *promise) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.byID, p.facts.ID)
	delete(ps.left, p.facts.ID)
	if ps.byKey[p.facts.key()] == p {
		delete(ps.byKey, p.facts.key())
	}
}

func (ps *promises) withID(id string) *promise {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.byID[id]
}

func (ps *promises) withKey(k messageKey) *promise {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.byKey[k]
}

func (ps *promises) abandoned() []*promise {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	list := make([]*promise, 0, len(ps.left))
	for _, p := range ps.left {
		list = append(list, p)
	}
	return list
}

// fulfil takes a promise through its remaining stages. Whoever needs it calls it: its own Accept, a message sent again,
// the recorder before it commits a row, a later Accept. It returns nil when the promise is kept.
func (h *Hub) fulfil(ctx context.Context, p *promise) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stage == storing {
		if err := h.store(ctx, p); err != nil {
			return err
		}
	}
	if p.stage == entering {
		if err := h.enterJournal(ctx, p.facts); err != nil {
			h.promises.leave(p)
			return err
		}
		p.stage = kept
		h.promises.end(p)
	}
	if p.stage == refused {
		return fmt.Errorf("capture %s was refused", p.facts.ID)
	}
	return nil
}

// store puts the picture into its stream. That a message under its id is there already means that an earlier try,
// whose answer was lost, succeeded.
func (h *Hub) store(ctx context.Context, p *promise) error {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	dead := p.facts.Refused
	_, err := h.publish(ctx, p.msg)
	h.health.wrote(dead, p.facts.Size, err)
	switch _, answered := refusal(err); {
	case err == nil || isThere(err):
		p.stage, p.msg = entering, nil
		return nil
	case answered || errors.Is(err, nats.ErrMaxPayload) || errors.Is(err, errNotSent):
		p.stage, p.msg = refused, nil
		h.promises.end(p)
		return h.explain(err, dead)
	default:
		h.promises.leave(p)
		return fmt.Errorf("storing capture %s: %w", p.facts.ID, h.explain(err, dead))
	}
}

// enterJournal writes the journal entry and remembers it for messages that are sent again.
func (h *Hub) enterJournal(ctx context.Context, f facts) error {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	text, err := json.Marshal(f)
	if err == nil {
		err = h.beforeJournal(f.ID)
	}
	if err != nil {
		return fmt.Errorf("writing the journal entry of capture %s: %w", f.ID, err)
	}
	ack, err := h.publish(ctx, &nats.Msg{Subject: h.streams.journal.subject(topicToken(f.Topic)), Data: text})
	if err != nil {
		h.health.wrote(false, 0, err)
		return fmt.Errorf("storing the journal entry of capture %s: %w", f.ID, h.explain(err, false))
	}
	h.remember(f, ack.Sequence, h.now())
	return nil
}

// EnsureJournaled returns when the capture's journal entry is committed, and writes it when need be. A capture can be
// claimed, and even analysed, before its acceptance is through; so the recorder calls this before it commits a row, and
// no row is ever without its journal entry.
func (h *Hub) EnsureJournaled(ctx context.Context, captureID string) error {
	if h.past.unchecked[captureID] {
		return h.past.wait(ctx)
	}
	if p := h.promises.withID(captureID); p != nil {
		return h.fulfil(context.WithoutCancel(ctx), p)
	}
	if h.others != nil {
		return h.ensureOthers(ctx, captureID)
	}
	return nil
}
