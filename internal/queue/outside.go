package queue

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Outside is a NATS that runs elsewhere, to be used instead of the embedded server.
type Outside struct {
	Server
	Prefix   string // what streams and subjects begin with; "plumbline"
	Domain   string // the JetStream domain of the streams, where the server is a leaf node of it; the server's own
	Replicas int    // of each stream; 0: three where the server belongs to a cluster, else one
	// Alone: results go where no other hub can write them, so that a second hub on the same streams is refused.
	Alone bool
}

// Server is how a NATS server, or a cluster of them, is reached. At most one way to say who one is makes sense.
type Server struct {
	URLs           []string // nats:// or tls://; any of a cluster will do, more of them help at the start
	Credentials    string   // file with a user's JWT and seed
	User, Password string
	Token          string
	CA             string // file with the authorities that may have signed the server's certificate; the system's
	Cert, Key      string // files of the client's certificate
}

// Times of connections to a server outside.
const (
	connectTimeout = 5 * time.Second
	reconnectWait  = 250 * time.Millisecond // plus jitter
	pingEvery      = 5 * time.Second        // a connection that says nothing for three of these is given up
	openTimeout    = 30 * time.Second       // for a cluster that is just choosing its leaders
	openPause      = 500 * time.Millisecond
	answerTimeout  = 2 * time.Second  // a request without an answer is made again: who was to answer may be dead
	electionTime   = 12 * time.Second // after a leader's death the next one is chosen within 4 to 9 s (nats-server, raft.go)
	listTimeout    = 40 * time.Second // a million ids
	attemptTimeout = 10 * time.Second // for the several requests of a start, before they are made again
)

// String names the servers without what is secret in their URLs.
func (s Server) String() string {
	shown := make([]string, len(s.URLs))
	for i, text := range s.URLs {
		if shown[i] = text; !strings.Contains(text, "@") {
			continue
		}
		if u, err := url.Parse(text); err == nil && u.Host != "" {
			shown[i] = u.Scheme + "://" + u.Host
		} else {
			shown[i] = text[strings.LastIndex(text, "@")+1:]
		}
	}
	return strings.Join(shown, ",")
}

func (s Server) validate() error {
	if len(s.URLs) == 0 {
		return errors.New("queue: no address of a NATS server given")
	}
	if (s.Cert == "") != (s.Key == "") {
		return errors.New("queue: a client certificate for NATS needs both its file and that of its key")
	}
	ways := 0
	for _, given := range []bool{s.Credentials != "", s.User != "", s.Token != ""} {
		if given {
			ways++
		}
	}
	if ways > 1 {
		return errors.New("queue: give one of credentials, user with password, and token for NATS")
	}
	return errors.Join(s.validateURLs(), s.validateFiles())
}

func (s Server) validateURLs() error {
	for _, text := range s.URLs {
		if !strings.Contains(text, "://") {
			text = "nats://" + text
		}
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
			return fmt.Errorf("queue: %s is no address of a NATS server: write it like nats://host:4222 or tls://host:4222", Server{URLs: []string{text}})
		}
	}
	return nil
}

// validateFiles finds at once what every attempt to connect would stumble over.
func (s Server) validateFiles() error {
	for _, file := range []struct{ what, path string }{
		{"credentials for NATS", s.Credentials}, {"authorities of the NATS server", s.CA}, {"certificate for NATS", s.Cert}, {"key of the certificate for NATS", s.Key},
	} {
		if file.path == "" {
			continue
		}
		if _, err := os.ReadFile(file.path); err != nil {
			return fmt.Errorf("reading the %s: %w", file.what, err)
		}
	}
	return nil
}

// denials remembers what a server last refused to a connection: it tells so beside the request, which just gets no answer.
type denials struct {
	last   atomic.Pointer[string]
	leases atomic.Bool // the right to listen to workers was refused, which costs exact numbers and nothing else
}

func (d *denials) note(err error) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return
	}
	text := err.Error()
	if strings.Contains(text, `ubscription to "$JS.ACK.`) {
		d.leases.Store(true)
		return
	}
	d.last.Store(&text)
}

// explain adds to an error that may be silence what the server refused.
func (d *denials) explain(err error) error {
	if text := d.last.Load(); err != nil && text != nil && passing(err) {
		return fmt.Errorf("%w; the server refused a right: %s", err, *text)
	}
	return err
}

// connect makes one connection. What can't be sent at once is never kept to be sent later: whoever is told that
// something failed may rely on it.
func (s Server) connect(name string, log *slog.Logger, d *denials, p *presence) (*nats.Conn, error) {
	nc, err := nats.Connect(strings.Join(s.URLs, ","), s.options(name, log, d, p)...)
	if err != nil {
		return nil, fmt.Errorf("connecting to NATS at %s: %w", s, s.explain(err))
	}
	return nc, nil
}

