package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"plumbline/internal/posture"
)

// recordersAtOnce bounds the results that wait for the recorder; more wait in their workers.
const recordersAtOnce = 64

// handInPause is how long a worker waits before it looks for a hub again.
const handInPause = 100 * time.Millisecond

// handInTry is how long a worker waits for one answer before it sends the same result again: the hub may have been
// started anew meanwhile. A result that arrives twice changes nothing.
const handInTry = time.Minute

// answer is the hub's reply to a result.
type answer struct {
	Error     string `json:"error,omitempty"`
	Permanent bool   `json:"permanent,omitempty"` // the result can never be recorded
}

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
		c.analysed()
	}
	text, err := encodeResult(r)
	if err != nil {
		return err
	}
	if limit := w.nc.MaxPayload() - payloadAllowance/2; int64(len(text)) > limit {
		return unrecordable{fmt.Errorf("handing in capture %s: result and annotated picture have %d bytes, the limit is %d: a larger limit of pictures helps",
			r.CaptureID, len(text), limit)}
	}
	if err := w.request(ctx, text); err != nil {
		return fmt.Errorf("handing in capture %s: %w", r.CaptureID, err)
	}
	return nil
}

func (w *Worker) request(ctx context.Context, text []byte) error {
	m := nats.NewMsg(resultSubject)
	m.Header.Set(formatHeader, strconv.Itoa(formatVersion))
	m.Data = text
	for {
		try, cancel := context.WithTimeout(ctx, handInTry)
		reply, err := w.nc.RequestMsgWithContext(try, m)
		cancel()
		if err == nil {
			return readAnswer(reply.Data)
		}
		if !errors.Is(err, nats.ErrNoResponders) && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
			return err
		}
		select {
		case <-time.After(handInPause):
		case <-ctx.Done():
			return fmt.Errorf("no hub answers: %w", ctx.Err())
		case <-w.ctx.Done():
			return ErrClosed
		}
	}
}

func readAnswer(text []byte) error {
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return fmt.Errorf("reading the hub's answer: %w", err)
	}
	switch {
	case a.Error == "":
		return nil
	case a.Permanent:
		return unrecordable{errors.New(a.Error)}
	}
	return errors.New(a.Error)
}

// ServeResults records results that workers hand in, many at the same time so that record can batch, and answers each
// when record returned. The journal entry is there before record is called. It ends with ctx or with the hub, after
// those under way.
func (h *Hub) ServeResults(ctx context.Context, record func(context.Context, posture.Result) error) error {
	if err := h.enter(); err != nil {
		return err
	}
	defer h.busy.Done()
	nc, err := connect(h.server, "results", h.log)
	if err != nil {
		return err
	}
	defer nc.Close()

	var recording sync.WaitGroup
	places := make(chan struct{}, recordersAtOnce)
	sub, err := nc.QueueSubscribe(resultSubject, "hubs", func(m *nats.Msg) {
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
	return endResults(nc, sub, &recording)
}

// endResults takes no more results, finishes those that arrived, and sends their answers.
func endResults(nc *nats.Conn, sub *nats.Subscription, recording *sync.WaitGroup) error {
	ended := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(ended) })
	if err := sub.Drain(); err != nil {
		return fmt.Errorf("ending the wait for results: %w", err)
	}
	<-ended
	recording.Wait()
	if err := nc.Flush(); err != nil {
		return fmt.Errorf("sending the last answers: %w", err)
	}
	return nil
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
