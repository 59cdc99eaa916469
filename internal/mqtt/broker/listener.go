package broker

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
	"golang.org/x/sync/semaphore"

	"plumbline/internal/mqtt/ws"
)

// listener is one endpoint for mochi. It bounds the number of connections together with the other endpoints, those of
// clients that have not said who they are included, makes the handshakes, wraps what carries MQTT then in a conn, and knows
// all connections, so that closing leaves none behind.
type listener struct {
	endpoint  endpoint
	inner     *net.TCPListener
	shared    *shared
	anonymous bool     // clients without an account may connect here
	origins   []string // of websockets

	mutex  sync.Mutex
	conns  map[*tracked]struct{} // nil once closed
	active sync.WaitGroup
}

// shared is what all listeners of a broker have in common.
type shared struct {
	limits       *limits
	room         *semaphore.Weighted // for connections
	certificates *certificates       // nil when nothing is secured
	refused      func(reason string)
	log          *slog.Logger
}

func listen(e endpoint, o Options, s *shared) (*listener, error) {
	inner, err := net.Listen(e.network(), e.address)
	if err != nil {
		return nil, fmt.Errorf("listening for MQTT (%s): %w", e.flag, err)
	}
	tcp, ok := inner.(*net.TCPListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("listening for MQTT on %s: it is no TCP address", e.address), inner.Close())
	}
	return &listener{
		endpoint: e, inner: tcp, shared: s, anonymous: o.Anonymous || e.loopback(), origins: o.WSOrigins, conns: map[*tracked]struct{}{},
	}, nil
}

func (l *listener) Init(*slog.Logger) error { return nil }
func (l *listener) ID() string              { return l.endpoint.scheme }
func (l *listener) Address() string         { return l.inner.Addr().String() }
func (l *listener) Protocol() string        { return l.endpoint.scheme }

// Serve accepts connections until the listener is closed.
func (l *listener) Serve(establish listeners.EstablishFn) {
	for {
		raw, err := l.accept()
		if err != nil {
			return
		}
		if raw != nil {
			go l.serve(raw, establish)
		}
	}
}

// accept gives nil for a connection for which there is no room. A failure (too many open files) is no end.
func (l *listener) accept() (*tracked, error) {
	inner, err := l.inner.AcceptTCP()
	switch {
	case errors.Is(err, net.ErrClosed):
		return nil, err
	case err != nil:
		l.shared.log.Error("accepting an MQTT connection", "error", err)
		<-time.After(100 * time.Millisecond)
		return nil, nil
	}
	return l.track(inner), nil
}

// serve ends with the connection.
func (l *listener) serve(raw *tracked, establish listeners.EstablishFn) {
	defer l.active.Done()
	defer func() { _ = raw.Close() }()
	inner, p, err := l.open(raw)
	if err != nil {
		l.notOpened(raw, err)
		return
	}
	c := newConn(inner, l.shared.limits)
	c.anonymous, c.peer = l.anonymous, p
	err = establish(l.ID(), c)
	l.shared.log.Debug("MQTT connection ended", "remote", c.RemoteAddr().String(), "cause", err)
	c.release()
	_ = c.Close()
}

// open makes the handshakes of what lies between TCP and MQTT.
func (l *listener) open(raw *tracked) (inner net.Conn, p *peer, err error) {
	_ = raw.SetDeadline(time.Now().Add(connectTimeout))
	inner = raw
	if l.endpoint.secured() {
		secured := tls.Server(raw, l.shared.certificates.config())
		if err := secured.Handshake(); err != nil {
			return nil, nil, fmt.Errorf("TLS handshake: %w", err)
		}
		inner, p = secured, peerOf(secured.ConnectionState(), l.shared.certificates)
	}
	if l.endpoint.websocket() {
		if inner, err = ws.Accept(inner, l.mayCome); err != nil {
			return nil, nil, err
		}
	}
	return inner, p, raw.SetDeadline(time.Time{})
}

// notOpened leaves the client a moment to read why: closing a socket with unread bytes resets the connection.
func (l *listener) notOpened(raw *tracked, err error) {
	if errors.Is(err, io.EOF) {
		return // somebody looked whether the port is open
	}
	l.shared.refused(refusedHandshake)
	l.shared.log.Warn("MQTT connection refused", "listener", l.ID(), "remote", raw.RemoteAddr().String(), "reason", err)
	_ = raw.CloseWrite()
	_ = raw.SetReadDeadline(time.Now().Add(lingerTimeout))
	_, _ = io.CopyN(io.Discard, raw, smallPacket)
}

// mayCome keeps other sites' pages away, which a browser lets open websockets to wherever it can reach: where no account is
// needed, its user's own machine included. A host of loopback by any other name is a page that calls itself that.
func (l *listener) mayCome(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(l.origins, "*") || slices.Contains(l.origins, origin) {
		return true // no browser, or wanted
	}
	site, err := url.Parse(origin)
	if err != nil {
		return false
	}
	asked := (&url.URL{Host: r.Host}).Hostname()
	return strings.EqualFold(site.Hostname(), asked) && (!l.endpoint.loopback() || isLoopback(asked))
}

// stopAccepting lets those who are connected go on.
func (l *listener) stopAccepting() { _ = l.inner.Close() }

// hurry gives clients that do not read a moment more: mochi writes its goodbye to one after the other, and would wait for
// each.
func (l *listener) hurry() {
	l.shared.limits.closing.Store(true)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for c := range l.conns {
		_ = c.SetWriteDeadline(time.Now().Add(lastWords))
	}
}

// Close ends all connections and waits for their goroutines.
func (l *listener) Close(closeClients listeners.CloseFn) {
	l.stopAccepting()
	closeClients(l.ID())
	for c := range l.takeAll() {
		_ = c.Close()
	}
	l.active.Wait()
}

func (l *listener) takeAll() map[*tracked]struct{} {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	conns := l.conns
	l.conns = nil
	return conns
}

// tracked is a TCP connection that its listener knows. Closing it ends whatever runs above it at once.
type tracked struct {
	*net.TCPConn
	once   sync.Once
	forget func()
}

func (l *listener) track(inner *net.TCPConn) *tracked {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.conns == nil || !l.shared.room.TryAcquire(1) {
		_ = inner.Close()
		l.shared.refused(refusedFull)
		return nil
	}
	l.active.Add(1)
	c := &tracked{TCPConn: inner}
	c.forget = func() { l.forget(c) }
	l.conns[c] = struct{}{}
	return c
}

func (l *listener) forget(c *tracked) {
	l.shared.room.Release(1)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	delete(l.conns, c)
}

func (t *tracked) Close() error {
	err := t.TCPConn.Close()
	t.once.Do(t.forget)
	return err
}
