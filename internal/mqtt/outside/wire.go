package outside

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// wire is one version of the protocol.
type wire interface {
	version() string
	connect(w io.Writer, l login) error
	subscribe(w io.Writer, id uint16, filter string) error
	publish(w io.Writer, id uint16, r result) error
	acknowledge(w io.Writer, id uint16) error
	ping(w io.Writer) error
	disconnect(w io.Writer, forget bool) error
	read(r io.Reader) (event, error)
}

// login is what CONNECT says.
type login struct {
	clientID, user, password string
	clean                    bool  // without a session
	maxPacket                int64 // bytes; MQTT 5 only
	receiveMaximum           int   // MQTT 5 only
}

// What a broker sends.
type (
	event any

	// welcome is CONNACK. Reason codes are those of MQTT 5, into which those of 3.1.1 are put.
	welcome struct {
		code  byte
		words string
		Welcome
	}
	delivery struct {
		topic       string
		id          uint16
		qos         byte
		dup, retain bool
		payload     []byte
	}
	published  struct{ answer } // PUBACK
	subscribed struct{ answer } // SUBACK
	farewell   struct {         // DISCONNECT
		code  byte
		words string
	}
	otherEvent struct{} // a ping's answer
)

type answer struct {
	id    uint16
	code  byte
	words string
}

// Welcome is what a broker says of itself when a client connects. Over 3.1.1 only SessionPresent is told.
type Welcome struct {
	SessionPresent  bool
	SessionExpiry   uint32 // seconds
	ReceiveMaximum  int    // of messages to the broker
	MaxPacket       int64  // bytes, of packets to the broker; 0 when unlimited
	MaxQoS          byte
	RetainAvailable bool
	Wildcards       bool
	KeepAlive       int // seconds; 0 when the client's stands
}

// Packet types (MQTT 5, 2.1.2).
const (
	typeConnack = 2
	typePublish = 3
)

// header is a fixed header: the first byte and the number of bytes that follow the length.
type header struct {
	first  byte
	length int64
	size   int // of the header itself
}

func (h header) kind() byte { return h.first >> 4 }

// peekHeader looks at the next packet's fixed header without taking it.
func peekHeader(in *bufio.Reader) (header, error) {
	h := header{}
	for n := 2; n <= 5; n++ {
		b, err := in.Peek(n)
		if err != nil {
			return h, err
		}
		h.first, h.size = b[0], n
		last := b[n-1]
		h.length |= int64(last&0x7f) << (7 * (n - 2))
		if last < 0x80 {
			return h, nil
		}
	}
	return h, errors.New("the MQTT broker sent a packet with a malformed length")
}

// readEvent reads one packet.
func readEvent(in *bufio.Reader, w wire, h header, maxPacket int64) (event, error) {
	if h.kind() == typePublish && h.length > maxPacket {
		return readCut(in, w, h, maxPacket)
	}
	if h.kind() != typePublish && h.length > 1<<16 {
		return nil, fmt.Errorf("the MQTT broker sent a packet of type %d with %d bytes", h.kind(), h.length)
	}
	return w.read(in)
}

// readCut reads the first bytes of a message that is larger than may be, and leaves out the rest. A broker that speaks 5
// never sends one; of the others, to whom no limit can be told, it comes again and again unless it is acknowledged.
func readCut(in *bufio.Reader, w wire, h header, maxPacket int64) (event, error) {
	if _, err := in.Discard(h.size); err != nil {
		return nil, err
	}
	e, err := w.read(io.MultiReader(bytes.NewReader(shortened(h.first, maxPacket)), io.LimitReader(in, maxPacket)))
	if err != nil {
		return nil, err
	}
	_, err = io.CopyN(io.Discard, in, h.length-maxPacket)
	return e, err
}

// shortened is a fixed header with another length.
func shortened(first byte, length int64) []byte {
	b := []byte{first}
	for {
		digit := byte(length & 0x7f)
		if length >>= 7; length == 0 {
			return append(b, digit)
		}
		b = append(b, digit|0x80)
	}
}
