package broker_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/broker"
)

func TestAcknowledgementFollowsAcceptance(t *testing.T) {
	for qos, ack := range map[byte]byte{1: puback, 2: pubrec} {
		t.Run(fmt.Sprintf("QoS %d", qos), func(t *testing.T) {
			eachClient(t, func(t *testing.T, c client) {
				in := newInbox()
				begun, accept := make(chan struct{}), make(chan struct{})
				in.setAnswer(func(mqtt.Message) error {
					close(begun)
					<-accept
					return nil
				})
				b := start(t, broker.Options{Handle: in.handle})
				w := connect(t, b, c, login{id: "pi"})
				w.publish(0, qos, "images/pi1", 7, []byte("x"))
				receive(t, begun, "the message to be handed over")
				if p, err := w.readFor(100 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("packet %d (%v) came before the message was accepted", p.kind, err)
				}
				close(accept)
				if reason := w.expectAck(ack, 7); reason != 0 {
					t.Errorf("reason %#x", reason)
				}
			})
		})
	}
}

func TestMessageThatIsNotAcceptedIsNotAcknowledged(t *testing.T) {
	for qos, ack := range map[byte]byte{1: puback, 2: pubrec} {
		t.Run(fmt.Sprintf("QoS %d", qos), func(t *testing.T) {
			eachClient(t, func(t *testing.T, c client) {
				in := newInbox()
				in.setAnswer(func(mqtt.Message) error { return errors.New("the disk is full") })
				b := start(t, broker.Options{Handle: in.handle})
				w := connect(t, b, c, login{id: "pi", keep: true})
				w.publish(0, qos, "images/pi1", 7, []byte("x"))
				if reason := w.expectClosed(); c.version == 5 && reason != 0x89 {
					t.Errorf("closed with reason %#x, want 0x89 (server busy)", reason)
				}
				in.setAnswer(nil)
				again := connect(t, b, c, login{id: "pi", keep: true})
				again.ping() // and no PUBREC, which a session that is taken up would repeat
				again.publish(dup, qos, "images/pi1", 7, []byte("x"))
				if reason := again.expectAck(ack, 7); reason != 0 {
					t.Errorf("reason %#x", reason)
				}
				if m := in.next(t); !m.DUP || m.PacketID != 7 || in.count() != 1 {
					t.Errorf("%d messages, got %+v", in.count(), m)
				}
			})
		})
	}
}

func TestQoS2(t *testing.T) {
	eachClient(t, func(t *testing.T, c client) {
		in := newInbox()
		b := start(t, broker.Options{Handle: in.handle})
		w := connect(t, b, c, login{id: "pi", keep: true})
		w.publish(0, 2, "images/pi1", 7, []byte("first"))
		w.expectAck(pubrec, 7)

		t.Log("the connection breaks before PUBREL; the client sends again, and it is for the handler to recognise it")
		again := connect(t, b, c, login{id: "pi", keep: true})
		again.expectAck(pubrec, 7) // of the session that is taken up
		again.publish(dup, 2, "images/pi1", 7, []byte("first"))
		if reason := again.expectAck(pubrec, 7); reason != 0 {
			t.Errorf("sending again was answered with reason %#x", reason)
		}
		again.send(pubrelByte, []byte{0, 7})
		again.expectAck(pubcomp, 7)

		t.Log("a client that lost its memory, but not its session, begins again at packet identifier 8 with a new picture")
		again.publish(0, 2, "images/pi1", 8, []byte("second"))
		again.expectAck(pubrec, 8)
		again.publish(0, 2, "images/pi1", 8, []byte("third"))
		again.expectAck(pubrec, 8)

		for _, want := range []struct {
			payload string
			dup     bool
		}{{"first", false}, {"first", true}, {"second", false}, {"third", false}} {
			if m := in.next(t); string(m.Payload) != want.payload || m.DUP != want.dup {
				t.Errorf("got %q, DUP %v; want %+v", m.Payload, m.DUP, want)
			}
		}
	})
}

// A client whose connection broke while its message was being handled sends it again on a new one. The second sending
// must find the outcome of the first.
func TestSecondSendingWaitsForTheFirst(t *testing.T) {
	in := newInbox()
	begun, accept := make(chan struct{}, 2), make(chan struct{})
	in.setAnswer(func(m mqtt.Message) error {
		begun <- struct{}{}
		if !m.DUP {
			<-accept
		}
		return nil
	})
	b := start(t, broker.Options{Handle: in.handle})
	connect(t, b, mqtt3, login{id: "pi"}).publish(0, 1, "images/pi1", 7, []byte("x"))
	receive(t, begun, "the first sending")
	again := connect(t, b, mqtt3, login{id: "other"})
	again.publish(dup, 1, "images/pi1", 7, []byte("x"))

	t.Log("another packet of the topic does not wait")
	third := connect(t, b, mqtt3, login{id: "third"})
	third.publish(dup, 1, "images/pi1", 8, []byte("y"))
	third.expectAck(puback, 8)
	receive(t, begun, "the other packet")
	if p, err := again.readFor(100 * time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) || len(begun) != 0 {
		t.Errorf("the second sending overlapped the first: packet %d, %v", p.kind, err)
	}
	close(accept)
	again.expectAck(puback, 7)
	var dups []bool
	for range 3 {
		dups = append(dups, in.next(t).DUP)
	}
	if dups[0] != true || dups[1] != false || dups[2] != true {
		t.Errorf("order of DUP flags: %v", dups)
	}
}

func TestCloseLetsWhatIsHandledBeAcknowledged(t *testing.T) {
	in := newInbox()
	begun, accept := make(chan struct{}), make(chan struct{})
	in.setAnswer(func(m mqtt.Message) error {
		if m.Topic == "images/pi1" {
			close(begun)
			<-accept
		}
		return nil
	})
	b := start(t, broker.Options{Handle: in.handle, CloseGrace: patience})
	w := connect(t, b, mqtt3, login{id: "pi"})
	idle := connect(t, b, mqtt3, login{id: "idle"})
	silent := dial(t, b, mqtt3) // has not said who it is
	w.publish(0, 1, "images/pi1", 7, []byte("x"))
	receive(t, begun, "the message to be handed over")
	closed := make(chan error)
	go func() { closed <- b.Close() }()
	idle.publish(0, 1, "images/pi2", 1, []byte("too late")) // may still be taken, or refused: then without acknowledgement
	close(accept)
	w.expectAck(puback, 7)
	if err := receive(t, closed, "the broker to close"); err != nil {
		t.Error(err)
	}
	w.expectClosed()
	silent.expectClosed()
}
