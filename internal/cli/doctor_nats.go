package cli

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"strings"

	"plumbline/internal/config"
	"plumbline/internal/queue"
	"plumbline/internal/wording"
)

// lookAtNATS looks at the NATS outside as a start would, and leaves everything there as it is.
func lookAtNATS(ctx context.Context, e *examination) {
	if len(e.config.NATS) == 0 {
		e.fine("the queue inside; --nats would name one outside")
		return
	}
	options := queueOptions(e.config, slog.New(slog.DiscardHandler), nil)
	var err error
	if options.Outside, err = outsideNATS(&e.config.OutsideNATS, false); err != nil {
		e.wrong("%v", err)
		return
	}
	seen, err := queue.Examine(ctx, options)
	if err != nil {
		e.wrong("%v", err)
		return
	}
	e.fine("connected to %s, NATS %s%s", options.Outside.Server, seen.Version, clustered(seen))
	natsSecrecy(e, seen)
	if seen.MaxPayload < seen.Needed {
		e.wrong("the server takes messages of up to %d bytes (max_payload), the largest picture needs %d: raise max_payload there, or lower --max-picture-bytes", seen.MaxPayload, seen.Needed)
	} else {
		e.fine("the server takes messages of %d bytes, the largest picture needs %d", seen.MaxPayload, seen.Needed)
	}
	if seen.JetStream != nil {
		e.wrong("%v", seen.JetStream)
	} else {
		natsRoom(e, seen)
		natsStreams(e, seen)
	}
	for _, words := range seen.Denied {
		e.wrong("a right is missing: %s (docs/nats.md lists those that a hub needs)", words)
	}
}

func clustered(f queue.Findings) string {
	if f.Cluster == "" {
		return ""
	}
	return ", cluster " + f.Cluster
}

func natsSecrecy(e *examination, f queue.Findings) {
	if f.Secure {
		e.fine("the connection is over TLS")
		return
	}
	for _, text := range e.config.NATS {
		if !strings.Contains(text, "://") {
			text = "nats://" + text
		}
		u, err := url.Parse(text)
		if err != nil {
			continue
		}
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			e.warning("pictures and passwords pass the network in plain text: tls:// would hide them")
			return
		}
	}
}

// natsRoom compares what the streams may take with what the account has.
func natsRoom(e *examination, f queue.Findings) {
	need := (f.QueueBytes + f.QueueBytes/8) * int64(f.Replicas)
	shown := func(n int64) string { return config.Bytes(n).String() }
	switch {
	case f.StoredLimit <= 0:
		e.fine("JetStream is on, without a limit of the account's storage (that of the server itself, max_file_store, cannot be seen from here); the queue may take %s, dead letters an eighth of it, %d times", shown(f.QueueBytes), f.Replicas)
	case f.StoredLimit < need:
		e.wrong("JetStream is on, but the account may store %s; queue and dead letters may take %s: raise it there, or give a smaller --queue-max-bytes", shown(f.StoredLimit), shown(need))
	default:
		e.fine("JetStream is on; the account may store %s and has %s, queue and dead letters may take %s", shown(f.StoredLimit), shown(f.Stored), shown(need))
	}
	if f.Replicas < 3 {
		e.warning("cannot be seen from here: whether the server writes to its disk before it confirms. Without sync_interval: always in its jetstream block a power cut loses up to two minutes")
	}
}

func natsStreams(e *examination, f queue.Findings) {
	missing, fit := 0, 0
	for _, s := range f.Streams {
		switch {
		case s.Misfit != nil:
			e.wrong("%v", s.Misfit)
		case !s.There:
			missing++
		case len(s.Changes) > 0:
			e.warning("stream %s will be changed at the next start: %s", s.Name, strings.Join(s.Changes, ", "))
		default:
			fit++
		}
	}
	if fit > 0 {
		e.fine("%s as needed", wording.Count(fit, "stream"))
	}
	if missing > 0 {
		e.fine("%s will be made at the first start", wording.Count(missing, "stream"))
	}
}
