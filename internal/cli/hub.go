package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"plumbline/internal/config"
	"plumbline/internal/datadir"
	"plumbline/internal/frame"
	"plumbline/internal/ledger"
	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/broker"
	"plumbline/internal/mqtt/device"
	"plumbline/internal/mqtt/ingest"
	"plumbline/internal/mqtt/users"
	"plumbline/internal/posture"
	"plumbline/internal/queue"
	"plumbline/internal/store"
	"plumbline/internal/web"
)

// openWeb builds the page and listens. The listener beyond loopback is refused without a token.
func (h *hub) openWeb(context.Context) error {
	token := ""
	if h.config.HTTPTokenFile != "" {
		var err error
		if token, err = web.ReadToken(h.config.HTTPTokenFile); err != nil {
			return misused(err)
		}
	}
	server, err := web.New(web.Options{
		Listen: h.config.HTTPListen, Hosts: h.config.HTTPHosts, Token: token, Anonymous: h.config.HTTPAnonymous,
		Results:  shownResults{h.store},
		Pictures: func(device, file string) (io.ReadSeekCloser, error) { return h.album.OpenPicture(device, file) },
		Queue:    h.depth, Dead: deadLetters{h.queue}, Workers: workersElsewhere{h.queue},
		Ledger: func(ctx context.Context) (ledger.Report, error) { return takeLedger(ctx, h.queue, h.store, nil) },
		Checks: []web.Check{{Name: "queue", Ready: h.queue.Ready}, {Name: "database", Ready: h.store.Ping, Degrades: true}, {Name: "mqtt", Ready: h.mqttReady, Well: h.broker.well},
			{Name: "recorder", Ready: func(context.Context) error { return h.recorder.Ready() }, Degrades: true}},
		Role: "hub", MQTTAddress: h.broker.address(h.config), Gatherer: h.registry, Registerer: h.registry, Log: h.part("web"),
	})
	if err != nil {
		return misused(err)
	}
	listener, err := server.Listen()
	if err != nil {
		return fmt.Errorf("the page cannot listen (another program may hold the address; choose one with --http-listen): %w", err)
	}
	h.web, h.httpAddr = server, listener.Addr().String()
	h.stages.start("page", func(ctx context.Context) error { return server.Run(ctx, listener) })
	return nil
}

// openMetrics shows the metrics alone, to whoever reaches their own address.
func (h *hub) openMetrics(context.Context) error {
	if h.config.MetricsListen == "" {
		return nil
	}
	listener, err := net.Listen("tcp", h.config.MetricsListen)
	if err != nil {
		return fmt.Errorf("metrics cannot be served (another program may hold the address; choose one with --metrics-listen): %w", err)
	}
	h.part("web").Info("metrics, without a token", "address", listener.Addr().String())
	h.stages.start("metrics", func(ctx context.Context) error {
		return web.Serve(ctx, listener, h.web.MetricsHandler(h.config.MetricsListen))
	})
	return nil
}

func (h *hub) depth(ctx context.Context) (web.Depth, error) {
	d, err := h.queue.Depth(ctx)
	shown := web.Depth{Waiting: d.Waiting, Leased: d.Leased, Dead: d.Dead}
	if d.OldestWaiting > 0 {
		shown.OldestWaiting = time.Now().UTC().Add(-d.OldestWaiting).Round(time.Millisecond)
	}
	return shown, err
}

// workersElsewhere are the queue's in the page's words.
type workersElsewhere struct{ *queue.Hub }

func (w workersElsewhere) Workers() []web.Worker {
	all := []web.Worker{}
	for _, p := range w.Hub.Workers() {
		all = append(all, web.Worker{
			Name: p.Name, Node: p.Node, Since: p.Since.UTC(), Claimed: p.Claimed, InHand: append([]string{}, p.InHand...),
			Heard: p.Heard.UTC(), Leaving: p.Leaving,
		})
	}
	return all
}

func (w workersElsewhere) AskToLeave(name string) error {
	err := w.Hub.AskToLeave(name)
	if errors.Is(err, queue.ErrNoSuchWorker) {
		return fs.ErrNotExist
	}
	return err
}

// shownResults is the store in the page's words.
type shownResults struct{ *store.Store }

func (s shownResults) Latest(ctx context.Context) ([]web.Entry, error) {
	return shown(s.Store.Latest(ctx))
}

func (s shownResults) Recent(ctx context.Context, q web.Query) ([]web.Entry, error) {
	return shown(s.Store.Recent(ctx, store.Query{Device: q.Device, BeforeID: q.BeforeID, Limit: q.Limit}))
}

func shown(entries []store.Entry, err error) ([]web.Entry, error) {
	out := make([]web.Entry, len(entries))
	for i, e := range entries {
		out[i] = web.Entry{ID: e.ID, Result: e.Result}
	}
	return out, err
}

// openBroker opens the broker inside, becomes a client of one outside, or both, and tells the latest results again: retained
// messages live in a broker's memory.
func (h *hub) openBroker(ctx context.Context) error {
	pattern, err := mqtt.ParsePattern(h.config.MQTTTopic)
	if err != nil {
		return misused(fmt.Errorf("--mqtt-topic: %w", err))
	}
	handler, err := h.newIngest(pattern)
	if err != nil {
		return err
	}
	if h.config.MQTTURL != "" {
		if err := h.openOutside(ctx, handler, pattern); err != nil {
			return err
		}
	}
	if h.config.EmbedsBroker() {
		if err := h.openEmbedded(handler, pattern); err != nil {
			return err
		}
	}
	h.announceLatest(ctx)
	return nil
}

