package outside

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/dial"
)

// Handle takes a message over. nil means that it is taken care of and may be acknowledged; an error gives the connection up,
// so that the broker sends the message again. It is called for several messages at a time. The context ends when the
// client has to.
type Handle func(ctx context.Context, m mqtt.Message) error

// Options configure a Client. Broker, ClientID and Handle are required.
type Options struct {
	Broker   *dial.Dialer // its URL names the account, if there is one
	ClientID string       // under which the broker keeps the session
	Password string       // of the account

	// Version is "5", "3.1.1", or empty for 5 where the broker speaks it and 3.1.1 where not.
	Version string

	Pictures mqtt.Pattern // where pictures come in; mqtt.DefaultPictures when zero
	Handle   Handle

	MaxPacketBytes   int64         // the largest message; the broker is told, and drops larger ones
	MaxBufferedBytes int64         // sum of the messages being handled; two largest messages, at least 64 MiB, when zero
	InFlight         int           // messages being handled at one time; 32 when zero
	CloseGrace       time.Duration // how long the end waits for handled messages; 10 s when zero
	FirstPause       time.Duration // before connecting again, then doubled, with a random part; 500 ms when zero
	LastPause        time.Duration // the longest; 30 s when zero

	Logger     *slog.Logger
	Registerer prometheus.Registerer

	clean bool // without a session
}

const defaultMaxPacket = 48 << 20

func (o Options) withDefaults() (Options, error) {
	if o.Broker == nil || o.ClientID == "" && !o.clean || o.Handle == nil {
		return o, errors.New("an MQTT client needs a broker, a client identifier and a function to hand messages to")
	}
	if o.Pictures.String() == "" {
		o.Pictures, _ = mqtt.ParsePattern(mqtt.DefaultPictures)
	}
	setDefault(&o.MaxPacketBytes, defaultMaxPacket)
	setDefault(&o.MaxBufferedBytes, max(2*o.MaxPacketBytes, 64<<20))
	o.MaxBufferedBytes = max(o.MaxBufferedBytes, o.MaxPacketBytes)
	setDefault(&o.InFlight, 32)
	setDefault(&o.CloseGrace, 10*time.Second)
	setDefault(&o.FirstPause, 500*time.Millisecond)
	setDefault(&o.LastPause, 30*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
