package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// startTimeout bounds how long the embedded server may take to read its streams.
const startTimeout = 5 * time.Minute

// startServer runs JetStream in this process, without a listener unless one is asked for.
func startServer(o Options) (*server.Server, error) {
	maxPayload := o.MaxPicture + payloadAllowance
	so := &server.Options{
		ServerName:             "plumbline",
		DontListen:             true,
		NoSigs:                 true,
		JetStream:              true,
		DisableJetStreamBanner: true,
		StoreDir:               o.Dir,
		SyncAlways:             o.Sync == SyncAlways,
		SyncInterval:           interval(o.Sync),
		MaxPayload:             int32(maxPayload), //nolint:gosec // see largestPicture
		MaxPending:             max(server.MAX_PENDING_SIZE, 4*maxPayload),
		// The streams have limits of their own; JetStream's, three quarters of what is free at its start, would refuse
		// to open a queue that fills the disk already.
		JetStreamMaxStore: math.MaxInt64 / 2,
	}
	if o.Listener.Address != "" {
		if err := o.Listener.listen(so, o.Dir, o.Logger); err != nil {
			return nil, err
		}
	}
	ns, err := server.NewServer(so)
	if err != nil {
		return nil, fmt.Errorf("configuring the embedded NATS server: %w", err)
	}
	log := &natsLog{log: o.Logger}
	ns.SetLoggerV2(log, false, false, false)
	ns.Start()
	if err := awaitStart(ns, log); err != nil {
		ns.Shutdown()
		return nil, err
	}
	if d, ok := so.CustomClientAuthentication.(*doorkeeper); ok {
		if err := d.letIn(ns); err != nil {
			ns.Shutdown()
			return nil, err
		}
	}
	return ns, nil
}

// awaitStart returns when the server takes connections, or as soon as it says that it never will.
func awaitStart(ns *server.Server, log *natsLog) error {
	for started := time.Now(); time.Since(started) < startTimeout; {
		ready := ns.ReadyForConnections(time.Second)
		if fatal := log.fatal.Load(); fatal != nil {
			return fmt.Errorf("the embedded NATS server did not start: %s", *fatal)
		}
		if ready && ns.JetStreamEnabled() {
			return nil
		}
	}
	return errors.New("the embedded NATS server did not start; its log says why")
}

// interval is the time between two syncs. With SyncAlways it is only the beat of JetStream's housekeeping, for which
// its own default serves.
func interval(s Sync) time.Duration {
	if s == SyncInterval {
		return syncInterval
	}
	return 0
}

// connect makes one in-process connection.
func connect(ns *server.Server, name string, log *slog.Logger) (*nats.Conn, error) {
	nc, err := nats.Connect(nats.DefaultURL, nats.InProcessServer(ns), nats.Name(name),
		nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("queue connection", "connection", name, "error", err)
		}))
	if err != nil {
		return nil, fmt.Errorf("connecting %s to the embedded NATS server: %w", name, err)
	}
	return nc, nil
}

// natsLog passes the server's log on. Its notices (versions, folders, "server is ready") are details to us.
type natsLog struct {
	log      *slog.Logger
	visitors throttle
	fatal    atomic.Pointer[string] // why the server never starts
}

func (l *natsLog) Noticef(format string, v ...any) {
	l.log.Debug("nats: " + fmt.Sprintf(format, v...))
}
func (l *natsLog) Debugf(format string, v ...any) { l.log.Debug("nats: " + fmt.Sprintf(format, v...)) }
func (l *natsLog) Tracef(format string, v ...any) { l.log.Debug("nats: " + fmt.Sprintf(format, v...)) }

// Warnf passes warnings on, but two that would come at each start: of our default picture limit of 8 MiB, and that only
// clients of our own can join.
func (l *natsLog) Warnf(format string, v ...any) {
	level := slog.LevelWarn
	if strings.HasPrefix(format, "Maximum payloads over") || strings.HasPrefix(format, "Clients that are not using") {
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, "nats: "+fmt.Sprintf(format, v...))
}

// Errorf passes errors on; what strangers at the listener can cause as often as they like, not as often.
func (l *natsLog) Errorf(format string, v ...any) {
	text, level := fmt.Sprintf(format, v...), slog.LevelError
	switch {
	case strings.Contains(text, server.ErrAuthentication.Error()): // the doorkeeper says it better
		level = slog.LevelDebug
	case strings.Contains(text, "TLS handshake error"), strings.Contains(text, "iolation"), strings.Contains(text, "maximum connections"):
		if level = slog.LevelWarn; l.visitors.again() == 0 {
			level = slog.LevelDebug
		}
	}
	l.log.Log(context.Background(), level, "nats: "+text)
}

// Fatalf keeps the reason; the server would end the process after it, if it were alone in it.
func (l *natsLog) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.fatal.Store(&text)
	l.log.Error("nats: " + text)
}
