package outside_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/dial"
	"plumbline/internal/mqtt/outside"
	"plumbline/internal/testkit/rabbitmq"
)

// Debian's RabbitMQ speaks MQTT 3.1.1 only, and its answer to MQTT 5 is a closed connection. It takes long to start, and so
// everything is tried with one.
func TestRabbitMQ(t *testing.T) {
	t.Parallel()
	b := rabbitmq.ForTest(t, "mqtt.allow_anonymous = false\nmqtt.subscription_ttl = infinity\n")
	url := func(user string) string { return "mqtt://" + user + "@" + b.Address() }
	connect := func(t *testing.T, in *inbox) *hub {
		h := start(t, in, outside.Options{Broker: broker(t, url("guest"), dial.TLS{}), Password: "guest"})
		h.ready()
		return h
	}
	publish := func(t *testing.T, topic, payload string) {
		run(t, "mosquitto_pub", "-V", "311", "-p", b.Port(), "-u", "guest", "-P", "guest", "-q", "1", "-t", topic, "-m", payload)
	}

	t.Run("wrong password", func(t *testing.T) {
		h := start(t, newInbox(), outside.Options{Broker: broker(t, url("guest"), dial.TLS{}), Password: "wrong"})
		until(t, "the sentence", func() bool { return strings.Contains(h.log.String(), `does not accept user \"guest\"`) })
	})
	t.Run("what a doctor sees", func(t *testing.T) {
		f, err := outside.Probe(t.Context(), outside.Options{Broker: broker(t, url("guest"), dial.TLS{}), Password: "guest"}, "posture/doctor")
		if err != nil || f.Version != "3.1.1" || f.Subscribe != nil || f.Publish != nil {
			t.Errorf("found %+v, %v", f, err)
		}
	})
	in := newInbox() // one for all, as a hub's journal is
	t.Run("pictures while the hub is down", func(t *testing.T) {
		h := connect(t, in)
		if !strings.Contains(h.log.String(), "mqtt=3.1.1") {
			t.Errorf("not by 3.1.1:\n%s", h.log)
		}
		h.stop()
		for n := range 20 { // more than RabbitMQ sends without an acknowledgement
			publish(t, "images/pi1", fmt.Sprintf("picture %d", n))
		}
		connect(t, in)
		until(t, "all pictures", func() bool { return in.count() == 20 })
	})
	t.Run("a failed commit is sent again", func(t *testing.T) {
		in.setAnswer(fail(2, errors.New("the disk is full")))
		connect(t, in)
		publish(t, "images/pi1", "a picture that fails at first")
		until(t, "the picture", func() bool { return in.has("a picture that fails at first") })
	})
	t.Run("a lost acknowledgement", func(t *testing.T) {
		const payload = "committed, not acknowledged"
		var h *hub
		in.setAnswer(func(m mqtt.Message) error {
			if string(m.Payload) != payload || m.DUP {
				return nil
			}
			defer h.stopping()
			in.accept(m)
			return errors.New("the connection breaks before the acknowledgement")
		})
		h = connect(t, in)
		publish(t, "images/pi1", "another one first, so that the packet identifier is not the first")
		publish(t, "images/pi1", payload)
		until(t, "the picture", func() bool { return in.has(payload) })
		h.stop()
		in.setAnswer(nil)
		before := in.recognised()
		connect(t, in)
		until(t, "the second delivery", func() bool { return in.recognised() == before+1 })
	})
	t.Run("results", func(t *testing.T) {
		h := connect(t, in)
		if err := h.client.Publish("posture/pi1", []byte("result"), true, 1); err != nil {
			t.Fatal(err)
		}
		got := run(t, "mosquitto_sub", "-V", "311", "-p", b.Port(), "-u", "guest", "-P", "guest", "-t", "posture/pi1", "-C", "1", "-W", "10")
		if got != "result\n" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("killed and started again", func(t *testing.T) {
		h := connect(t, in)
		publish(t, "images/pi1", "just before the crash")
		if err := b.Kill(); err != nil {
			t.Fatal(err)
		}
		until(t, "the loss", func() bool { return h.client.Ready(t.Context()) != nil })
		if err := b.Start(); err != nil {
			t.Fatal(err)
		}
		h.ready()
		publish(t, "images/pi1", "after the crash")
		until(t, "the pictures", func() bool { return in.has("just before the crash") && in.has("after the crash") })
	})
	for _, m := range in.repeated() {
		t.Errorf("%q was captured twice", m.Payload)
	}
}
