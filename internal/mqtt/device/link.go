package device

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"plumbline/internal/mqtt/dial"
)

// Time limits of one connection. The broker may be busy committing a picture when a ping comes, so that its answer may
// take a while.
const (
	loginTimeout = 30 * time.Second
	keepAlive    = 60 * time.Second
	pingEvery    = 20 * time.Second
	silence      = 90 * time.Second // of the broker, after which the connection counts as lost
)

// finalError is what trying again would not change.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

func final(format string, args ...any) error { return finalError{fmt.Errorf(format, args...)} }

func isFinal(err error) bool { return errors.As(err, new(finalError)) }

// link is one connection to the broker.
type link struct {
	conn      net.Conn
	wire      wire
	maxPacket int64 // as the broker says; 0 when it does not
	window    int   // as the broker says

	answers chan answer   // acknowledgements; it holds more than can be on the way, so that reading never waits for writing
	lost    chan struct{} // closed when no more come
	cause   error         // why; set before lost is closed
	wrote   time.Time
}

// open dials and logs in, by one version of MQTT.
func open(ctx context.Context, o Options, w wire) (*link, error) {
	conn, err := o.dialer.Dial(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	l := &link{conn: conn, wire: w, answers: make(chan answer, 2*mostOnWay), lost: make(chan struct{})}
	if err := l.login(o); err != nil {
		_ = conn.Close()
		return nil, err
	}
	go l.read()
	return l, nil
}

func (l *link) login(o Options) error {
	_ = l.conn.SetDeadline(time.Now().Add(loginTimeout))
	if err := l.wire.connect(l.conn, clientID(), o); err != nil {
		return fmt.Errorf("logging in to the MQTT broker: %w", err)
	}
	e, err := l.wire.read(l.conn)
	if err != nil {
		return fmt.Errorf("logging in to the MQTT broker: no answer: %w", dial.Explain(err))
	}
	w, ok := e.(welcome)
	if !ok {
		return final("the MQTT broker answered CONNECT with another packet (%T)", e)
	}
	_ = l.conn.SetDeadline(time.Time{})
	l.maxPacket, l.window = w.maxPacket, w.window
	return w.refusal(o)
}

// errOldProtocol says that the broker does not speak the version.
var errOldProtocol = errors.New("the MQTT broker does not speak this version of MQTT")

// Reason codes of MQTT 5 (2.4) of a login.
const (
	reasonUnspecified   = 0x80
	reasonVersion       = 0x84
	reasonClientID      = 0x85
	reasonPassword      = 0x86
	reasonNotAuthorised = 0x87
	reasonUnavailable   = 0x88
)

// Those after which trying again may help.
var passing = map[byte]bool{reasonUnavailable: true, 0x89: true, 0x97: true, 0x9f: true}

// refusal is why the broker does not let this client in; nil when it does.
func (w welcome) refusal(o Options) error {
	switch {
	case w.code == 0:
		return nil
	case w.code == reasonPassword || w.code == reasonNotAuthorised:
		if o.Username == "" {
			return final("the MQTT broker wants an account: give a user name and a password")
		}
		return final("the MQTT broker does not accept user %q with this password", o.Username)
	case w.code == reasonVersion:
		return finalError{errOldProtocol}
	case passing[w.code]:
		return fmt.Errorf("the MQTT broker refused the connection for now: %s", w.words)
	}
	return final("the MQTT broker refused the connection: reason %#x %s", w.code, w.words)
}

// read passes acknowledgements on until the connection ends.
func (l *link) read() {
	defer close(l.lost)
	in := bufio.NewReader(l.conn)
	for {
		_ = l.conn.SetReadDeadline(time.Now().Add(silence))
		e, err := l.wire.read(in)
		if err != nil {
			l.cause = fmt.Errorf("the connection to the MQTT broker broke: %w", err)
			return
		}
		switch e := e.(type) {
		case answer:
			l.answers <- e
		case farewell:
			l.cause = e.said()
			return
		}
	}
}

func (f farewell) said() error {
	if f.code == packetTooLarge {
		return final("a picture is larger than the MQTT broker takes")
	}
	return fmt.Errorf("the MQTT broker closed the connection: reason %#x %s", f.code, f.words)
}

const packetTooLarge = 0x95 // a reason code of MQTT 5

func (l *link) publish(topic string, o *outgoing) error {
	again := o.sent
	o.sent = true
	return l.write(func(w io.Writer) error { return l.wire.publish(w, topic, o, again) })
}

func (l *link) ping() error { return l.write(l.wire.ping) }

// write sends one packet. Only Send's goroutine writes.
func (l *link) write(packet func(io.Writer) error) error {
	_ = l.conn.SetWriteDeadline(time.Now().Add(silence))
	l.wrote = time.Now()
	if err := packet(l.conn); err != nil {
		return fmt.Errorf("sending to the MQTT broker: %w", err)
	}
	return nil
}

// close says goodbye.
func (l *link) close() {
	_ = l.write(l.wire.disconnect)
	_ = l.conn.Close()
}
