package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// How long a worker waits for one answer of a hub before it asks again: the hub may have been started anew meanwhile.
// Nothing that is asked changes anything when it arrives twice. Recording may take as long as a database does; but of
// several hubs the one that had the result in hand may have died, and each repetition costs the other one memory.
const (
	handInTry = 20 * time.Second
	deskTry   = 5 * time.Second
)

// askPause is how long a worker waits before it looks for a hub again.
const askPause = 100 * time.Millisecond

// answer is the hub's reply to a request.
type answer struct {
	Error     string `json:"error,omitempty"`
	Permanent bool   `json:"permanent,omitempty"` // no repetition helps
}

func (a answer) err() error {
	switch {
	case a.Error == "":
		return nil
	case a.Permanent:
		return unrecordable{errors.New(a.Error)}
	}
	return errors.New(a.Error)
}

// caller is who asks hubs: a connection, and for workers elsewhere the watch over their hub.
type caller struct {
	nc       *nats.Conn
	presence *presence
}

// ask sends a request to whichever hub there is, again and again until one answers or ctx ends.
func (c caller) ask(ctx context.Context, subject string, text []byte, try time.Duration) ([]byte, error) {
	m := nats.NewMsg(subject)
	m.Header.Set(formatHeader, strconv.Itoa(formatVersion))
	m.Data = text
	for {
		reply, err := c.askOnce(ctx, m, try)
		switch {
		case err == nil:
			c.presence.there()
			return reply.Data, nil
		case c.nc.IsClosed():
			return nil, ErrClosed
		case ctx.Err() != nil:
			return nil, fmt.Errorf("no hub answers: %w", context.Cause(ctx))
		case !passing(err):
			return nil, err
		case errors.Is(err, nats.ErrNoResponders):
			c.presence.away()
		}
		select {
		case <-time.After(askPause):
		case <-ctx.Done():
			return nil, fmt.Errorf("no hub answers: %w", context.Cause(ctx))
		}
	}
}

// askOnce gives up when the connection breaks: the answer would have come by it.
func (c caller) askOnce(ctx context.Context, m *nats.Msg, try time.Duration) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, try)
	defer cancel()
	defer context.AfterFunc(c.presence.unbroken(), cancel)()
	reply, err := c.nc.RequestMsgWithContext(ctx, m)
	if errors.Is(err, context.Canceled) {
		err = nats.ErrDisconnected // by us, or the caller's own end, which it looks at first
	}
	return reply, err //nolint:wrapcheck // callers say what they asked for
}

// outlive gives a context that outlives ctx by grace.
func outlive(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(late, func() { timer.Stop() })
	})
	return late, func() { stop(); cancel() }
}

// passing reports whether a request failed since nobody was there, or not in time, which may be otherwise soon.
func passing(err error) bool {
	return errors.Is(err, nats.ErrNoResponders) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, nats.ErrTimeout) || errors.Is(err, nats.ErrDisconnected) ||
		errors.Is(err, nats.ErrReconnectBufExceeded) || errors.Is(err, nats.ErrConnectionReconnecting)
}

// drain ends a subscription: no more requests are taken, those that arrived are finished and answered.
func drain(nc *nats.Conn, sub *nats.Subscription, under *sync.WaitGroup) error {
	if nc.IsClosed() || !sub.IsValid() {
		under.Wait()
		return nil
	}
	ended := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(ended) })
	err := sub.Drain()
	if err == nil {
		<-ended
	}
	under.Wait()
	if passing(err) { // there is no connection to answer by, and those who asked will ask again
		return nil
	}
	if err != nil {
		return fmt.Errorf("ending %s: %w", sub.Subject, err)
	}
	if !nc.IsConnected() {
		return nil // the same
	}
	if err := nc.Flush(); err != nil {
		return fmt.Errorf("sending the last answers: %w", err)
	}
	return nil
}

func readAnswer(text []byte) error {
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return fmt.Errorf("reading the hub's answer: %w", err)
	}
	return a.err()
}
