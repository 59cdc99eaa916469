package queue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"plumbline/internal/posture"
)

// Errors of dead letters.
var (
	ErrNoSuchLetter  = errors.New("no such dead letter")
	ErrNotReplayable = errors.New("this dead letter can't be replayed")
)

// DeadLetter is a capture that can't be analysed, or a payload that never became one, with the reason.
type DeadLetter struct {
	ID         string
	Device     string
	Topic      string
	Source     string // the sender's name for the picture
	ReceivedAt time.Time
	TakenAt    time.Time // zero when the sender did not say
	BuriedAt   time.Time
	Reason     string
	Attempts   int    // at analysing it
	Size       int64  // bytes of the whole picture or payload
	SHA256     string // of the same, hexadecimal
	Refused    bool   // it never was a capture: Picture is the payload as it came
	Picture    []byte // the first 64 KiB when it was too large; nil in listings
}

// Whole reports whether Picture, where it was read, is all of it.
func (d DeadLetter) Whole() bool { return int64(len(d.Picture)) == d.Size }

func (f facts) deadLetter(picture []byte) DeadLetter {
	d := DeadLetter{
		ID: f.ID, Device: f.Device, Topic: f.Topic, Source: f.Source, ReceivedAt: f.ReceivedAt, TakenAt: f.TakenAt,
		Size: f.Size, SHA256: f.SHA256, Refused: f.Refused, Picture: picture,
	}
	if f.Death != nil {
		d.Reason, d.Attempts, d.BuriedAt = f.Death.Reason, f.Death.Attempts, f.Death.At
	}
	return d
}

// Refuse keeps a payload that can't be a capture as a dead letter and enters it in the journal; then its sender may be
// told that it arrived, for it would send it for ever. d needs Device, Reason and Picture (of a larger payload its
// first bytes, with Size and SHA256 of all of it). A payload sent again is recognised as a capture is.
func (h *Hub) Refuse(ctx context.Context, r Receipt, d DeadLetter) error {
	if err := h.enter(); err != nil {
		return err
	}
	defer h.busy.Done()
	ctx = context.WithoutCancel(ctx)
	r.Topic = clip(r.Topic, maxTopic)
	f, err := h.refusalFacts(r, d)
	if err == nil {
		_, err = h.promise(ctx, r, f, h.streams.dead, h.keep(d.Picture))
	}
	if err != nil {
		return fmt.Errorf("keeping a refused payload of %q: %w", r.Topic, err)
	}
	h.metrics.refused.Inc()
	h.log.Warn("refused payload", "id", f.ID, "device", f.Device, "topic", f.Topic, "bytes", f.Size, "reason", f.Death.Reason)
	return nil
}

// keep is as much of a payload as is kept.
func (h *Hub) keep(payload []byte) []byte {
	if int64(len(payload)) > h.options.MaxPicture {
		return payload[:min(len(payload), keptOfOversized)]
	}
	return payload
}

func (h *Hub) refusalFacts(r Receipt, d DeadLetter) (facts, error) {
	sum := sha256.Sum256(d.Picture)
	f, err := h.factsOf(r, posture.Capture{
		ID: d.ID, Device: d.Device, Source: d.Source, ReceivedAt: d.ReceivedAt, TakenAt: d.TakenAt,
	}, sum)
	if err != nil {
		return f, err
	}
	f.Refused = true
	if f.Size = int64(len(d.Picture)); d.Size > f.Size {
		f.Size = d.Size
	}
	if d.SHA256 != "" {
		if _, err := hex.DecodeString(d.SHA256); err != nil {
			return f, fmt.Errorf("%q is no hash: %w", d.SHA256, err)
		}
		f.SHA256 = d.SHA256
	}
	f.Death = &death{Reason: clip(d.Reason, maxReason), At: time.Now().UTC()}
	return f, nil
}

// bury commits the dead letter of a capture that is in the queue. That it is there already is well: its acknowledgement
// was lost. Unless that is the letter which a replay is about to remove: then it is removed here, and the new one stored.
func (h *Hub) bury(ctx context.Context, f facts, picture []byte) error {
	if err := h.EnsureJournaled(ctx, f.ID); err != nil {
		return err
	}
	f.Death.Reason = clip(f.Death.Reason, maxReason)
	m, err := newMessage(h.streams.dead.subject(f.ID), f, picture)
	if err != nil {
		return err
	}
	_, err = h.publish(ctx, m)
	if isThere(err) {
		var undone bool
		if undone, err = h.removeUndone(ctx, f); undone && err == nil {
			_, err = h.publish(ctx, m)
		}
	}
	h.health.wrote(true, f.Size, err)
	if err != nil && !isThere(err) {
		return fmt.Errorf("storing the dead letter: %w", h.explain(err, true))
	}
	h.metrics.buried.Inc()
	return nil
}

