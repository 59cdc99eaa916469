package queue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
)

// JoinOptions say how a worker in a process of its own finds its hub: by the hub's listener, or by the NATS outside that the
// hub uses too. The zero value of each other field is its default.
type JoinOptions struct {
	URL       string // where the hub listens for workers
	TokenFile string // a copy of the hub's

	Outside *Outside // instead of these two; only server and prefix count

	Name string // what the hub knows this worker by; the host's name, which is a pod's
	Node string // the machine that it runs on; the host's name

	HubTimeout      time.Duration // how long a hub may be away, at the start and later; 5 minutes
	AnalysisTimeout time.Duration // see Options
	MaxBlame        int           // see Options

	OnHung func(captureID string) // see Options
	// OnLost is called when a hub that had been there was away for HubTimeout. The process should end: what it has in
	// hand is somebody else's by then.
	OnLost func(error)
	// OnLeave is called once when a hub asks this worker to finish what it has in hand and to end.
	OnLeave func()

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

func (o JoinOptions) withDefaults() JoinOptions {
	orDefault(&o.HubTimeout, 5*time.Minute)
	orDefault(&o.AnalysisTimeout, 30*time.Second)
	orDefault(&o.MaxBlame, 5)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.OnHung == nil {
		o.OnHung = func(string) {}
	}
	if o.OnLost == nil {
		o.OnLost = func(error) {}
	}
	if o.OnLeave == nil {
		o.OnLeave = func() {}
	}
	if host, err := os.Hostname(); err == nil { // else the worker has no name, and can't be asked to leave
		orDefault(&o.Name, host)
		orDefault(&o.Node, host)
	}
	return o
}

// Times between two attempts to reach a hub that is away.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// Join opens a worker of a hub in another process. It waits for a hub that is away, for HubTimeout at most. What it has
// claimed when the hub is started anew it keeps: the result is handed in to the new one.
func Join(ctx context.Context, o JoinOptions) (*Worker, error) {
	o = o.withDefaults()
	if o.Outside != nil {
		if err := o.Outside.validate(); err != nil {
			return nil, misuse{err}
		}
	}
	metrics := newWorkerMetrics()
	if o.Registerer != nil {
		for _, c := range metrics.counters() {
			if err := o.Registerer.Register(c); err != nil {
				return nil, fmt.Errorf("registering a worker's metrics: %w", err)
			}
		}
	}
	waiting, cancel := context.WithTimeout(ctx, o.HubTimeout)
	defer cancel()
	told := false
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		w, err := joinOnce(waiting, o, metrics)
		if err == nil || errors.As(err, new(refusedError)) {
			return w, err
		}
		if !told && waiting.Err() == nil {
			told = true
			o.Logger.Warn("waiting for the hub", "for", o.HubTimeout, "error", err)
		}
		select {
		case <-time.After(pause):
		case <-waiting.Done():
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, fmt.Errorf("no hub was there for %s: %w", o.HubTimeout, err)
		}
	}
}

func joinOnce(ctx context.Context, o JoinOptions, metrics *workerMetrics) (*Worker, error) {
	p, d, n := newPresence(o.HubTimeout, o.OnLost), new(denials), namesOn(o.Outside)
	nc, err := o.dial(p, d)
	if err != nil {
		p.stop()
		return nil, err
	}
	short, cancel := context.WithTimeout(ctx, deskTry)
	defer cancel()
	w, err := newWorker(short, nc, workerParts{
		names: n, desk: remoteDesk{n, caller{nc, p}}, claims: nil, gate: newGate(), metrics: metrics, log: o.Logger,
		presence: p, closed: func(*Worker) {},
		analysisTimeout: o.AnalysisTimeout, maxBlame: o.MaxBlame, onHung: o.OnHung,
	})
	if err != nil {
		p.stop()
		return nil, d.explain(err)
	}
	w.teller = newTeller(w, o, rand.Text())
	return w, nil
}

func (o JoinOptions) dial(p *presence, d *denials) (*nats.Conn, error) {
	if o.Outside != nil {
		nc, err := o.Outside.connect("worker", o.Logger, d, p)
		switch {
		case errors.Is(err, nats.ErrAuthorization):
			return nil, refusedError{err}
		case err != nil:
			return nil, fmt.Errorf("%w (a hub's own listener is joined with its --nats-token-file)", err)
		}
		return nc, nil
	}
	t, err := readToken(o.TokenFile)
	if err != nil {
		return nil, refusedError{misuse{err}}
	}
	return dialListener(o.URL, t, lasting(p, o.Logger)...)
}

// lasting are the options of a connection that outlives its hub's restarts. Nothing is kept to be sent when the hub is
// back: a request for a capture whose sender has given up would bring one that nobody receives.
func lasting(p *presence, log *slog.Logger) []nats.Option {
	return []nats.Option{
		nats.MaxReconnects(-1), nats.ReconnectWait(firstRetry), nats.ReconnectJitter(lastRetry/2, lastRetry/2), nats.ReconnectBufSize(-1),
		nats.PingInterval(joinPing), nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			if nc.IsClosed() {
				return
			}
			p.broke()
			log.Warn("the hub is away; what is in hand is kept", "error", err)
		}),
		nats.ReconnectHandler(func(*nats.Conn) {
			p.there()
			log.Info("the hub is back")
		}),
		nats.ClosedHandler(func(nc *nats.Conn) {
			if err := nc.LastError(); errors.Is(err, nats.ErrAuthorization) {
				p.lost(errors.New("the hub does not take the token any more: copy its token file to this machine again"))
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Debug("connection to the hub", "error", err)
		}),
	}
}

// InHand is how many captures the worker has in hand.
func (w *Worker) InHand() int { return len(w.inHand()) }

// Ready says why the worker can't reach a hub.
func (w *Worker) Ready(context.Context) error {
	if !w.nc.IsConnected() {
		return errors.New("the hub is away")
	}
	return nil
}