// openEmbedded lets devices in.
func (h *hub) openEmbedded(handler *ingest.Ingest, pattern mqtt.Pattern) error {
	accounts, err := users.Open(filepath.Join(h.config.Data.Data, users.FileName), users.Options{Logger: h.part("users")})
	if err != nil {
		return fmt.Errorf("reading the MQTT accounts: %w", err)
	}
	options := brokerOptions(h.config)
	options.Users, options.Pictures, options.Handle = accounts, pattern, handler.Handle
	options.Logger, options.Registerer = h.part("broker"), h.registry
	started, err := broker.Start(options)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("another program holds the broker's address; choose another: %w", err)
	} else if err != nil {
		return err
	}
	h.broker.embedded.Store(started)
	h.stages.closing("broker", started.Close)
	return nil
}

func (h *hub) newIngest(pattern mqtt.Pattern) (*ingest.Ingest, error) {
	bounds := limits(h.config.Limits)
	return ingest.New(ingest.Options{
		Pictures: pattern, MaxPicture: int64(h.config.MaxPictureBytes),
		Inspect: func(picture []byte) error { _, err := frame.Inspect(picture, bounds); return err },
		Accept: func(ctx context.Context, m mqtt.Message, c posture.Capture) error {
			_, err := h.queue.Accept(ctx, receipt(m), c)
			return err
		},
		Refuse: func(ctx context.Context, m mqtt.Message, r ingest.Refusal) error {
			return h.queue.Refuse(ctx, receipt(m), queue.DeadLetter{
				Device: r.Device, Topic: r.Topic, Reason: r.Reason, ReceivedAt: r.At,
				Size: int64(r.Size), SHA256: fmt.Sprintf("%x", r.SHA256), Picture: r.Payload,
			})
		},
		Logger: h.part("ingest"), Registerer: h.registry,
	})
}

func receipt(m mqtt.Message) queue.Receipt {
	return queue.Receipt{Topic: m.Topic, PacketID: m.PacketID, QoS: m.QoS, DUP: m.DUP, Retained: m.Retain}
}

// announce tells a result that has just been recorded.
func (h *hub) announce(_ context.Context, r posture.Result) {
	if err := h.announcer.Announce(r); err != nil {
		h.part("announce").Error("a result was not announced", "device", r.Device, "capture", r.CaptureID, "error", err)
	}
}

// announceHub opens the private socket and tells other commands of this machine where it is.
func (h *hub) announceHub(context.Context) error {
	path, cleanup, err := h.folder.SocketPath()
	if err != nil {
		return err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		cleanup()
		return fmt.Errorf("opening the private socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("closing the private socket to others: %w", err), listener.Close())
	}
	h.stages.start("private socket", func(ctx context.Context) error {
		defer cleanup()
		return web.Serve(ctx, listener, h.web.AdminHandler())
	})
	return h.folder.Announce(datadir.Hub{Socket: path, HTTP: h.httpAddr, MQTT: h.broker.address(h.config)})
}

// welcome says where everything is.
func (h *hub) welcome(p *Process) {
	rows := h.whereRowsAre()
	pictures := h.config.ImagesDir
	if h.config.Pictures == "none" {
		pictures = "not kept"
	}
	fmt.Fprintf(p.Stdout, `Plumbline %s is ready.
  pictures in   %s  topic %s
  results       http://%s
  rows          %s
  pictures      %s
  data          %s
%sSend one:  %s     Stop: Ctrl-C
`, p.Version, strings.Join(h.broker.urls(h.config), ", "), strings.Replace(h.config.MQTTTopic, "+", "<device>", 1), h.httpAddr, rows, pictures, h.config.Data.Data,
		h.joinHint(), p.hint(h.sendHint()))
}

// sendHint is how a first picture is sent to this hub.
func (h *hub) sendHint() string {
	hint := "send photo.jpg --device pi1"
	if urls := h.broker.urls(h.config); len(urls) > 0 && urls[0] != device.DefaultURL {
		hint += " --mqtt-url " + strings.NewReplacer("0.0.0.0", "127.0.0.1", "[::]", "127.0.0.1").Replace(urls[0])
	}
	if !h.config.EmbedsBroker() {
		hint += accountHint(&h.config.OutsideBroker)
	}
	return hint
}

// accountHint is how send shows a broker outside what the hub shows it: the hub's own account is one that is there.
func accountHint(c *config.OutsideBroker) string {
	hint := ""
	add := func(flag, value string) {
		if value != "" {
			hint += " " + flag + " " + value
		}
	}
	if u, err := url.Parse(c.MQTTURL); err == nil {
		add("--username", u.User.Username())
	}
	add("--password-file", c.MQTTPasswordFile)
	add("--mqtt-ca", c.CA)
	add("--mqtt-client-cert", c.Cert)
	add("--mqtt-client-key", c.Key)
	return hint
}

// joinHint says how others join, where they can.
func (h *hub) joinHint() string {
	address := h.queue.ListenAddr()
	if address == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		if host, err = os.Hostname(); err != nil {
			host = "HOST"
		}
		address = net.JoinHostPort(host, port)
	}
	return fmt.Sprintf("  workers join  plumbline work --nats nats://%s --nats-token-file %s\n", address, listener(h.config).TokenFile)
}

func environment() map[string]string {
	env := map[string]string{}
	for _, e := range os.Environ() {
		if name, value, ok := strings.Cut(e, "="); ok {
			env[name] = value
		}
	}
	return env
}
