package ingest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/ingest"
	"plumbline/internal/posture"
)

var received = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// books keep what was accepted and refused.
type books struct {
	captures []posture.Capture
	refusals []ingest.Refusal
	messages []mqtt.Message
	err      error
}

func (b *books) options() ingest.Options {
	return ingest.Options{
		MaxPicture: limit,
		Accept: func(_ context.Context, m mqtt.Message, c posture.Capture) error {
			b.captures, b.messages = append(b.captures, c), append(b.messages, m)
			return b.err
		},
		Refuse: func(_ context.Context, m mqtt.Message, r ingest.Refusal) error {
			b.refusals, b.messages = append(b.refusals, r), append(b.messages, m)
			return b.err
		},
	}
}

func handle(t *testing.T, o ingest.Options, m mqtt.Message) error {
	t.Helper()
	i, err := ingest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return i.Handle(t.Context(), m)
}

func message(topic, payload string) mqtt.Message {
	return mqtt.Message{Client: "c", Topic: topic, PacketID: 7, QoS: 1, ReceivedAt: received, Payload: []byte(payload)}
}

func TestCapture(t *testing.T) {
	for name, c := range map[string]struct {
		message mqtt.Message
		want    posture.Capture
	}{
		"base64": {message("images/pi1", std(jpeg)), posture.Capture{Device: "pi1", Topic: "images/pi1", ReceivedAt: received, Picture: jpeg}},
		"a name with a blank": {message("images/front door", string(png)),
			posture.Capture{Device: "front door", Topic: "images/front door", ReceivedAt: received, Picture: png}},
		"JSON": {message("images/Küche", `{"image":"`+std(webp)+`","filename":"a/b.webp","taken_at":1772366399}`),
			posture.Capture{Device: "Küche", Topic: "images/Küche", Source: "a/b.webp", ReceivedAt: received, TakenAt: received.Add(-time.Second), Picture: webp}},
	} {
		t.Run(name, func(t *testing.T) {
			b := &books{}
			if err := handle(t, b.options(), c.message); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]posture.Capture{c.want}, b.captures); diff != "" || len(b.refusals) > 0 {
				t.Errorf("refusals %v; %s", b.refusals, diff)
			}
			if diff := cmp.Diff([]mqtt.Message{c.message}, b.messages); diff != "" {
				t.Errorf("the message was not handed on as it was: %s", diff)
			}
		})
	}
}

func TestRefusal(t *testing.T) {
	inspect := func(p []byte) error {
		if bytes.Contains(p, []byte("bomb")) {
			return errors.New("the picture has 4,000,000,000 pixels")
		}
		return nil
	}
	for name, c := range map[string]struct {
		topic, payload, device, reason string
	}{
		"no picture":         {"images/pi1", "hello", "pi1", "hello"},
		"not to be decoded":  {"images/pi1", string(jpeg) + "bomb", "pi1", "pixels"},
		"no device's topic":  {"images/hall/pi1", string(jpeg), "", "images/<device>"},
		"a device with dots": {"images/..", string(jpeg), "", "begins with a dot"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &books{}
			o := b.options()
			o.Inspect = inspect
			if err := handle(t, o, message(c.topic, c.payload)); err != nil {
				t.Fatalf("it would not be acknowledged: %v", err)
			}
			if len(b.captures) != 0 || len(b.refusals) != 1 {
				t.Fatalf("%d captures, %d refusals", len(b.captures), len(b.refusals))
			}
			r := b.refusals[0]
			if !strings.Contains(r.Reason, c.reason) {
				t.Errorf("the reason %q does not say %q", r.Reason, c.reason)
			}
			r.Reason = ""
			want := ingest.Refusal{
				Device: c.device, Topic: c.topic, At: received, Size: len(c.payload), SHA256: sha256.Sum256([]byte(c.payload)), Payload: []byte(c.payload),
			}
			if diff := cmp.Diff(want, r); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRefusalKeepsTheBeginning(t *testing.T) {
	b := &books{}
	payload := string(jpeg) + strings.Repeat("x", 3*limit)
	if err := handle(t, b.options(), message("images/pi1", payload)); err != nil {
		t.Fatal(err)
	}
	r := b.refusals[0]
	if len(r.Payload) != ingest.KeptBytes || r.Size != len(payload) || r.SHA256 != sha256.Sum256([]byte(payload)) {
		t.Errorf("kept %d of %d bytes", len(r.Payload), r.Size)
	}
}

func TestWhatIsNotCommittedIsAnError(t *testing.T) {
	for name, payload := range map[string]string{"accepting": string(jpeg), "refusing": "hello"} {
		t.Run(name, func(t *testing.T) {
			b := &books{err: errors.New("the disk is full")}
			if err := handle(t, b.options(), message("images/pi1", payload)); !errors.Is(err, b.err) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSendersClock(t *testing.T) {
	for name, c := range map[string]struct {
		takenAt string
		kept    bool
	}{
		"now":                    {`"2026-03-01T12:00:00Z"`, true},
		"a wrong zone":           {`"2026-03-02T02:00:00Z"`, true},
		"years ago":              {`"2001-01-01T00:00:00Z"`, true},
		"a clock that never ran": {`12.5`, false},
		"the day after tomorrow": {`"2026-03-03T12:00:00Z"`, false},
		"no time":                {`"soon"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := &books{}
			if err := handle(t, b.options(), message("images/pi1", `{"image":"`+std(jpeg)+`","taken_at":`+c.takenAt+`}`)); err != nil {
				t.Fatal(err)
			}
			if len(b.captures) != 1 || b.captures[0].TakenAt.IsZero() == c.kept {
				t.Errorf("captures %+v", b.captures)
			}
		})
	}
}

func TestMaxPacketHoldsFourTimesThePicture(t *testing.T) {
	for _, picture := range []int64{1 << 10, 1 << 20, 8 << 20} {
		raw := make([]byte, 4*picture)
		if text := wrapped(std(raw), 76, "\r\n"); int64(len(text))+1000 > ingest.MaxPacketBytes(picture) {
			t.Errorf("limit %d: base64 in lines has %d bytes, a packet at most %d", picture, len(text), ingest.MaxPacketBytes(picture))
		}
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := ingest.New(ingest.Options{}); err == nil {
		t.Error("an ingest that commits nothing was made")
	}
}