// explain adds to a refused connection what to do.
func (s Server) explain(err error) error {
	asked := errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked)
	switch {
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return fmt.Errorf("%w: give the file with the authority that signed it (--nats-ca)", err)
	case !asked:
		return err
	case s.Credentials != "":
		return fmt.Errorf("%w: the server does not take the credentials in %s (--nats-creds): ask its owner for new ones", err, s.Credentials)
	case s.User != "":
		return fmt.Errorf("%w: the server does not take user %s with this password (--nats-user; --nats-password-file or PLUMBLINE_NATS_PASSWORD)", err, s.User)
	case s.Token != "":
		return fmt.Errorf("%w: the server does not take this token (--nats-auth-token-file or PLUMBLINE_NATS_AUTH_TOKEN)", err)
	}
	return fmt.Errorf("%w: the server wants to know who this is: give --nats-creds, or --nats-user with --nats-password-file, or --nats-auth-token-file, or --nats-cert with --nats-key", err)
}

func (s Server) options(name string, log *slog.Logger, d *denials, p *presence) []nats.Option {
	log = log.With("connection", name, "nats", s.String())
	o := []nats.Option{
		nats.Name("plumbline " + name), nats.Timeout(connectTimeout), nats.PingInterval(pingEvery),
		nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(reconnectWait, 2*reconnectWait),
		nats.ReconnectBufSize(-1), nats.IgnoreAuthErrorAbort(),
		nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			if !nc.IsClosed() {
				p.broke()
				log.Warn("disconnected from NATS; trying again until it is back", "error", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			p.there()
			log.Info("connected to NATS again", "server", nc.ConnectedServerName())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			d.note(err)
			log.Warn("NATS connection", "error", err)
		}),
	}
	if s.Credentials != "" {
		o = append(o, nats.UserCredentials(s.Credentials))
	}
	if s.User != "" {
		o = append(o, nats.UserInfo(s.User, s.Password))
	}
	if s.Token != "" {
		o = append(o, nats.Token(s.Token))
	}
	if s.CA != "" {
		o = append(o, nats.RootCAs(s.CA))
	}
	if s.Cert != "" {
		o = append(o, nats.ClientCert(s.Cert, s.Key))
	}
	return o
}

// join opens the streams of a NATS outside, or says why they can't be.
func (h *Hub) join(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	o := h.options.Outside
	h.others, h.began = newFollower(), time.Now().UTC()
	if h.run, err = h.ids.make(h.began); err != nil {
		return err
	}
	if h.id, err = readID(h.options.Dir, func() (string, error) { return h.ids.make(h.began) }); err != nil {
		return err
	}
	err = h.retry(ctx, func() (err error) { h.nc, err = h.connect("hub", h.log, nil); return err })
	if err != nil {
		return err
	}
	if limit, need := h.nc.MaxPayload(), h.options.MaxPicture+payloadAllowance; limit < need && !h.options.KeepLimits {
		return fmt.Errorf("the server takes messages of up to %d bytes (max_payload), pictures of up to %d bytes need %d: raise max_payload there, or lower the limit of pictures (--max-picture-bytes) to %d",
			limit, h.options.MaxPicture, need, limit-payloadAllowance)
	}
	if h.js, err = h.names.jetStream(h.nc); err != nil {
		return err
	}
	if o.Replicas == 0 {
		if o.Replicas = 1; h.nc.ConnectedClusterName() != "" {
			o.Replicas = 3
		}
	}
	err = h.retry(ctx, func() error {
		ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
		defer cancel()
		return h.openOutside(ctx, *o)
	})
	return h.denied.explain(err)
}

func (h *Hub) openOutside(ctx context.Context, o Outside) error {
	account, err := h.account(ctx)
	if err != nil {
		return err
	}
	h.maxBytes = h.options.MaxQueueBytes
	if h.maxBytes == 0 {
		h.maxBytes = shareOf(account)
	}
	if h.streams, err = h.fitStreams(ctx, wanted(h.options, h.maxBytes, o.Replicas)); err != nil {
		return err
	}
	h.maxBytes = h.streams.queue.CachedInfo().Config.MaxBytes
	if err = h.openBucket(ctx, o.Replicas); err != nil {
		return err
	}
	if h.consumer, err = openConsumer(ctx, h.streams.queue, consumerConfig(h.options)); err != nil {
		return err
	}
	h.sayWhatIsPromised()
	return nil
}

