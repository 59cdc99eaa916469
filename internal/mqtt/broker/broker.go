package broker

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"golang.org/x/sync/semaphore"

	"plumbline/internal/mqtt/gate"
	"plumbline/internal/mqtt/ws"
)

// Broker is a running MQTT broker.
type Broker struct {
	server    *mochi.Server
	listeners []*listener // the plain one first
	gate      *gate.Gate
	cancel    context.CancelFunc // ends what is being handled
	grace     time.Duration
	metrics   *metrics
	close     func() error
}

// Start begins to listen. Messages may be handed over before it returns.
func Start(o Options) (*Broker, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, misuse{err}
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("registering the MQTT broker's metrics: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	server := mochi.New(serverOptions(o))
	h := newHook(ctx, o, server, m)
	common, err := newShared(o, h)
	if err != nil {
		cancel()
		return nil, misuse{err}
	}
	b := &Broker{server: server, gate: h.gate, cancel: cancel, grace: o.CloseGrace, metrics: m}
	b.close = sync.OnceValue(b.shutDown)
	if err := b.serve(o, h, common); err != nil {
		b.stopAccepting()
		cancel()
		return nil, fmt.Errorf("starting the MQTT broker: %w", err)
	}
	return b, nil
}

func newShared(o Options, h *hook) (*shared, error) {
	// Clients that are still saying hello need room beside those that have.
	most := int64(o.MaxClients + o.MaxClients/4 + 16)
	s := &shared{
		limits:  &limits{maxPacket: o.MaxPacketBytes, budget: semaphore.NewWeighted(o.MaxBufferedBytes), tooLarge: h.tooLarge},
		room:    semaphore.NewWeighted(most),
		refused: func(reason string) { h.metrics.refusals.WithLabelValues(reason).Inc() },
		log:     o.Logger,
	}
	if o.TLS.CertFile == "" {
		return s, nil
	}
	var err error
	s.certificates, err = newCertificates(o.TLS, o.Logger, h.metrics.certificate)
	return s, err
}

func (b *Broker) serve(o Options, h *hook, s *shared) error {
	if err := b.server.AddHook(h, nil); err != nil {
		return err
	}
	for _, e := range o.endpoints() {
		l, err := listen(e, o, s)
		if err != nil {
			return err
		}
		b.listeners = append(b.listeners, l)
		if err := b.server.AddListener(l); err != nil {
			return err
		}
	}
	return b.server.Serve()
}

func newHook(ctx context.Context, o Options, server *mochi.Server, m *metrics) *hook {
	return &hook{
		server:    server,
		access:    access{pictures: o.Pictures, results: o.Results, users: o.Users},
		users:     o.Users,
		sessions:  2 * o.MaxClients,
		maxPacket: uint32(o.MaxPacketBytes),
		handle:    o.Handle,
		handling:  ctx,
		gate:      &gate.Gate{},
		metrics:   m,
		log:       o.Logger,
	}
}

// serverOptions bound what a client can make mochi keep. Not the default, and why:
//
//   - MaximumMessageExpiryInterval 0: anything else makes mochi drop retained results after that time.
//   - MaximumSessionExpiryInterval: an absent client's session is kept an hour; devices lose nothing by that, since what
//     they have not got an acknowledgement for they send again.
//   - MaximumClientWritesPending and MaximumInflight: results waiting for one subscriber; more than this are dropped for
//     it. It is also how many devices' retained results a new subscriber gets at once.
//   - TopicAliasMaximum 0: mochi checks access before it resolves an alias.
//   - SysTopicResendInterval: $SYS is readable by nobody, and collecting it stops the world.
//   - NoInheritedPropertiesOnAck: an acknowledgement need not repeat the sender's properties.
func serverOptions(o Options) *mochi.Options {
	c := mochi.NewDefaultServerCapabilities()
	c.MaximumClients = int64(o.MaxClients)
	c.MaximumMessageExpiryInterval = 0
	c.MaximumSessionExpiryInterval = 3600
	c.MaximumClientWritesPending = 1024
	c.MaximumInflight = 1024
	c.ReceiveMaximum = 1024
	c.TopicAliasMaximum = 0
	c.MaximumPacketSize = uint32(min(o.MaxPacketBytes+1, math.MaxUint32))
	c.Compatibilities.NoInheritedPropertiesOnAck = true
	return &mochi.Options{
		Capabilities:           c,
		InlineClient:           true,
		SysTopicResendInterval: 24 * 3600,
		Logger:                 slog.New(quiet{o.Logger.Handler()}),
	}
}

// Addr is where the broker listens, for plain MQTT if it does, with the port that was chosen when 0 was asked for.
func (b *Broker) Addr() string { return b.listeners[0].Address() }

// URLs are all the ways to the broker, the plain one first. The hosts are those that it listens on.
func (b *Broker) URLs() []string {
	var urls []string
	for _, l := range b.listeners {
		u := l.endpoint.scheme + "://" + l.Address()
		if l.endpoint.websocket() {
			u += ws.Path
		}
		urls = append(urls, u)
	}
	return urls
}

// Publish sends a message to all who are subscribed to its topic and may read it, at the given QoS or their own if that
// is lower. A retained message is kept in memory for those who subscribe later; an empty one deletes it.
func (b *Broker) Publish(topic string, payload []byte, retain bool, qos byte) error {
	if err := b.server.Publish(topic, payload, retain, qos); err != nil {
		return fmt.Errorf("publishing on %s: %w", topic, err)
	}
	b.metrics.results.Inc()
	return nil
}

// Close takes no more messages, waits a while for those that are being handled and ends all connections. It may be called
// more than once.
func (b *Broker) Close() error { return b.close() }

// shutDown waits before it closes connections, so that what is committed meanwhile is acknowledged and need not be sent
// again to the next process.
func (b *Broker) shutDown() error {
	b.stopAccepting()
	b.gate.Shut(b.grace)
	b.cancel()
	for _, l := range b.listeners {
		l.hurry()
	}
	if err := b.server.Close(); err != nil {
		return fmt.Errorf("closing the MQTT broker: %w", err)
	}
	return nil
}

func (b *Broker) stopAccepting() {
	for _, l := range b.listeners {
		l.stopAccepting()
	}
}
