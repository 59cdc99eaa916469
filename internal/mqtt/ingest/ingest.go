package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/mqtt"
	"plumbline/internal/posture"
)

// Limits on what is read.
const (
	DefaultMaxPicture = 8 << 20
	// KeptBytes is how much of a refused payload is kept for people to look at.
	KeptBytes = 64 << 10
	// readFactor is how many times the picture limit is read and refused with a reason, rather than answered by closing
	// the connection: an MQTT 3.1.1 sender would send the same again for ever.
	readFactor = 4
)

// MaxPacketBytes is the largest MQTT packet worth reading for a picture limit: base64 makes four bytes of three, line
// breaks and a JSON object add a little.
func MaxPacketBytes(maxPicture int64) int64 {
	return readFactor*maxPicture/3*4 + readFactor*maxPicture/24 + KeptBytes
}

// Refusal is what is kept of a message that can be no capture.
type Refusal struct {
	Device  string // empty when the topic names none
	Topic   string
	Reason  string
	At      time.Time // UTC
	Size    int       // of the whole payload, in bytes
	SHA256  [sha256.Size]byte
	Payload []byte // its first KeptBytes
}

// Options configure an Ingest. Accept and Refuse are required.
type Options struct {
	Pictures   mqtt.Pattern // mqtt.DefaultPictures when zero
	MaxPicture int64        // bytes of an encoded picture; DefaultMaxPicture when zero

	// Inspect says what is wrong with a picture from its header; nil means that nothing is looked at.
	Inspect func(picture []byte) error
	// Accept commits a capture. It returns nil only once the capture is safe, and for a message that is sent again
	// (m.DUP) and was accepted before. The capture's ID is empty: it is given where it is known which message is new.
	Accept func(ctx context.Context, m mqtt.Message, c posture.Capture) error
	// Refuse commits a refusal, under the same terms.
	Refuse func(ctx context.Context, m mqtt.Message, r Refusal) error

	Now        func() time.Time // time.Now when nil; for messages without ReceivedAt
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Ingest hands messages on. It may be used from many goroutines.
type Ingest struct {
	options Options
	metrics *metrics
}

// New checks the options.
func New(o Options) (*Ingest, error) {
	if o.Accept == nil || o.Refuse == nil {
		return nil, errors.New("ingest: nothing to accept or refuse messages with")
	}
	if o.Pictures.String() == "" {
		o.Pictures, _ = mqtt.ParsePattern(mqtt.DefaultPictures)
	}
	if o.MaxPicture == 0 {
		o.MaxPicture = DefaultMaxPicture
	}
	if o.Inspect == nil {
		o.Inspect = func([]byte) error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("registering ingest's metrics: %w", err)
	}
	return &Ingest{options: o, metrics: m}, nil
}

// Handle makes a capture or a refusal of a message and commits it. nil means that the message is taken care of and may be
// acknowledged, refused or not; an error means that it is not and must be sent again.
func (i *Ingest) Handle(ctx context.Context, m mqtt.Message) error {
	if m.ReceivedAt.IsZero() {
		m.ReceivedAt = i.options.Now().UTC()
	}
	capture, form, err := i.capture(m)
	if err != nil {
		return i.refuse(ctx, m, capture.Device, err)
	}
	if err := i.options.Accept(ctx, m, capture); err != nil {
		return fmt.Errorf("accepting a picture from %s: %w", capture.Device, err)
	}
	i.metrics.captures.WithLabelValues(string(form)).Inc()
	return nil
}

// capture is complete, or holds what is known of it beside the reason why it is none.
func (i *Ingest) capture(m mqtt.Message) (posture.Capture, Form, error) {
	device, err := i.options.Pictures.Device(m.Topic)
	c := posture.Capture{Device: device, Topic: m.Topic, ReceivedAt: m.ReceivedAt}
	if err != nil {
		return c, "", err
	}
	e, err := Parse(m.Payload, i.options.MaxPicture)
	if err != nil {
		return c, "", err
	}
	if err := i.options.Inspect(e.Picture); err != nil {
		return c, "", err
	}
	c.Picture, c.Source, c.TakenAt = e.Picture, e.Source, i.believable(device, e, m.ReceivedAt)
	return c, e.Form, nil
}

// A sender's clock is believed from the year 2000 to a day after receipt. Cameras without a battery begin at 1970 or the
// day their firmware was built, and a day covers every mistaken time zone.
var (
	earliest  = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	tolerance = 24 * time.Hour
)

// believable is the time at which the sender says it took the picture, zero when it says none or none that can be. The
// picture is kept either way.
func (i *Ingest) believable(device string, e Envelope, received time.Time) time.Time {
	reason := e.Ignored
	if !e.TakenAt.IsZero() && (e.TakenAt.Before(earliest) || e.TakenAt.After(received.Add(tolerance))) {
		reason = "the sender's clock is wrong"
	}
	if reason == "" {
		return e.TakenAt
	}
	i.metrics.timesIgnored.Inc()
	i.options.Logger.Debug("taken_at ignored", "device", device, "taken_at", e.TakenAt, "reason", reason)
	return time.Time{}
}

// refuse commits a refusal. Whoever keeps it tells people of it, with the id under which it is found.
func (i *Ingest) refuse(ctx context.Context, m mqtt.Message, device string, reason error) error {
	r := Refusal{
		Device: device, Topic: m.Topic, Reason: reason.Error(), At: m.ReceivedAt,
		Size: len(m.Payload), SHA256: sha256.Sum256(m.Payload), Payload: m.Payload[:min(len(m.Payload), KeptBytes)],
	}
	if err := i.options.Refuse(ctx, m, r); err != nil {
		return fmt.Errorf("keeping a refused message on %s: %w", m.Topic, err)
	}
	i.metrics.refusals.Inc()
	i.options.Logger.Debug("message refused", "device", device, "topic", m.Topic, "bytes", r.Size, "reason", r.Reason)
	return nil
}
