package broker_test

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/broker"
	"plumbline/internal/testkit/pki"
)

func TestPacketTooLarge(t *testing.T) {
	eachClient(t, func(t *testing.T, c client) {
		in, log := newInbox(), &logBuffer{}
		b := start(t, broker.Options{Handle: in.handle, MaxPacketBytes: 100_000, Logger: slog.New(slog.NewTextHandler(log, nil))})
		w := connect(t, b, c, login{id: "pi"})
		body := w.publishBody(1, "images/pi1", 7, make([]byte, 100_001))
		_, _ = w.net.Write(append(fixedHeader(publishByte|1<<1, len(body)), body...)) // may be cut off half-way
		if reason := w.expectClosed(); c.version == 5 && reason != 0x95 {
			t.Errorf("closed with reason %#x, want 0x95 (packet too large)", reason)
		}
		for _, want := range []string{"too large", "topic=images/pi1", "client=pi", "limit=100000"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log does not say %q:\n%s", want, log)
			}
		}
		t.Log("the largest packet that fits is read")
		again := connect(t, b, c, login{id: "pi"})
		body = again.publishBody(1, "images/pi1", 8, nil)
		again.publish(0, 1, "images/pi1", 8, make([]byte, 100_000-len(body)))
		again.expectAck(puback, 8)
		if in.count() != 1 {
			t.Errorf("%d messages were handed over", in.count())
		}
	})
}

// What has not logged in yet may not make the broker allocate what it likes.
func TestLargePacketBeforeLogin(t *testing.T) {
	b := start(t, broker.Options{Handle: newInbox().handle})
	for name, first := range map[string]byte{"CONNECT": connectByte, "PUBLISH": publishByte} {
		t.Run(name, func(t *testing.T) {
			w := dial(t, b, mqtt3)
			if _, err := w.net.Write(fixedHeader(first, 1<<20)); err != nil {
				t.Fatal(err)
			}
			w.expectClosed()
		})
	}
}

func TestMQTT5ClientIsToldThePacketLimit(t *testing.T) {
	b := start(t, broker.Options{Handle: newInbox().handle, MaxPacketBytes: 123_456})
	w := dial(t, b, mqtt5)
	w.login(login{id: "pi"})
	const maximumPacketSize = 0x27
	want := binary.BigEndian.AppendUint32([]byte{maximumPacketSize}, 123_456)
	if p := w.read(); !bytes.Contains(p.body, want) {
		t.Errorf("CONNACK % x does not hold % x", p.body, want)
	}
}

// Two large packets do not fit the budget together: the second is read once the first is done. Small packets never wait.
func TestBudget(t *testing.T) {
	in := newInbox()
	begun, accept := make(chan struct{}, 2), make(chan struct{})
	in.setAnswer(func(mqtt.Message) error {
		begun <- struct{}{}
		<-accept
		return nil
	})
	b := start(t, broker.Options{Handle: in.handle, MaxPacketBytes: 200_000, MaxBufferedBytes: 200_000})
	first, second, third := connect(t, b, mqtt3, login{id: "1"}), connect(t, b, mqtt3, login{id: "2"}), connect(t, b, mqtt3, login{id: "3"})
	large := make([]byte, 150_000)
	first.publish(0, 1, "images/1", 1, large)
	receive(t, begun, "the first packet")
	second.publish(0, 1, "images/2", 1, large)
	third.ping()
	third.ping()
	if len(begun) != 0 {
		t.Error("the second packet was read beside the first")
	}
	close(accept)
	first.expectAck(puback, 1)
	second.expectAck(puback, 1)
}

func TestTooManyClients(t *testing.T) {
	registry := prometheus.NewRegistry()
	b := start(t, broker.Options{Handle: newInbox().handle, MaxClients: 1, Registerer: registry})
	connect(t, b, mqtt3, login{id: "1"}).ping()
	w := dial(t, b, mqtt3)
	w.login(login{id: "2"})
	if p := w.read(); p.kind != connack || p.body[1] != 3 {
		t.Errorf("got packet %d % x, want CONNACK 3 (server unavailable)", p.kind, p.body)
	}
	if got, err := testutil.GatherAndCount(registry, "plumbline_mqtt_connections"); err != nil || got != 1 {
		t.Errorf("%d connection metrics, %v", got, err)
	}
}

// A subscriber that reads nothing does not hold up the end.
func TestCloseDoesNotWaitForWhoDoesNotRead(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"mqtt", "wss"} {
		t.Run(scheme, func(t *testing.T) {
			b := start(t, broker.Options{Handle: newInbox().handle, CloseGrace: 100 * time.Millisecond})
			c := b.open(t, scheme, pki.Certificate{})
			hello := append(str("MQTT"), 5, 2, 0, 60, 0, 0, 0)
			filter := append([]byte{0, 1, 0}, append(str("posture/#"), 0)...)
			_, _ = c.Write(append(fixedHeader(connectByte, len(hello)), hello...))
			_, _ = c.Write(append(fixedHeader(subscribe, len(filter)), filter...))
			result := make([]byte, 1<<20)
			for range 60 {
				if err := b.Publish("posture/pi1", result, true, 0); err != nil {
					t.Fatal(err)
				}
			}
			begun := time.Now()
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("closing took %s", took)
			}
		})
	}
}

func TestMalformedPackets(t *testing.T) {
	b := start(t, broker.Options{Handle: newInbox().handle})
	for name, raw := range map[string][]byte{
		"length of five bytes":  {connectByte, 0xff, 0xff, 0xff, 0xff, 0x01},
		"not MQTT":              []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"CONNECT without body":  {connectByte, 0},
		"cut off in the header": {connectByte},
	} {
		t.Run(name, func(t *testing.T) {
			w := dial(t, b, mqtt3)
			if _, err := w.net.Write(raw); err != nil {
				t.Fatal(err)
			}
			if half, ok := w.net.(interface{ CloseWrite() error }); ok {
				_ = half.CloseWrite()
			}
			w.expectClosed()
		})
	}
	connect(t, b, mqtt3, login{id: "pi"}).ping()
}
