package outside_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"

	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/dial"
	"plumbline/internal/mqtt/outside"
	"plumbline/internal/testkit/mosquitto"
)

// script is a broker that does what a test says, to see what goes over the wire.
type script struct {
	t        *testing.T
	listener net.Listener
	conn     net.Conn
	connect  *packets.Connect
}

func newScript(t *testing.T) *script {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &script{t: t, listener: l}
}

// welcome takes a client in, up to its subscription.
func (s *script) welcome() {
	s.t.Helper()
	var err error
	if s.conn, err = s.listener.Accept(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.conn.Close() })
	s.connect = s.read().(*packets.Connect)
	s.write(&packets.Connack{Properties: &packets.Properties{}})
	subscribe := s.read().(*packets.Subscribe)
	s.write(&packets.Suback{PacketID: subscribe.PacketID, Reasons: []byte{1}, Properties: &packets.Properties{}})
}

func (s *script) read() any {
	s.t.Helper()
	if err := s.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	p, err := packets.ReadPacket(s.conn)
	if err != nil {
		s.t.Fatal(err)
	}
	return p.Content
}

func (s *script) write(p io.WriterTo) {
	s.t.Helper()
	if _, err := p.WriteTo(s.conn); err != nil {
		s.t.Fatal(err)
	}
}

// publish sends messages with these identifiers, which are their payloads, too.
func (s *script) publish(ids ...uint16) {
	s.t.Helper()
	for _, id := range ids {
		s.write(&packets.Publish{Topic: "images/pi1", QoS: 1, PacketID: id, Payload: []byte{byte(id)}, Properties: &packets.Properties{}})
	}
}

// acknowledged reads identifiers until the connection ends or n have come.
func (s *script) acknowledged(n int) (ids []uint16) {
	s.t.Helper()
	for len(ids) < n {
		if err := s.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			s.t.Fatal(err)
		}
		p, err := packets.ReadPacket(s.conn)
		if err != nil {
			return ids
		}
		if a, ok := p.Content.(*packets.Puback); ok {
			ids = append(ids, a.PacketID)
		}
	}
	return ids
}

// finishers let a test say when, and how, the handling of each message ends.
func finishers(in *inbox, n int) []chan error {
	ends := make([]chan error, n+1)
	for i := range ends {
		ends[i] = make(chan error, 1)
	}
	in.setAnswer(func(m mqtt.Message) error { return <-ends[m.Payload[0]] })
	return ends
}

func TestAcknowledgementsAreInTheOrderOfMessages(t *testing.T) {
	s, in := newScript(t), newInbox()
	ends := finishers(in, 4)
	start(t, in, outside.Options{Broker: broker(t, "mqtt://"+s.listener.Addr().String(), dial.TLS{}), MaxPacketBytes: 5000, InFlight: 9})
	s.welcome()
	p := s.connect.Properties
	if s.connect.CleanStart || s.connect.ClientID != "hub-of-the-test" || *p.SessionExpiryInterval < 3600 || *p.ReceiveMaximum != 9 || *p.MaximumPacketSize != 5000 {
		t.Errorf("CONNECT says %s", s.connect)
	}
	s.publish(1, 2, 3, 4)
	for _, id := range []int{4, 2, 3} { // side by side, and done in another order than they came
		ends[id] <- nil
		until(t, "a message", func() bool { return slices.Contains(in.payloads(), string(rune(id))) })
	}
	ends[1] <- nil
	if got := s.acknowledged(4); !slices.Equal(got, []uint16{1, 2, 3, 4}) {
		t.Errorf("acknowledged %v", got)
	}
}

func TestNothingIsAcknowledgedAfterAFailure(t *testing.T) {
	s, in := newScript(t), newInbox()
	ends := finishers(in, 3)
	start(t, in, outside.Options{Broker: broker(t, "mqtt://"+s.listener.Addr().String(), dial.TLS{})})
	s.welcome()
	s.publish(1, 2, 3)
	ends[3] <- nil
	ends[2] <- errors.New("the disk is full")
	ends[1] <- nil
	if got := s.acknowledged(3); !slices.Equal(got, []uint16{1}) {
		t.Errorf("acknowledged %v", got)
	}
	s.welcome() // it comes again
}

// A hub that ends does not wait for ever for a commit, and does not acknowledge what it did not finish.
func TestEndDoesNotWaitForEver(t *testing.T) {
	s, in := newScript(t), newInbox()
	begun, stuck := make(chan struct{}), make(chan struct{})
	in.setAnswer(func(mqtt.Message) error { close(begun); <-stuck; return context.Canceled })
	h := start(t, in, outside.Options{Broker: broker(t, "mqtt://"+s.listener.Addr().String(), dial.TLS{})})
	s.welcome()
	s.publish(1)
	<-begun
	time.AfterFunc(1500*time.Millisecond, func() { close(stuck) }) // past the grace of a second
	h.stop()
	if got := s.acknowledged(1); len(got) != 0 {
		t.Errorf("acknowledged %v", got)
	}
}

// By 3.1.1 no broker knows how large a message may be: what is larger is handled, cut, so that it can be refused and
// acknowledged instead of coming again for ever.
func TestTooLargeMessageBy311IsCut(t *testing.T) {
	b := mosquitto.ForTest(t, mosquitto.Options{})
	in := newInbox()
	o := plain(t, b)
	o.MaxPacketBytes, o.Version = 1000, "3.1.1"
	h := start(t, in, o)
	h.ready()
	publish(t, b, "images/pi1", strings.Repeat("x", 100_000))
	publish(t, b, "images/pi1", "picture")
	until(t, "both", func() bool { return in.count() == 2 })
	if got := in.payloads(); len(got[0]) > 1000 || len(got[0]) < 900 || got[1] != "picture" {
		t.Errorf("%d bytes and %q came", len(got[0]), got[1])
	}
}
