package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// pullWait is how long one request for a capture stands; an idle worker asks again after it. It is also the longest
// that closing a worker takes, since a capture may arrive until then and must be given back.
const pullWait = 500 * time.Millisecond

// buryPause is the pause after a failed burial.
var buryPause = 10 * time.Second

// Worker claims captures and hands their results in. It has a connection of its own, so that large pictures of one
// don't hold up heartbeats of another. It is safe for concurrent use; what it has claimed is up to its caller, who
// should claim no more than there are sessions to analyse them.
type Worker struct {
	workerParts
	nc       *nats.Conn
	consumer jetstream.Consumer
	lease    time.Duration // as the consumer has it

	ctx     context.Context // ends when the worker closes, with mu held
	cancel  context.CancelFunc
	fetches sync.WaitGroup

	reading sync.Mutex
	run     string // names the consumer in notes of blame: delivery counts are those of one consumer
	asRun   uint64 // the number of the connection by which run was read

	mu   sync.Mutex
	hand map[string]*Claim // by capture id

	teller *teller // nil in the hub's process
}

// workerParts are what a worker works with, in the hub's process as elsewhere.
type workerParts struct {
	names   names
	desk    desk
	claims  *claimFiles // of this process
	gate    *gate       // of this process
	metrics *workerMetrics
	log     *slog.Logger
	closed  func(*Worker)

	presence *presence // nil where worker and server end together: in the process of the embedded server

	analysisTimeout time.Duration
	maxBlame        int
	onHung          func(captureID string)
}

// newWorker opens a worker on a connection, which it takes over.
func newWorker(ctx context.Context, nc *nats.Conn, p workerParts) (*Worker, error) {
	w := &Worker{workerParts: p, nc: nc, hand: map[string]*Claim{}}
	js, err := p.names.jetStream(nc)
	if err == nil {
		w.consumer, err = js.Consumer(ctx, p.names.stream(queueStream), consumerName)
	}
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("opening the queue's consumer: %w", err)
	}
	w.lease, w.run = w.consumer.CachedInfo().Config.AckWait, runOf(w.consumer.CachedInfo())
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w, nil
}

// runOf names the consumer whose delivery counts a note speaks of.
func runOf(c *jetstream.ConsumerInfo) string { return c.Created.UTC().Format(time.RFC3339Nano) }

// forever is a patience that does not end.
const forever = time.Duration(1 << 62)

// NewWorker opens a worker of this process. name is for logs.
func (h *Hub) NewWorker(name string) (*Worker, error) {
	if err := h.enter(); err != nil {
		return nil, err
	}
	defer h.busy.Done()
	log := h.log.With("worker", name)
	var p *presence
	if h.options.Outside != nil { // it outlives the server's restarts, however long they take
		p = newPresence(forever, func(error) {})
	}
	nc, err := h.connect("worker "+name, log, p)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	w, err := newWorker(ctx, nc, workerParts{
		names: h.names, desk: hubDesk{h}, claims: h.claims, gate: h.gate, metrics: h.metrics.workers, log: log,
		presence: p, closed: h.forgetWorker, analysisTimeout: h.options.AnalysisTimeout, maxBlame: h.options.MaxBlame, onHung: h.options.OnHung,
	})
	if err != nil {
		return nil, fmt.Errorf("opening worker %s: %w", name, err)
	}
	return w, h.keepWorker(w)
}

func (h *Hub) keepWorker(w *Worker) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		w.cancel()
		w.nc.Close()
		return ErrClosed
	}
	h.workers[w] = true
	return nil
}

func (h *Hub) forgetWorker(w *Worker) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.workers, w)
}

// Close gives back what the worker still has in hand, without blame, and ends its connection.
func (w *Worker) Close() error {
	w.mu.Lock()
	w.cancel()
	w.mu.Unlock()
	w.fetches.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	var errs []error
	for _, c := range w.inHand() {
		if err := c.Release(ctx, "the worker closes"); err != nil && !errors.Is(err, ErrSettled) {
			errs = append(errs, err)
		}
	}
	w.teller.stop()
	w.presence.stop()
	w.nc.Close()
	w.closed(w)
	return errors.Join(errs...)
}

func (w *Worker) inHand() []*Claim {
	w.mu.Lock()
	defer w.mu.Unlock()
	claims := make([]*Claim, 0, len(w.hand))
	for _, c := range w.hand {
		claims = append(claims, c)
	}
	return claims
}

