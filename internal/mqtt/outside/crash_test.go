package outside_test

import (
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/device"
	"plumbline/internal/testkit/mosquitto"
)

// A broker that is killed again and again, while devices publish and pictures wait: the hub comes back each time, takes what
// is sent again for what it is, and loses nothing. What a crashed Mosquitto has forgotten, or hands over anew as if it never
// had, is beyond a client: it is counted, not judged.
func TestBrokerKilledUnderLoad(t *testing.T) {
	b := mosquitto.ForTest(t, mosquitto.Options{Settings: []string{"autosave_on_changes true", "autosave_interval 1"}})
	in := newInbox()
	h := start(t, in, plain(t, b))
	h.ready()
	in.setAnswer(func(mqtt.Message) error { <-time.After(20 * time.Millisecond); return nil })
	const devices, pictures, crashes = 3, 150, 4
	var senders sync.WaitGroup
	for n := range devices {
		senders.Go(func() {
			_, err := device.Send(t.Context(), device.Options{
				URL: "mqtt://" + b.Address(), Device: fmt.Sprintf("pi%d", n), Form: device.Raw, Rate: 50, Patience: patience,
			}, numbered(n, pictures), nil)
			if err != nil {
				t.Errorf("device %d: %v", n, err)
			}
		})
	}
	for range crashes {
		before := in.count()
		until(t, "some pictures", func() bool { return in.count() > before+20 })
		if err := b.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := b.Start(); err != nil {
			t.Fatal(err)
		}
	}
	senders.Wait()
	last := fmt.Sprint("after the crashes ", time.Now())
	h.ready()
	publish(t, b, "images/pi1", last)
	until(t, "the last picture", func() bool { return in.has(last) })
	anew := 0
	for _, m := range in.repeated() {
		if anew++; m.DUP {
			t.Errorf("%q is there twice, though it was said to come again", m.Payload)
		}
	}
	if in.count()-1-anew < devices*pictures*9/10 {
		t.Errorf("%d pictures of %d arrived", in.count()-1-anew, devices*pictures)
	}
	t.Logf("%d of %d pictures arrived, %d were recognised when they came again, %d came anew", in.count()-1, devices*pictures, in.recognised(), anew)
}

func numbered(device_, pictures int) iter.Seq2[device.Picture, error] {
	return func(yield func(device.Picture, error) bool) {
		for n := range pictures {
			if !yield(device.Picture{Bytes: fmt.Appendf(nil, "picture %d of device %d", n, device_)}, nil) {
				return
			}
		}
	}
}
