// Package ws carries MQTT over websockets (MQTT 5, section 6): a websocket of the subprotocol mqtt as a stream of bytes, for
// the broker and for its clients. It knows nothing of MQTT's packets, whose boundaries need not be those of the websocket's
// messages, and it refuses text messages and compression.
//
// It is the only package that knows gorilla/websocket.
package ws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Path is where MQTT brokers usually take websockets.
const Path = "/mqtt"

const subprotocol = "mqtt"

// goodbye is how long writing a close frame may take.
const goodbye = time.Second

// Dialer opens websockets.
type Dialer struct {
	TLS     *tls.Config   // for wss
	Timeout time.Duration // of the connection and the handshakes together
}

// Dial opens a websocket to a ws or wss URL.
func (d Dialer) Dial(ctx context.Context, url string) (net.Conn, error) {
	dialer := websocket.Dialer{
		Proxy: http.ProxyFromEnvironment, HandshakeTimeout: d.Timeout, TLSClientConfig: d.TLS, Subprotocols: []string{subprotocol},
	}
	c, response, err := dialer.DialContext(ctx, url, nil) //nolint:bodyclose // the library has read what it keeps of it; there is nothing to close
	if errors.Is(err, websocket.ErrBadHandshake) && response != nil {
		return nil, fmt.Errorf("%s is no websocket: the answer was %s", url, response.Status)
	}
	if err != nil {
		return nil, err
	}
	if c.Subprotocol() != subprotocol {
		_ = c.Close()
		return nil, fmt.Errorf("%s is a websocket, but not one for MQTT", url)
	}
	return &conn{ws: c}, nil
}

// conn is a websocket as a stream. As with every net.Conn, reading, writing and closing may go on side by side.
type conn struct {
	ws     *websocket.Conn
	reader io.Reader // of the message that has begun

	writing  sync.Mutex
	mutex    sync.Mutex
	deadline time.Time // for writing
	closing  sync.Once
}

func (c *conn) Read(p []byte) (int, error) {
	for len(p) > 0 {
		if c.reader == nil {
			kind, reader, err := c.ws.NextReader()
			switch {
			case websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived):
				return 0, io.EOF
			case err != nil:
				return 0, err
			case kind != websocket.BinaryMessage:
				return 0, errors.New("a websocket message of text came, where MQTT has binary ones")
			}
			c.reader = reader
		}
		n, err := c.reader.Read(p)
		if errors.Is(err, io.EOF) {
			c.reader, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, nil
}

func (c *conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mutex.Lock()
	_ = c.ws.SetWriteDeadline(c.deadline)
	c.mutex.Unlock()
	if err := c.ws.WriteMessage(websocket.BinaryMessage, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// CloseWrite says that nothing more will come.
func (c *conn) CloseWrite() error {
	message := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	return c.ws.WriteControl(websocket.CloseMessage, message, time.Now().Add(goodbye))
}

func (c *conn) Close() (err error) {
	err = net.ErrClosed
	c.closing.Do(func() {
		_ = c.CloseWrite() // whoever does not read it learns of the end from the connection's
		err = c.ws.Close()
	})
	return err
}

func (c *conn) LocalAddr() net.Addr  { return c.ws.LocalAddr() }
func (c *conn) RemoteAddr() net.Addr { return c.ws.RemoteAddr() }

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) SetReadDeadline(t time.Time) error { return c.ws.SetReadDeadline(t) }

// SetWriteDeadline counts from the next Write on.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.deadline = t
	return nil
}
