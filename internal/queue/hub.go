package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrClosed is returned once a Hub or Worker is closing.
var ErrClosed = errors.New("the queue is closing")

// Hub owns the streams and everything that must happen in their process: accepting, the journal, dead letters, and
// recording of results. It is safe for concurrent use.
type Hub struct {
	options Options
	log     *slog.Logger
	names   names
	ids     *idMaker

	server   *server.Server     // nil with a NATS outside
	denied   denials            // by a NATS outside
	bucket   jetstream.KeyValue // in which several hubs know of each other; nil with the server inside
	others   *follower          // of what they accept; nil with the server inside
	id, run  string             // of the folder, and of this process
	began    time.Time
	nc       *nats.Conn
	js       jetstream.JetStream
	streams  streams
	notes    notes
	consumer jetstream.Consumer
	leases   leases
	maxBytes int64 // of the queue

	// Seams for tests: the clock that decides how old a message sent again may be, and what happens between the two
	// commits of an acceptance.
	now           func() time.Time
	beforeJournal func(captureID string) error
	// and between the two of a replay or drop
	betweenExchange func(captureID string)

	promises *promises
	earlier  *index   // of this run
	past     *history // of the runs before
	claims   *claimFiles
	gate     *gate
	roster   *roster
	metrics  *metrics
	health   health

	handed    atomic.Pointer[results] // nil while none are taken
	deskSub   *nats.Subscription
	closeDesk func() error // answers the last errands of workers elsewhere

	ctx     context.Context // ends when workers have given back what they had
	cancel  context.CancelFunc
	mu      sync.Mutex
	closed  bool
	busy    sync.WaitGroup // acceptances, refusals and results under way
	workers map[*Worker]bool
}

// Open starts the server, opens the streams in o.Dir and puts right what the end of the last run left half done; see
// DESIGN.md. ctx bounds the opening only.
func Open(ctx context.Context, o Options) (*Hub, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the queue's folder: %w", err)
	}
	h := &Hub{
		options: o, log: o.Logger, names: o.names(), ids: newIDMaker(),
		now: time.Now, beforeJournal: func(string) error { return nil }, betweenExchange: func(string) {},
		health:   health{free: freeDisk},
		promises: newPromises(), earlier: newIndex(), past: newHistory(), gate: newGate(), roster: newRoster(),
		workers: map[*Worker]bool{},
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	if err := h.open(ctx); err != nil {
		h.stop()
		return nil, fmt.Errorf("opening the queue %s: %w", h.place(), err)
	}
	return h, nil
}

// place says where the streams are.
func (h *Hub) place() string {
	if o := h.options.Outside; o != nil {
		return "on NATS at " + o.Server.String()
	}
	return "in " + h.options.Dir
}

func (h *Hub) open(ctx context.Context) (err error) {
	if err = h.mark(); err != nil {
		return err
	}
	if h.claims, err = openClaimFiles(filepath.Join(h.options.Dir, "claims")); err != nil {
		return err
	}
	if h.options.Outside != nil {
		err = h.join(ctx)
	} else {
		err = h.openEmbedded(ctx)
	}
	if err != nil {
		return err
	}
	h.notes = notes{h, h.streams.attempts}
	if err = h.patiently(ctx, h.settle); err != nil {
		return fmt.Errorf("putting right what the last run left: %w", err)
	}
	if h.options.Outside == nil {
		if h.consumer, err = openFresh(ctx, h.streams.queue, h.options); err != nil {
			return err
		}
	}
	if err = h.leases.listen(h.nc, h.consumer.CachedInfo()); err != nil {
		return err
	}
	if h.options.Outside != nil && !h.options.KeepLimits {
		if err = h.patiently(ctx, h.enroll); err != nil {
			return err
		}
	}
	if h.metrics, err = newMetrics(h, h.options.Registerer); err != nil {
		return err
	}
	return h.serveDesk()
}

// openEmbedded starts the server in this process and opens its streams.
func (h *Hub) openEmbedded(ctx context.Context) (err error) {
	if h.server, err = startServer(h.options); err != nil {
		return err
	}
	if h.nc, err = h.connect("hub", h.log, nil); err != nil {
		return err
	}
	if h.js, err = h.names.jetStream(h.nc); err != nil {
		return err
	}
	if h.maxBytes, err = h.queueBytes(ctx); err != nil {
		return err
	}
	h.streams, err = openStreams(ctx, h.js, h.names, wanted(h.options, h.maxBytes, 1), h.options.KeepLimits)
	return err
}

// queueBytes is the queue's limit: as given, else a share of the disk that is free or filled by the queue already.
func (h *Hub) queueBytes(ctx context.Context) (int64, error) {
	if h.options.MaxQueueBytes > 0 {
		return h.options.MaxQueueBytes, nil
	}
	free, err := freeDisk(h.options.Dir)
	if err != nil {
		return 0, err
	}
	s, err := h.js.Stream(ctx, h.names.stream(queueStream))
	switch {
	case err == nil:
		free += int64(s.CachedInfo().State.Bytes) //nolint:gosec // no disk is that large
	case !errors.Is(err, jetstream.ErrStreamNotFound):
		return 0, fmt.Errorf("reading the size of the queue: %w", err)
	}
	return int64(float64(free) * diskShare), nil
}

// connect makes one more connection to the queue's server.
func (h *Hub) connect(name string, log *slog.Logger, p *presence) (*nats.Conn, error) {
	if o := h.options.Outside; o != nil {
		return o.connect(name, log, &h.denied, p)
	}
	return connect(h.server, name, log)
}

// enter registers something under way that Close must wait for; leave it with h.busy.Done.
func (h *Hub) enter() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	h.busy.Add(1)
	return nil
}

// outsideGrace is how long a NATS outside may take to answer what is under way at the end.
const outsideGrace = 5 * time.Second

// Close ends the hub in order: nothing new is accepted, what is being accepted or recorded is finished, workers still
// open give their claims back without blame, then the server writes its state and stops.
func (h *Hub) Close() error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil
	}
	h.closed = true
	if h.options.Outside != nil { // it may be away, and the client's requests wait for it longer than anybody wants to
		defer time.AfterFunc(outsideGrace, h.nc.Close).Stop()
	}
	workers := make([]*Worker, 0, len(h.workers))
	for w := range h.workers {
		workers = append(workers, w)
	}
	h.mu.Unlock()

	var errs []error
	for _, w := range workers {
		errs = append(errs, w.Close())
	}
	errs = append(errs, h.closeDesk())
	h.cancel()
	h.busy.Wait()
	h.stop()
	return errors.Join(errs...)
}

// stop ends connection and server, in whatever state an opening was left.
func (h *Hub) stop() {
	h.cancel()
	h.busy.Wait()
	if h.metrics != nil {
		h.metrics.unregister()
	}
	if h.nc != nil {
		h.nc.Close()
	}
	if h.server != nil {
		h.server.Shutdown()
		h.server.WaitForShutdown()
	}
}
