package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// listener is a TCP listener for mochi that wraps each connection, bounds their number, those of clients that have not
// said who they are included, and knows them all, so that closing leaves none behind.
type listener struct {
	inner  net.Listener
	limits *limits
	log    *slog.Logger
	max    int
	full   func()

	mutex  sync.Mutex
	conns  map[*conn]struct{} // nil once closed
	active sync.WaitGroup
}

const listenerID = "tcp"

func listen(o Options, l *limits, full func()) (*listener, error) {
	inner, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listening for MQTT: %w", err)
	}
	// Clients that are still saying hello need room beside those that have.
	most := o.MaxClients + o.MaxClients/4 + 16
	return &listener{inner: inner, limits: l, log: o.Logger, max: most, full: full, conns: map[*conn]struct{}{}}, nil
}

func (l *listener) Init(*slog.Logger) error { return nil }
func (l *listener) ID() string              { return listenerID }
func (l *listener) Address() string         { return l.inner.Addr().String() }
func (l *listener) Protocol() string        { return "tcp" }

// Serve accepts connections until the listener is closed. A failed accept (too many open files) is tried again.
func (l *listener) Serve(establish listeners.EstablishFn) {
	for {
		inner, err := l.inner.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			l.log.Error("accepting an MQTT connection", "error", err)
			<-time.After(100 * time.Millisecond)
			continue
		}
		if c := l.add(inner); c != nil {
			go l.serve(c, establish)
		}
	}
}

func (l *listener) add(inner net.Conn) *conn {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.conns == nil || len(l.conns) >= l.max {
		_ = inner.Close()
		l.full()
		return nil
	}
	c := newConn(inner, l.limits)
	l.conns[c] = struct{}{}
	l.active.Add(1)
	return c
}

func (l *listener) serve(c *conn, establish listeners.EstablishFn) {
	defer l.active.Done()
	err := establish(listenerID, c)
	l.log.Debug("MQTT connection ended", "remote", c.RemoteAddr().String(), "cause", err)
	c.release()
	_ = c.Close()
	l.mutex.Lock()
	defer l.mutex.Unlock()
	delete(l.conns, c)
}

// stopAccepting lets those who are connected go on.
func (l *listener) stopAccepting() { _ = l.inner.Close() }

// Close ends all connections and waits for their goroutines.
func (l *listener) Close(closeClients listeners.CloseFn) {
	l.stopAccepting()
	closeClients(listenerID)
	for c := range l.takeAll() {
		_ = c.Close()
	}
	l.active.Wait()
}

func (l *listener) takeAll() map[*conn]struct{} {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	conns := l.conns
	l.conns = nil
	return conns
}