// Claim waits for a capture and returns it under a lease. The lease is renewed until the claim is settled, or until the
// analysis takes longer than AnalysisTimeout. A capture whose blame has reached MaxBlame is not returned but becomes a
// dead letter. One of a newer format is given back and ends Claim with a NewerFormatError: this worker should end too,
// in peace.
func (w *Worker) Claim(ctx context.Context) (*Claim, error) {
	ctx, cancel := w.until(ctx)
	defer cancel()
	for {
		msg, err := w.fetch(ctx)
		if err != nil {
			return nil, err
		}
		c, err := w.take(ctx, msg)
		if c != nil {
			return c, nil
		}
		if err = w.endure(ctx, err); err != nil {
			return nil, err
		}
	}
}

// endure lets a worker elsewhere live on when its hub is away or has a problem; whether it is away for too long is not
// judged here. In the hub's process, and where a newer worker is wanted, an error is one.
func (w *Worker) endure(ctx context.Context, err error) error {
	if err == nil || w.presence == nil || w.nc.IsClosed() || ctx.Err() != nil || errors.As(err, new(*NewerFormatError)) {
		return err
	}
	w.log.Debug("claiming; trying again", "error", err)
	select {
	case <-time.After(endurePause):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// endurePause is the pause after something went wrong with a hub elsewhere.
const endurePause = 500 * time.Millisecond

// until ends with ctx and with the worker.
func (w *Worker) until(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(w.ctx, func() { cancel(ErrClosed) })
	return ctx, func() { stop(); cancel(nil) }
}

// fetch waits for one message.
func (w *Worker) fetch(ctx context.Context) (jetstream.Msg, error) {
	for {
		arrived, err := w.startFetch(ctx)
		if err != nil {
			return nil, err
		}
		select {
		case f := <-arrived:
			if f.msg != nil {
				return f.msg, nil
			}
			if f.err != nil && w.ctx.Err() == nil && !errors.Is(f.err, nats.ErrTimeout) {
				if err := w.endure(ctx, fmt.Errorf("claiming: %w", f.err)); err != nil {
					return nil, err
				}
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

type fetched struct {
	msg jetstream.Msg
	err error
}

// startFetch asks for one message. One that arrives when ctx has ended already is given back without blame. The request
// itself does not end with ctx: JetStream may be answering it at that moment, and what nobody receives would stay
// leased and be blamed.
func (w *Worker) startFetch(ctx context.Context) (<-chan fetched, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx.Err() != nil {
		return nil, ErrClosed
	}
	arrived := make(chan fetched)
	w.fetches.Go(func() {
		msg, err := w.consumer.Next(jetstream.FetchMaxWait(pullWait))
		select {
		case arrived <- fetched{msg, err}:
		case <-ctx.Done():
			w.giveBack(msg)
		}
	})
	return arrived, nil
}

// giveBack releases a message that nobody waits for any more.
func (w *Worker) giveBack(msg jetstream.Msg) {
	if msg == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	c, err := w.newClaim(ctx, msg)
	if err == nil {
		err = c.Release(ctx, "nobody waits for it any more")
	}
	if err != nil {
		w.log.Warn("a capture could not be given back; it returns when its lease ends", "error", err)
	}
}

// take makes a claim of a message, or nothing where it went to the dead letters.
func (w *Worker) take(ctx context.Context, msg jetstream.Msg) (*Claim, error) {
	c, err := w.newClaim(ctx, msg)
	if err != nil {
		return nil, err
	}
	var newer *NewerFormatError
	switch f, err := readFacts(msg.Headers()); {
	case errors.As(err, &newer):
		return nil, errors.Join(err, c.giveBack(ctx, err.Error(), failPause))
	case err != nil:
		return nil, w.orPause(ctx, c, c.Bury(ctx, "its facts can't be read: "+err.Error()))
	default:
		c.facts = f
		c.Capture = f.capture(msg.Data())
	}
	if w.adopt(c) {
		return nil, nil
	}
	if !c.buried.IsZero() && !c.facts.undone(c.buried) {
		return nil, w.orPause(ctx, c, c.buriedBefore(ctx))
	}
	if c.blame >= w.maxBlame {
		return nil, w.orPause(ctx, c, c.giveUp(ctx))
	}
	if err := c.begin(ctx); err != nil {
		return nil, errors.Join(err, c.Release(context.WithoutCancel(ctx), "its claim could not begin"))
	}
	return c, nil
}

// orPause puts a capture off whose burial failed, perhaps since the dead letters are full; others can still be analysed.
func (w *Worker) orPause(ctx context.Context, c *Claim, err error) error {
	if err == nil {
		return nil
	}
	w.log.Error("a capture that can't be analysed can't be buried either", "capture", c.facts.ID, "error", err)
	return c.giveBack(ctx, "it could not be buried", buryPause)
}
