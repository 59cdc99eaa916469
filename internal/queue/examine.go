package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Findings are what can be seen of a NATS outside without changing anything there.
type Findings struct {
	Server, Version string
	Cluster         string // empty for a single server
	Secure          bool   // the connection is over TLS
	MaxPayload      int64
	Needed          int64 // of it, for the largest picture

	JetStream           error // why there is none for this user
	Stored, StoredLimit int64 // bytes of the account; the limit is 0 or less where there is none
	QueueBytes          int64 // that the queue may take
	Replicas            int
	Streams             []StreamFinding
	Denied              []string // rights that were refused, in the server's words
}

// StreamFinding is what a start would do with one stream.
type StreamFinding struct {
	Name    string
	There   bool
	Changes []string // that it would make
	Misfit  error    // why it would refuse
}

// Examine looks at a NATS outside as a hub would at its start. The error says why there is no connection.
func Examine(ctx context.Context, o Options) (Findings, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Findings{}, err
	}
	h := &Hub{options: o, log: o.Logger, names: o.names()}
	denied := new(overheard)
	h.nc, err = nats.Connect(strings.Join(o.Outside.URLs, ","), append(o.Outside.options("doctor", o.Logger, &h.denied, nil), nats.ErrorHandler(denied.hear))...)
	if err != nil {
		return Findings{}, fmt.Errorf("connecting to NATS at %s: %w", o.Outside.Server, o.Outside.explain(err))
	}
	defer h.nc.Close()
	f := Findings{
		Server: h.nc.ConnectedServerName(), Version: h.nc.ConnectedServerVersion(), Cluster: h.nc.ConnectedClusterName(),
		MaxPayload: h.nc.MaxPayload(), Needed: o.MaxPicture + payloadAllowance,
	}
	_, plain := h.nc.TLSConnectionState()
	f.Secure = plain == nil
	if h.js, err = h.names.jetStream(h.nc); err != nil {
		return f, err
	}
	h.examineStreams(ctx, &f)
	f.Denied = denied.after(h.tryRights)
	return f, nil
}

func (h *Hub) examineStreams(ctx context.Context, f *Findings) {
	account, err := h.account(ctx)
	if err != nil {
		f.JetStream = err
		return
	}
	f.Stored, f.StoredLimit = int64(account.Store), account.Limits.MaxStore //nolint:gosec // no disk is that large
	if f.QueueBytes = h.options.MaxQueueBytes; f.QueueBytes == 0 {
		f.QueueBytes = shareOf(account)
	}
	if f.Replicas = h.options.Outside.Replicas; f.Replicas == 0 {
		if f.Replicas = 1; f.Cluster != "" {
			f.Replicas = 3
		}
	}
	for _, w := range wanted(h.options, f.QueueBytes, f.Replicas) {
		f.Streams = append(f.Streams, h.examineStream(ctx, w.named(h.names)))
	}
}

func (h *Hub) examineStream(ctx context.Context, want jetstream.StreamConfig) StreamFinding {
	ctx, cancel := context.WithTimeout(ctx, leaderTimeout)
	defer cancel()
	f := StreamFinding{Name: want.Name}
	there, err := h.js.Stream(ctx, want.Name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return f
	case err != nil:
		f.Misfit = fmt.Errorf("looking at stream %s: %w", want.Name, err)
		return f
	}
	f.There = true
	have := there.CachedInfo().Config
	h.yield(&want, have)
	if found := misfits(have, want); len(found) > 0 {
		f.Misfit = fmt.Errorf("stream %s does not fit:\n%s", want.Name, strings.Join(found, "\n"))
		return f
	}
	_, f.Changes = mend(have, want)
	return f
}

// tryRights does, without an effect, what needs rights besides those of JetStream: for a moment it listens where hubs do, and it
// sends where nobody listens.
func (h *Hub) tryRights() error {
	for _, subject := range []string{h.names.results(), h.names.desk("doctor"), h.names.shared(), "$JS.ACK." + h.names.stream(queueStream) + "." + consumerName + ".>"} {
		sub, err := h.nc.Subscribe(subject, func(*nats.Msg) {})
		if err != nil {
			return fmt.Errorf("listening to %s: %w", subject, err)
		}
		if err := sub.Unsubscribe(); err != nil {
			return fmt.Errorf("listening to %s: %w", subject, err)
		}
	}
	if err := h.nc.Publish(h.names.prefix+".doctor", nil); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	return h.nc.FlushTimeout(connectTimeout)
}

// overheard collects the rights that a server refuses, which it tells beside everything else.
type overheard struct {
	mu    sync.Mutex
	words []string
}

func (r *overheard) hear(_ *nats.Conn, _ *nats.Subscription, err error) {
	if errors.Is(err, nats.ErrPermissionViolation) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.words = append(r.words, err.Error())
	}
}

// hearing is how long the words of a refusal may take from the connection to here.
const hearing = 200 * time.Millisecond

func (r *overheard) after(try func() error) []string {
	err := try()
	<-time.After(hearing)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		return append(r.words, err.Error())
	}
	return r.words
}
