package broker

import (
	"context"
	"net"
	"testing"

	"plumbline/internal/mqtt"
)

// A picture with the retain flag stays out of the broker's memory. Nobody could read it there, so only its absence tells.
func TestPicturesLeaveNothingBehind(t *testing.T) {
	b, err := Start(Options{Listen: "127.0.0.1:0", Handle: func(context.Context, mqtt.Message) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	c, err := net.Dial("tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	hello := "\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04test"
	picture := "\x33\x0d\x00\x08images/p\x00\x01x" // QoS 1, retained
	if _, err := c.Write([]byte(hello + picture)); err != nil {
		t.Fatal(err)
	}
	answers := make([]byte, 8) // CONNACK and PUBACK
	for n := 0; n < len(answers); {
		got, err := c.Read(answers[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += got
	}
	for topic := range b.server.Topics.Retained.GetAll() {
		if topic == "images/p" {
			t.Error("the picture is retained")
		}
	}
}

// mochi drops retained messages, results too, after MaximumMessageExpiryInterval, by its own clock.
func TestRetainedResultsDoNotExpire(t *testing.T) {
	o, err := Options{Handle: func(context.Context, mqtt.Message) error { return nil }}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	if got := serverOptions(o).Capabilities.MaximumMessageExpiryInterval; got != 0 {
		t.Errorf("results are forgotten after %d seconds", got)
	}
}
