package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// publishTry is how long one answer of a NATS outside is waited for: one that its leader took to its grave never comes.
const publishTry = 5 * time.Second

// errNotSent is the error of a message that certainly never left this process.
var errNotSent = errors.New("there is no connection to NATS")

// publish stores a message and returns when the stream has confirmed it. On a NATS outside it tries until ctx ends, since
// leaders change there; what is published here may be stored twice, or is refused the second time by its subject.
func (h *Hub) publish(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error) {
	if h.options.Outside == nil {
		return h.js.PublishMsg(ctx, m) //nolint:wrapcheck // callers say what they store
	}
	sent := false
	for {
		short, cancel := context.WithTimeout(ctx, publishTry)
		ack, err := h.js.PublishMsg(short, m)
		cancel()
		if err == nil || !mayPass(err) {
			return ack, err //nolint:wrapcheck // callers say what they store
		}
		if !unsent(err) {
			sent = true
		} else if !sent {
			return nil, fmt.Errorf("%w: %w", errNotSent, err)
		}
		select {
		case <-time.After(askPause):
		case <-ctx.Done():
			return nil, h.denied.explain(err)
		}
	}
}

// mayPass reports whether a stream may take the message soon.
func mayPass(err error) bool {
	return passing(err) || unsettled(err) || errors.Is(err, jetstream.ErrNoStreamResponse)
}

// unsent reports whether a message did not even reach the connection.
func unsent(err error) bool {
	return errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrConnectionReconnecting) || errors.Is(err, nats.ErrConnectionClosed)
}
