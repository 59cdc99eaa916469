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

	r := &results{hub: h, ctx: context.WithoutCancel(ctx), record: record, places: make(chan struct{}, recordersAtOnce), underWay: map[string]*handedIn{}}
	h.handed.Store(r)
	sub, err := nc.QueueSubscribe(h.names.results(), "hubs", r.take)
	if err != nil {
		return fmt.Errorf("waiting for results: %w", err)
	}
	// What arrives is looked at in a moment; never drop one for being many.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return fmt.Errorf("waiting for results: %w", err)
	}
	select {
	case <-ctx.Done():
	case <-h.ctx.Done():
	}
	return drain(nc, sub, &r.recording)
}

// resultsHeld bounds the results that one hub holds while its database is away, some 60 kB each: more than the workers of a
// dozen machines have in hand. A worker whose result finds no place keeps it and asks again.
var resultsHeld = 1024

var errManyResults = errors.New("the hub holds as many results as it may while they can't be recorded")

// results are those that one hub has been handed and has not recorded yet. While the database is away workers hand in again
// and again, since they can't know whether the hub is still the same: what is under way already is not kept twice.
type results struct {
	hub       *Hub
	ctx       context.Context
	record    func(context.Context, posture.Result) error
	places    chan struct{}
	recording sync.WaitGroup

	mu       sync.Mutex
	underWay map[string]*handedIn // by capture id
}

// handedIn is a result that is being recorded.
type handedIn struct{ askers []*nats.Msg } // without their data

// askersKept are those who are answered, the newest: an earlier request of the same worker has run out.
const askersKept = 8

// take must not wait, or what comes meanwhile would pile up unseen.
func (r *results) take(m *nats.Msg) {
	err := checkFormat(m.Header)
	var result posture.Result
	if err == nil {
		result, err = decodeResult(m.Data)
	}
	asker := &nats.Msg{Sub: m.Sub, Reply: m.Reply}
	if err != nil {
		r.answer(err, asker)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if h := r.underWay[result.CaptureID]; h != nil {
		h.askers = append(h.askers[max(0, len(h.askers)-askersKept+1):], asker)
		return
	}
	if len(r.underWay) >= resultsHeld {
		r.answer(errManyResults, asker)
		return
	}
	r.underWay[result.CaptureID] = &handedIn{askers: []*nats.Msg{asker}}
	r.recording.Go(func() { r.recordOne(result) })
}

func (r *results) recordOne(result posture.Result) {
	r.places <- struct{}{}
	err := r.hub.EnsureJournaled(r.ctx, result.CaptureID)
	if err == nil {
		err = r.record(r.ctx, result)
	}
	<-r.places
	r.mu.Lock()
	askers := r.underWay[result.CaptureID].askers
	delete(r.underWay, result.CaptureID)
	r.mu.Unlock()
	r.answer(err, askers...)
}

func (r *results) answer(outcome error, askers ...*nats.Msg) {
	var a answer
	if outcome != nil {
		a = answer{outcome.Error(), permanent(outcome)}
	}
	text, err := json.Marshal(a)
	for _, m := range askers {
		if err == nil {
			err = m.Respond(text)
		}
	}
	if err != nil {
		r.hub.log.Warn("answering a worker", "error", err)
	}
}