// removeUndone removes the letter of a capture if its replay undid it.
func (h *Hub) removeUndone(ctx context.Context, f facts) (bool, error) {
	letter, m, err := h.letter(ctx, f.ID)
	switch {
	case errors.Is(err, ErrNoSuchLetter): // the replay has removed it meanwhile
		return true, nil
	case err != nil:
		return false, err
	case !f.undone(letter.Death.At):
		return false, nil
	}
	return true, h.streams.dead.removeOne(ctx, f.ID, m.Sequence)
}

// DeadLetters goes through the dead letters, oldest first, without their pictures.
func (h *Hub) DeadLetters(ctx context.Context) iter.Seq2[DeadLetter, error] {
	return func(yield func(DeadLetter, error) bool) {
		for m, err := range h.read(ctx, h.streams.dead, scan{headersOnly: true}) {
			var f facts
			if err == nil {
				f, err = readFacts(m.Headers())
			}
			if !yield(f.deadLetter(nil), err) || err != nil {
				return
			}
		}
	}
}

// DeadLetter reads one with its picture.
func (h *Hub) DeadLetter(ctx context.Context, id string) (DeadLetter, error) {
	f, m, err := h.letter(ctx, id)
	if err != nil {
		return DeadLetter{}, err
	}
	return f.deadLetter(m.Data), nil
}

func (h *Hub) letter(ctx context.Context, id string) (facts, *jetstream.RawStreamMsg, error) {
	if !validID(id) {
		return facts{}, nil, fmt.Errorf("%w: %q is no capture id", ErrNoSuchLetter, id)
	}
	m, err := h.streams.dead.last(ctx, id)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return facts{}, nil, fmt.Errorf("%w: %s", ErrNoSuchLetter, id)
	}
	if err != nil {
		return facts{}, nil, fmt.Errorf("reading dead letter %s: %w", id, err)
	}
	f, err := readFacts(m.Header)
	if f.Death == nil {
		f.Death = &death{}
	}
	return f, m, err
}

// Replay puts a dead letter back into the queue, under its id and without blame. It can when the letter was a capture.
func (h *Hub) Replay(ctx context.Context, id string) error {
	if err := h.enter(); err != nil {
		return err
	}
	defer h.busy.Done()
	f, m, err := h.letter(ctx, id)
	switch {
	case err != nil:
		return err
	case f.Refused:
		return fmt.Errorf("%w: %s never was a picture", ErrNotReplayable, id)
	case f.Size != int64(len(m.Data)):
		return fmt.Errorf("%w: of %d bytes of %s only %d were kept", ErrNotReplayable, f.Size, id, len(m.Data))
	}
	f.Replayed, f.Death = f.Death.At, nil
	again, err := newMessage(h.streams.queue.subject(id), f, m.Data)
	if err != nil {
		return err
	}
	return h.exchange(ctx, again, id, m.Sequence)
}

// Drop removes a dead letter for good. When and why is kept as long as its journal entry, so that the ledger balances.
func (h *Hub) Drop(ctx context.Context, id, why string) error {
	if err := h.enter(); err != nil {
		return err
	}
	defer h.busy.Done()
	f, letter, err := h.letter(ctx, id)
	if err != nil {
		return err
	}
	f.Death.Reason = clip("dropped: "+why+"; it was: "+f.Death.Reason, maxReason)
	f.Death.At = time.Now().UTC()
	m, err := newMessage(h.streams.dropped.subject(id), f, nil)
	if err != nil {
		return err
	}
	return h.exchange(ctx, m, id, letter.Sequence)
}

// exchange commits what a dead letter becomes, then removes the letter. A crash in between is put right by the next
// start, which removes the letter. No other letter is removed: a worker may have buried the capture again meanwhile.
func (h *Hub) exchange(ctx context.Context, m *nats.Msg, id string, letter uint64) error {
	if err := h.EnsureJournaled(ctx, id); err != nil {
		return err
	}
	if _, err := h.publish(ctx, m); err != nil && !isThere(err) {
		return fmt.Errorf("moving dead letter %s: %w", id, h.explain(err, false))
	}
	h.betweenExchange(id)
	return h.streams.dead.removeOne(ctx, id, letter)
}
