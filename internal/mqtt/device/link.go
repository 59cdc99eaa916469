package device

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/eclipse/paho.golang/packets"

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
	maxPacket int64 // as the broker says; 0 when it does not
	window    int   // as the broker says

	answers chan answer   // acknowledgements; it holds more than can be on the way, so that reading never waits for writing
	lost    chan struct{} // closed when no more come
	cause   error         // why; set before lost is closed
	wrote   time.Time
}

// answer is an acknowledgement.
type answer struct {
	id     uint16
	code   byte
	reason string
}

// open dials and logs in.
func open(ctx context.Context, o Options) (*link, error) {
	conn, err := o.dialer.Dial(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	l := &link{conn: conn, answers: make(chan answer, 2*mostOnWay), lost: make(chan struct{})}
	if err := l.login(o); err != nil {
		_ = conn.Close()
		return nil, err
	}
	go l.read()
	return l, nil
}

func (l *link) login(o Options) error {
	_ = l.conn.SetDeadline(time.Now().Add(loginTimeout))
	connect := &packets.Connect{
		ProtocolName: "MQTT", ProtocolVersion: 5, Properties: &packets.Properties{}, CleanStart: true, ClientID: clientID(),
		KeepAlive: uint16(keepAlive / time.Second), UsernameFlag: o.Username != "", Username: o.Username,
		PasswordFlag: o.Password != "", Password: []byte(o.Password),
	}
	if _, err := connect.WriteTo(l.conn); err != nil {
		return fmt.Errorf("logging in to the MQTT broker: %w", err)
	}
	packet, err := packets.ReadPacket(l.conn)
	if err != nil {
		return fmt.Errorf("logging in to the MQTT broker: no answer: %w", dial.Explain(err))
	}
	connack, ok := packet.Content.(*packets.Connack)
	if !ok {
		return final("the MQTT broker answered CONNECT with another packet (type %d)", packet.Type)
	}
	_ = l.conn.SetDeadline(time.Time{})
	return l.welcomed(o, connack)
}

// Reason codes of CONNACK (MQTT 5, 3.2.2.2) after which trying again may help.
var passing = map[byte]bool{0x88: true, 0x89: true, 0x97: true, 0x9f: true}

func (l *link) welcomed(o Options, c *packets.Connack) error {
	switch {
	case c.ReasonCode == 0x86 || c.ReasonCode == 0x87 || c.ReasonCode == 5:
		if o.Username == "" {
			return final("the MQTT broker wants an account: give a user name and a password")
		}
		return final("the MQTT broker does not accept user %q with this password", o.Username)
	case c.ReasonCode == 0x84 || c.ReasonCode == 1:
		return final("the MQTT broker does not speak MQTT 5")
	case passing[c.ReasonCode]:
		return fmt.Errorf("the MQTT broker refused the connection for now: %s", c.Reason())
	case c.ReasonCode != 0:
		return final("the MQTT broker refused the connection: reason %#x %s", c.ReasonCode, c.Reason())
	}
	l.window = 65535
	if p := c.Properties; p != nil {
		if p.MaximumPacketSize != nil {
			l.maxPacket = int64(*p.MaximumPacketSize)
		}
		if p.ReceiveMaximum != nil {
			l.window = int(*p.ReceiveMaximum)
		}
	}
	return nil
}

// read passes acknowledgements on until the connection ends.
func (l *link) read() {
	defer close(l.lost)
	in := bufio.NewReader(l.conn)
	for {
		_ = l.conn.SetReadDeadline(time.Now().Add(silence))
		packet, err := packets.ReadPacket(in)
		if err != nil {
			l.cause = fmt.Errorf("the connection to the MQTT broker broke: %w", err)
			return
		}
		switch p := packet.Content.(type) {
		case *packets.Puback:
			l.answers <- answer{id: p.PacketID, code: p.ReasonCode, reason: p.Reason()}
		case *packets.Disconnect:
			l.cause = disconnected(p)
			return
		}
	}
}

func disconnected(p *packets.Disconnect) error {
	if p.ReasonCode == packets.DisconnectPacketTooLarge {
		return final("a picture is larger than the MQTT broker takes")
	}
	return fmt.Errorf("the MQTT broker closed the connection: reason %#x %s", p.ReasonCode, p.Reason())
}

func (l *link) publish(topic string, o *outgoing) error {
	again := o.sent
	o.sent = true
	return l.write(&packets.Publish{Topic: topic, PacketID: o.id, QoS: 1, Duplicate: again, Properties: &packets.Properties{}, Payload: o.payload})
}

func (l *link) ping() error { return l.write(&packets.Pingreq{}) }

// write sends one packet. Only Send's goroutine writes.
func (l *link) write(p io.WriterTo) error {
	_ = l.conn.SetWriteDeadline(time.Now().Add(silence))
	l.wrote = time.Now()
	if _, err := p.WriteTo(l.conn); err != nil {
		return fmt.Errorf("sending to the MQTT broker: %w", err)
	}
	return nil
}

// close says goodbye.
func (l *link) close() {
	_ = l.write(&packets.Disconnect{Properties: &packets.Properties{}})
	_ = l.conn.Close()
}