// sayWhatIsPromised tells what an acknowledgement means here: whether a server syncs before it confirms is its own
// setting, which no client can see or change.
func (h *Hub) sayWhatIsPromised() {
	replicas := h.streams.queue.CachedInfo().Config.Replicas
	log := h.log.With("nats", h.options.Outside.Server.String(), "replicas", replicas, "queue_max_bytes", h.maxBytes)
	switch {
	case h.options.KeepLimits:
	case replicas >= 3:
		log.Info("the queue is on NATS; a picture is acknowledged once most replicas have it")
	case h.options.Sync == SyncAlways:
		log.Warn("the queue is on NATS; a picture is acknowledged once the server has it, which survives a power cut there only with jetstream { sync_interval: always } in the server's configuration")
	default:
		log.Info("the queue is on NATS; a picture is acknowledged once the server has it")
	}
}

// patiently does what may be begun anew, again where a cluster gave no answer: it loses a server at any moment, also while a
// hub starts. Only asking again is bounded, since the act itself may read long streams.
func (h *Hub) patiently(ctx context.Context, do func(context.Context) error) error {
	if h.options.Outside == nil {
		return do(ctx)
	}
	asking, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	return h.retry(asking, func() error { return do(ctx) })
}

// persistently does so for as long as ctx lasts, in the background of a hub that is open.
func (h *Hub) persistently(ctx context.Context, do func(context.Context) error) error {
	if h.options.Outside == nil {
		return do(ctx)
	}
	return h.retry(ctx, func() error { return do(ctx) })
}

// retry repeats what failed since a server is just being started, or a cluster has no leader yet.
func (h *Hub) retry(ctx context.Context, do func() error) error {
	for told := false; ; told = true {
		err := do()
		if !unsettled(err) && !h.unanswered(err) && !h.linkAway(err) {
			return err
		}
		if !told {
			h.log.Warn("NATS is not ready; trying again", "error", err)
		}
		select {
		case <-time.After(openPause):
		case <-ctx.Done():
			return err
		}
	}
}

// unanswered reports whether a request got no answer though the server refused no right, which it would do as silently.
func (h *Hub) unanswered(err error) bool { return passing(err) && h.denied.last.Load() == nil }

// linkAway reports whether a leaf node has not found its domain yet; it tries to for as long as it runs.
func (h *Hub) linkAway(err error) bool {
	return h.names.domain != "" && errors.Is(err, jetstream.ErrJetStreamNotEnabled)
}

// unsettled reports whether a cluster is choosing its leaders.
func unsettled(err error) bool {
	api, answered := refusal(err)
	return answered && (api.ErrorCode == codeNotAvailable || api.ErrorCode == codeNotLeader) || errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrNoServers)
}

// Error codes of JetStream (nats-server, jetstream_errors_generated.go).
const (
	codeAccountLimit     = 10002 // resource limits exceeded for account
	codeNoPeers          = 10005 // no suitable peers for placement
	codeNotAvailable     = 10008 // JetStream system temporarily unavailable
	codeNotLeader        = 10009
	codeInsufficient     = 10023
	codeStorageLimit     = 10047 // insufficient storage resources available
	codeSubjectsOverlap  = 10065
	codeReplicas         = 10074 // replicas > 1 not supported in non-clustered mode
	codeMaxBytesRequired = 10113
	codeStreamMaxBytes   = 10122 // stream max bytes exceeds account limit
)

// account asks whether there is a JetStream for this user.
func (h *Hub) account(ctx context.Context) (*jetstream.AccountInfo, error) {
	short, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	info, err := h.js.AccountInfo(short)
	switch {
	case errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return nil, fmt.Errorf("JetStream is off for this user's account: switch it on there (accounts: { NAME: { jetstream: enabled } }): %w", err)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled) && h.names.domain != "":
		return nil, fmt.Errorf("the server does not reach the JetStream domain %s: is it a leaf node of it, and connected? %w", h.names.domain, err)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled):
		return nil, fmt.Errorf("the server runs without JetStream: switch it on there (nats-server -js, or jetstream {} in its configuration): %w", err)
	case err != nil:
		return nil, fmt.Errorf("asking for JetStream: %w", err)
	}
	return info, nil
}

// defaultQueue is the queue's limit on a server outside where none was asked for: its disk is not ours to fill.
const defaultQueue = 10 << 30

// shareOf is the queue's limit where none was asked for: 10 GiB, less where the account has less.
func shareOf(a *jetstream.AccountInfo) int64 {
	limit := int64(defaultQueue)
	if most := a.Limits.MaxStore; most > 0 {
		limit = min(limit, int64(float64(most)*diskShare/2)) // dead letters and journal want room too
	}
	if most := a.Limits.StoreMaxStreamBytes; most > 0 {
		limit = min(limit, most)
	}
	return limit
}
