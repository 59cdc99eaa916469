package queue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"plumbline/internal/posture"
)

// Receipt says how a message came: what tells one message sent again from two that are alike.
type Receipt struct {
	Topic    string
	PacketID uint16 // 0 with QoS 0
	QoS      byte
	DUP      bool // the sender says that it may have sent this message before
	// Retained: a broker outside delivered it as a retained message, so it may have been accepted long ago.
	Retained bool
}

// Acceptance is the hub's promise: capture ID is in the queue and in the journal.
type Acceptance struct {
	ID        string
	Duplicate bool // this message was accepted before, under ID
}

// Accept commits a capture to the queue and the journal, in that order, and returns when both are safe: only then may
// the sender be told so. An empty ID and a zero ReceivedAt are filled in. After an error the sender must not get an
// acknowledgement; whatever was committed until then is finished later and found again when the message is sent again.
//
// Once begun, an acceptance does not stop when ctx ends: the sender may be gone, its picture is here.
func (h *Hub) Accept(ctx context.Context, r Receipt, c posture.Capture) (Acceptance, error) {
	if err := h.enter(); err != nil {
		return Acceptance{}, err
	}
	defer h.busy.Done()
	r.Topic = clip(r.Topic, maxTopic)
	start := time.Now()
	a, err := h.accept(context.WithoutCancel(ctx), r, c)
	h.metrics.accepted(a, err, time.Since(start))
	if err != nil {
		return Acceptance{}, fmt.Errorf("accepting a picture on %q: %w", r.Topic, err)
	}
	return a, nil
}

func (h *Hub) accept(ctx context.Context, r Receipt, c posture.Capture) (Acceptance, error) {
	if n := int64(len(c.Picture)); n == 0 || n > h.options.MaxPicture {
		return Acceptance{}, fmt.Errorf("a picture of %d bytes can't be queued; the limit is %d", n, h.options.MaxPicture)
	}
	f, err := h.factsOf(r, c, sha256.Sum256(c.Picture))
	if err != nil {
		return Acceptance{}, err
	}
	return h.promise(ctx, r, f, h.streams.queue, c.Picture)
}

// factsOf stamps the capture with what the hub adds.
func (h *Hub) factsOf(r Receipt, c posture.Capture, sum [sha256.Size]byte) (facts, error) {
	if c.ReceivedAt.IsZero() {
		c.ReceivedAt = time.Now()
	}
	if c.ID == "" {
		id, err := h.ids.make(c.ReceivedAt)
		if err != nil {
			return facts{}, err
		}
		c.ID = id
	} else if !validID(c.ID) {
		return facts{}, fmt.Errorf("%q is no capture id", c.ID)
	}
	f := facts{
		ID: c.ID, Device: clip(c.Device, maxDevice), Topic: r.Topic, Source: clip(c.Source, maxSource),
		ReceivedAt: c.ReceivedAt.UTC(),
		PacketID:   r.PacketID, QoS: r.QoS, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(c.Picture)),
	}
	if !c.TakenAt.IsZero() {
		f.TakenAt = c.TakenAt.UTC()
	}
	return f, nil
}

// promise commits a picture (or what couldn't be one) and then its journal entry, unless the message was
// accepted before.
func (h *Hub) promise(ctx context.Context, r Receipt, f facts, into stream, body []byte) (Acceptance, error) {
	if err := h.connected(); err != nil {
		return Acceptance{}, err
	}
	if err := h.finishAbandoned(ctx); err != nil {
		return Acceptance{}, err
	}
	if r.DUP || r.Retained {
		id, err := h.before(ctx, r, f)
		if err != nil || id != "" {
			return Acceptance{ID: id, Duplicate: id != ""}, err
		}
	}
	if err := h.diskReserve(); err != nil {
		return Acceptance{}, err
	}
	msg, err := newMessage(into.subject(f.ID), f, body)
	if err != nil {
		return Acceptance{}, err
	}
	p := h.promises.begin(f, msg)
	if err := h.fulfil(ctx, p); err != nil {
		return Acceptance{}, err
	}
	return Acceptance{ID: f.ID}, nil
}

// finishAbandoned first finishes what earlier acceptances had to leave, so that neither their number nor the time
// during which a journal entry is missing can grow.
func (h *Hub) finishAbandoned(ctx context.Context) error {
	for _, p := range h.promises.abandoned() {
		if err := h.fulfil(ctx, p); err != nil && !p.isRefused() {
			return fmt.Errorf("finishing capture %s, accepted before: %w", p.facts.ID, err)
		}
	}
	return nil
}
