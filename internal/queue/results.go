package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"

	"plumbline/internal/posture"
)

// recordersAtOnce bounds the results that wait for the recorder, as many as it commits at once; more wait in their workers.
const recordersAtOnce = 256

// unrecordable is the error of a result that no repetition gets recorded.
type unrecordable struct{ error }

func (u unrecordable) Unwrap() error { return u.error }

// Permanent says so to whoever asks.
func (u unrecordable) Permanent() bool { return true }

// permanent reports whether an error says of itself that it lies in the result.
func permanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

// HandIn gives a result to the hub and returns when it is recorded. While no hub answers it tries again, until ctx
// ends; an error of the recorder is returned. Unless it has a method Permanent that says true, the same result may be
// handed in again. The capture stays leased meanwhile, however long it takes.
func (w *Worker) HandIn(ctx context.Context, r posture.Result) error {
	w.mu.Lock()
	c := w.hand[r.CaptureID]
	w.mu.Unlock()
	if c != nil {
		c.analysed(ctx)
	}
	text, err := encodeResult(r)
	if err != nil {
		return err
	}
	if limit := w.nc.MaxPayload() - payloadAllowance/2; int64(len(text)) > limit {
		return unrecordable{fmt.Errorf("handing in capture %s: result and annotated picture have %d bytes, the limit is %d: a larger limit of pictures helps",
			r.CaptureID, len(text), limit)}
	}
	ctx, cancel := w.until(ctx)
	defer cancel()
	reply, err := caller{w.nc, w.presence}.ask(ctx, w.names.results(), text, handInTry)
	if err == nil {
		err = readAnswer(reply)
	}
	if err != nil {
		return fmt.Errorf("handing in capture %s: %w", r.CaptureID, err)
	}
	return nil
}

// ServeResults records results that workers hand in, many at the same time so that record can batch, and answers each
// when record returned. The journal entry is there before record is called. It ends with ctx or with the hub, after
// those under way.
func (h *Hub) ServeResults(ctx context.Context, record func(context.Context, posture.Result) error) error {
	if err := h.enter(); err != nil {
		return err
	}
	defer h.busy.Done()
	nc, err := h.connect("results", h.log, nil)
	if err != nil {
		return err
	}
	defer nc.Close()

	var recording sync.WaitGroup
	places := make(chan struct{}, recordersAtOnce)
	sub, err := nc.QueueSubscribe(h.names.results(), "hubs", func(m *nats.Msg) {
		places <- struct{}{}
		recording.Go(func() {
			h.answer(context.WithoutCancel(ctx), m, record)
			<-places
		})
	})
	if err != nil {
		return fmt.Errorf("waiting for results: %w", err)
	}
	// A worker has as many results under way as it has sessions; never drop one for being many.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return fmt.Errorf("waiting for results: %w", err)
	}
	select {
	case <-ctx.Done():
	case <-h.ctx.Done():
	}
	return drain(nc, sub, &recording)
}

func (h *Hub) answer(ctx context.Context, m *nats.Msg, record func(context.Context, posture.Result) error) {
	var a answer
	if err := h.recordOne(ctx, m, record); err != nil {
		a = answer{err.Error(), permanent(err)}
	}
	text, err := json.Marshal(a)
	if err == nil {
		err = m.Respond(text)
	}
	if err != nil {
		h.log.Warn("answering a worker", "error", err)
	}
}

func (h *Hub) recordOne(ctx context.Context, m *nats.Msg, record func(context.Context, posture.Result) error) error {
	if err := checkFormat(m.Header); err != nil {
		return err
	}
	r, err := decodeResult(m.Data)
	if err != nil {
		return err
	}
	if err := h.EnsureJournaled(ctx, r.CaptureID); err != nil {
		return err
	}
	return record(ctx, r)
}
