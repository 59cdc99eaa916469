package outside_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/mqtt"
	"plumbline/internal/testkit/mosquitto"
)

func TestPicturesPublishedWhileTheHubIsDownArriveAfterwards(t *testing.T) {
	b := mosquitto.ForTest(t, mosquitto.Options{})
	in := newInbox()
	h := start(t, in, plain(t, b))
	h.ready()
	h.stop()
	var want []string
	for n := range 50 {
		want = append(want, fmt.Sprintf("picture %d", n))
	}
	// One publisher, so that their order says something; more than are in flight at a time.
	runWithInput(t, strings.Join(want, "\n"), "mosquitto_pub", "-p", b.Port(), "-q", "1", "-t", "images/pi1", "-l")
	if err := errors.Join(b.Stop(), b.Start()); err != nil { // the broker keeps them on disk, too
		t.Fatal(err)
	}
	h = start(t, in, plain(t, b))
	until(t, "all pictures", func() bool { return in.count() == len(want) })
	got := in.payloads()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(h.log.String(), "session_present=true") {
		t.Errorf("the log does not tell of the session:\n%s", h.log)
	}
}

// A picture that could not be committed is not acknowledged, and is one capture when it can be.
func TestFailedCommitIsSentAgain(t *testing.T) {
	b := mosquitto.ForTest(t, mosquitto.Options{})
	in := newInbox()
	in.setAnswer(fail(3, errors.New("the disk is full")))
	h := start(t, in, plain(t, b))
	h.ready()
	for n := range 10 {
		publish(t, b, fmt.Sprintf("images/pi%d", n), "picture")
	}
	until(t, "all pictures", func() bool { return in.count() == 10 })
	h.ready()
	publish(t, b, "images/last", "picture")
	until(t, "the last picture", func() bool { return in.count() == 11 })
	if n := h.log.count("the disk is full"); n < 1 || n > 3 {
		t.Errorf("the failure is logged %d times:\n%s", n, h.log)
	}
	h.stop()
	if in.count() != 11 {
		t.Errorf("%d captures of 11 pictures", in.count())
	}
}

// What was committed while its acknowledgement never left is recognised when it comes again.
func TestLostAcknowledgementMakesNoSecondCapture(t *testing.T) {
	b := mosquitto.ForTest(t, mosquitto.Options{})
	in := newInbox()
	first := make(chan struct{})
	in.setAnswer(func(m mqtt.Message) error {
		select {
		case <-first:
		default:
			close(first)
			if err := b.Stop(); err != nil { // the connection breaks while the picture is being committed
				t.Error(err)
			}
		}
		return nil
	})
	h := start(t, in, plain(t, b))
	h.ready()
	publish(t, b, "images/pi1", "picture")
	until(t, "the picture", func() bool { return in.count() == 1 })
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the second delivery", func() bool { return in.recognised() == 1 })
	if in.count() != 1 {
		t.Errorf("%d captures of one picture", in.count())
	}
}

func TestResultsAreToldAgainAfterTheBrokerForgotThem(t *testing.T) {
	b := mosquitto.ForTest(t, mosquitto.Options{Settings: []string{"persistence false"}})
	h := start(t, newInbox(), plain(t, b))
	tell := func(topic, payload string, retain bool) {
		if err := h.client.Publish(topic, []byte(payload), retain, 1); err != nil {
			t.Fatal(err)
		}
	}
	tell("posture/early", "told before there was a connection", true)
	h.ready()
	for n := range 300 { // more than may be on their way at a time
		tell("posture/pi1", fmt.Sprintf("result %d", n), true)
	}
	want := "posture/early told before there was a connection\nposture/pi1 result 299\n"
	retained := func() string {
		return run(t, "mosquitto_sub", "-p", b.Port(), "-t", "posture/#", "-F", "%t %p", "-C", "2", "-W", "5")
	}
	until(t, "the last result", func() bool { return retained() == want })
	if err := errors.Join(b.Stop(), b.Start()); err != nil {
		t.Fatal(err)
	}
	until(t, "the results again", func() bool { return retained() == want })
	if n := h.log.count("the connection to the MQTT broker ended"); n != 1 {
		t.Errorf("the end of the connection is logged %d times:\n%s", n, h.log)
	}
}

// A retained picture is told to be one, also when the hub subscribes for the first time; later connections are spared it.
func TestRetainedPicture(t *testing.T) {
	b := mosquitto.ForTest(t, mosquitto.Options{})
	publish(t, b, "images/pi1", "picture", "-r")
	in := newInbox()
	h := start(t, in, plain(t, b))
	until(t, "the picture", func() bool { return in.count() == 1 })
	if m := in.messages[0]; !m.Retain || m.DUP {
		t.Errorf("got %+v", m)
	}
	h.stop()
	h = start(t, in, plain(t, b))
	h.ready()
	publish(t, b, "images/pi2", "picture")
	until(t, "the other picture", func() bool { return in.count() == 2 })
	if in.recognised() != 0 {
		t.Error("the retained picture was sent again")
	}
}

func TestSecondHubWithOneIdentifierIsSaid(t *testing.T) {
	b := mosquitto.ForTest(t, mosquitto.Options{})
	h := start(t, newInbox(), plain(t, b))
	h.ready()
	start(t, newInbox(), plain(t, b))
	until(t, "the sentence", func() bool {
		return strings.Contains(h.log.String(), "does a second hub use the same client identifier?")
	})
}

func TestTooLargeMessageNeverComesAndOthersDo(t *testing.T) {
	b := mosquitto.ForTest(t, mosquitto.Options{})
	in := newInbox()
	o := plain(t, b)
	o.MaxPacketBytes = 1000
	h := start(t, in, o)
	h.ready()
	publish(t, b, "images/pi1", strings.Repeat("x", 2000))
	publish(t, b, "images/pi1", "picture")
	until(t, "the picture", func() bool { return in.count() == 1 })
	if got := in.payloads()[0]; got != "picture" {
		t.Errorf("%d bytes came", len(got))
	}
}
