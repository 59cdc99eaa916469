// Package device publishes pictures as a camera would: MQTT 5, or 3.1.1 where the broker speaks no other, QoS 1, several on their way at a time, each kept until the
// broker has acknowledged it. After a broken connection, or a restart of the broker, it sends what is not acknowledged
// again, with the packet identifier it had and the DUP flag, so that a broker can tell that it is no new picture. It
// receives nothing and keeps nothing on disk.
//
// It speaks MQTT by the packets of eclipse/paho and keeps the window itself: the libraries' clients forget what is on its way
// when the broker has lost the session, which is the case that counts here.
package device

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"time"

	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/dial"
)

// DefaultURL is a broker on this machine.
const DefaultURL = "mqtt://127.0.0.1:1883"

// Form is how a picture is put into a message.
type Form int

// The forms.
const (
	Base64   Form = iota // the original system's
	Raw                  // the picture's bytes
	Envelope             // a JSON object that also tells the picture's name and when it was taken
)

// Options say who publishes where. Only Device is required.
type Options struct {
	URL      string       // mqtt://, mqtts://, ws:// or wss://host:port; DefaultURL when empty
	TLS      dial.TLS     // authorities and certificate of one's own, for mqtts and wss
	Username string       // empty without an account; the URL's when empty
	Password string       //
	Version  string       // of MQTT: Version5 or Version31; both are tried when empty
	Device   string       // whose pictures these are
	Pictures mqtt.Pattern // mqtt.DefaultPictures when zero

	Form   Form
	Rate   float64 // pictures a second; as many as the broker takes when 0
	Window int     // pictures on their way at a time; 16 when 0, at most 256
	// Patience is how long to go on without any acknowledgement while pictures wait for one; a minute when 0.
	Patience time.Duration

	Logger *slog.Logger

	dialer *dial.Dialer
}

// Picture is what is published. Bytes is not changed and is kept until it is acknowledged.
type Picture struct {
	Name    string // told to the hub in an Envelope
	TakenAt time.Time
	Bytes   []byte
}

// Progress is how far it is; the counts only grow.
type Progress struct {
	Sent         int // published at least once
	Acknowledged int // safe at the hub
	Refused      int // given up, for the reason in Err
	SentAgain    int // publications after the first, for want of an acknowledgement
	Bytes        int64

	// What has just happened: a picture of this name was acknowledged, or refused when Err is set.
	Name string
	Err  error
}

// mostOnWay bounds the window.
const mostOnWay = 256

// ErrUnacknowledged says that pictures may not have arrived.
var ErrUnacknowledged = errors.New("not acknowledged")

// Send publishes pictures until there are no more and all are acknowledged, or until it is clear that they will not be. A
// picture that the broker will not have is counted as refused and does not end it. progress, which may be nil, is called
// for each picture that is settled, from Send's goroutine. The first error of pictures ends sending; what was sent before
// is still waited for.
func Send(ctx context.Context, o Options, pictures iter.Seq2[Picture, error], progress func(Progress)) (Progress, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Progress{}, misuse{err}
	}
	next, stop := iter.Pull2(pictures)
	defer stop()
	s := &sender{options: o, next: next, tell: progress, topic: o.Pictures.Topic(o.Device), window: newWindow(o.Window), moved: time.Now()}
	err = s.run(ctx)
	s.total.Name, s.total.Err = "", nil
	return s.total, err
}

func (o Options) withDefaults() (Options, error) {
	if o.URL == "" {
		o.URL = DefaultURL
	}
	if o.Pictures.String() == "" {
		o.Pictures, _ = mqtt.ParsePattern(mqtt.DefaultPictures)
	}
	if o.Window <= 0 {
		o.Window = 16
	}
	o.Window = min(o.Window, mostOnWay)
	if o.Patience <= 0 {
		o.Patience = time.Minute
	}
	if o.Version != "" && o.Version != Version5 && o.Version != Version31 {
		return o, fmt.Errorf("%q is no version of MQTT that is spoken here: %s and %s are", o.Version, Version5, Version31)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Rate < 0 || math.IsNaN(o.Rate) || math.IsInf(o.Rate, 0) {
		return o, fmt.Errorf("a rate of %g pictures a second is not possible", o.Rate)
	}
	if _, err := mqtt.ParseDevice(o.Device); err != nil {
		return o, err
	}
	dialer, err := dial.New(o.URL, o.TLS)
	if err != nil {
		return o, err
	}
	o.dialer = dialer
	if o.Username == "" {
		o.Username = dialer.User()
	}
	return o, nil
}

// clientID is different each time, so that two senders never throw each other out.
func clientID() string { return "plumbline-" + rand.Text()[:12] }
