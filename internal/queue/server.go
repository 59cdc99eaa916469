package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// startTimeout bounds how long the embedded server may take to read its streams.
const startTimeout = 5 * time.Minute

// startServer runs JetStream in this process, without any listener.
func startServer(o Options) (*server.Server, error) {
	maxPayload := o.MaxPicture + payloadAllowance
	ns, err := server.NewServer(&server.Options{
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
	})
	if err != nil {
		return nil, fmt.Errorf("configuring the embedded NATS server: %w", err)
	}
	ns.SetLoggerV2(natsLog{o.Logger}, false, false, false)
	ns.Start()
	if !ns.ReadyForConnections(startTimeout) || !ns.JetStreamEnabled() {
		ns.Shutdown()
		return nil, errors.New("the embedded NATS server did not start; its log says why")
	}
	return ns, nil
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
type natsLog struct{ log *slog.Logger }

func (l natsLog) Noticef(format string, v ...any) { l.log.Debug("nats: " + fmt.Sprintf(format, v...)) }
func (l natsLog) Debugf(format string, v ...any)  { l.log.Debug("nats: " + fmt.Sprintf(format, v...)) }
func (l natsLog) Tracef(format string, v ...any)  { l.log.Debug("nats: " + fmt.Sprintf(format, v...)) }

// Warnf passes warnings on, but one that our default picture limit of 8 MiB would give at each start.
func (l natsLog) Warnf(format string, v ...any) {
	level := slog.LevelWarn
	if strings.HasPrefix(format, "Maximum payloads over") {
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, "nats: "+fmt.Sprintf(format, v...))
}
func (l natsLog) Errorf(format string, v ...any) { l.log.Error("nats: " + fmt.Sprintf(format, v...)) }
func (l natsLog) Fatalf(format string, v ...any) { l.log.Error("nats: " + fmt.Sprintf(format, v...)) }
