package broker_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"plumbline/internal/testkit/pki"
)

// Packet types and flags (MQTT 5, 2.1.2), in the first byte.
const (
	connectByte = 0x10
	connack     = 2
	publishByte = 0x30
	puback      = 4
	pubrec      = 5
	pubrelByte  = 0x62
	pubcomp     = 7
	subscribe   = 0x82
	suback      = 9
	pingreqByte = 0xc0
	pingresp    = 13
	disconnect  = 14

	dup, retain = 0x08, 0x01
)

// client is a version of MQTT and what carries it.
type client struct {
	version byte // 4 is MQTT 3.1.1
	scheme  string
}

var mqtt3, mqtt5 = client{4, "mqtt"}, client{5, "mqtt"}

// eachClient runs a test with both versions over everything that can carry them.
func eachClient(t *testing.T, test func(t *testing.T, c client)) {
	for _, scheme := range []string{"mqtt", "mqtts", "ws", "wss"} {
		for name, version := range map[string]byte{"3.1.1": 4, "5": 5} {
			t.Run(scheme+" version "+name, func(t *testing.T) { test(t, client{version, scheme}) })
		}
	}
}

// wire is a client that sends what it is told, byte by byte: real client libraries do not let a test choose packet
// identifiers and DUP flags.
type wire struct {
	t       *testing.T
	net     net.Conn
	arrived net.Conn // what came from net
	in      *bufio.Reader
	version byte
}

type packet struct {
	kind byte
	body []byte
}

type login struct {
	id, user, password string
	keep               bool // the session
	will               string
}

func dial(t *testing.T, b *started, c client) *wire {
	t.Helper()
	return (&wire{t: t, version: c.version}).over(b.open(t, c.scheme, pki.Certificate{}))
}

// over reads by way of a pipe, since a websocket is of no use after a deadline has passed.
func (w *wire) over(c net.Conn) *wire {
	near, far := net.Pipe()
	go func() {
		_, _ = io.Copy(far, c)
		_ = far.Close()
	}()
	w.t.Cleanup(func() { _ = near.Close() })
	w.net, w.arrived, w.in = c, near, bufio.NewReader(near)
	return w
}

// connect logs in and fails the test unless the broker agrees.
func connect(t *testing.T, b *started, c client, l login) *wire {
	t.Helper()
	w := dial(t, b, c)
	w.login(l)
	if p := w.read(); p.kind != connack || p.body[1] != 0 {
		t.Fatalf("answer to CONNECT: %d % x", p.kind, p.body)
	}
	return w
}

func (w *wire) login(l login) {
	w.t.Helper()
	var flags byte
	if !l.keep {
		flags |= 0x02
	}
	if l.will != "" {
		flags |= 0x04 | 0x20
	}
	if l.user != "" {
		flags |= 0xc0
	}
	body := append(str("MQTT"), w.version, flags, 0, 60)
	if w.version == 5 {
		if l.keep {
			body = append(body, 5, 0x11, 0, 0, 1, 0) // session expiry interval: 256 s
		} else {
			body = append(body, 0)
		}
	}
	body = append(body, str(l.id)...)
	if l.will != "" {
		if w.version == 5 {
			body = append(body, 0)
		}
		body = append(append(body, str(l.will)...), str("gone")...)
	}
	if l.user != "" {
		body = append(append(body, str(l.user)...), str(l.password)...)
	}
	w.send(connectByte, body)
}

func str(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

func (w *wire) send(first byte, body []byte) {
	w.t.Helper()
	if _, err := w.net.Write(append(fixedHeader(first, len(body)), body...)); err != nil {
		w.t.Fatalf("sending a packet: %v", err)
	}
}

func fixedHeader(first byte, size int) []byte {
	header := []byte{first}
	for {
		b := byte(size & 0x7f)
		if size >>= 7; size > 0 {
			header = append(header, b|0x80)
			continue
		}
		return append(header, b)
	}
}

func (w *wire) publish(flags, qos byte, topic string, id uint16, payload []byte) {
	w.t.Helper()
	w.send(publishByte|flags|qos<<1, w.publishBody(qos, topic, id, payload))
}

func (w *wire) publishBody(qos byte, topic string, id uint16, payload []byte) []byte {
	body := str(topic)
	if qos > 0 {
		body = binary.BigEndian.AppendUint16(body, id)
	}
	if w.version == 5 {
		body = append(body, 0)
	}
	return append(body, payload...)
}

func (w *wire) subscribe(filter string) (granted bool) {
	w.t.Helper()
	body := []byte{0, 99}
	if w.version == 5 {
		body = append(body, 0)
	}
	w.send(subscribe, append(append(body, str(filter)...), 1))
	p := w.read()
	if p.kind != suback {
		w.t.Fatalf("answer to SUBSCRIBE: %d", p.kind)
	}
	return p.body[len(p.body)-1] < 0x80
}

func (w *wire) ping() {
	w.t.Helper()
	w.send(pingreqByte, nil)
	if p := w.read(); p.kind != pingresp {
		w.t.Fatalf("answer to PINGREQ: %d", p.kind)
	}
}

// read returns the next packet; kind 0 says that the broker closed the connection.
func (w *wire) read() packet {
	w.t.Helper()
	p, err := w.readFor(patience)
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		w.t.Fatalf("no packet came in %s", patience)
	}
	return p
}

func (w *wire) readFor(d time.Duration) (packet, error) {
	_ = w.arrived.SetReadDeadline(time.Now().Add(d))
	first, err := w.in.ReadByte()
	if err != nil {
		return packet{}, err
	}
	size, err := binary.ReadUvarint(w.in)
	if err != nil {
		return packet{}, err
	}
	p := packet{kind: first >> 4, body: make([]byte, size)}
	_, err = io.ReadFull(w.in, p.body)
	return p, err
}

// expectAck reads an acknowledgement of a packet identifier and returns its reason code (0 in MQTT 3.1.1).
func (w *wire) expectAck(kind byte, id uint16) (reason byte) {
	w.t.Helper()
	p := w.read()
	if p.kind != kind || len(p.body) < 2 || binary.BigEndian.Uint16(p.body) != id {
		w.t.Fatalf("got packet %d % x, want %d for %d", p.kind, p.body, kind, id)
	}
	if len(p.body) > 2 {
		return p.body[2]
	}
	return 0
}

// expectClosed reads until the connection ends and returns the reason that an MQTT 5 broker gave; nothing else may come.
func (w *wire) expectClosed() (reason byte) {
	w.t.Helper()
	for {
		p := w.read()
		switch p.kind {
		case 0:
			return reason
		case disconnect:
			if w.version < 5 {
				w.t.Error("DISCONNECT was sent to an MQTT 3.1.1 client")
			}
			if len(p.body) > 0 {
				reason = p.body[0]
			}
		default:
			w.t.Fatalf("got packet %d % x, want the connection closed", p.kind, p.body)
		}
	}
}
