package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/mqtt"
)

// Defaults for what Options leaves at zero.
const (
	DefaultListen     = "127.0.0.1:1883"
	DefaultMaxPacket  = 48 << 20
	DefaultMaxClients = 2000
)

// Users is what the broker asks about accounts. It is called from many goroutines, Account for every packet.
type Users interface {
	// Verify says whose name and password these are.
	Verify(ctx context.Context, name, password string) (mqtt.Account, bool)
	// Account is the account as it is now, so that one that was removed loses its rights while connected.
	Account(name string) (mqtt.Account, bool)
	// Any says whether there is any account at all.
	Any() bool
}

// Handle takes a message over. Once it has returned nil the sender gets its acknowledgement; an error closes the
// connection without one, so that the sender sends again. It is called in the connection's reading goroutine: a client's
// messages come one after the other, those of different clients side by side. Two messages of one topic with one packet
// identifier never overlap, whatever connections they came on, so that a packet that is sent again finds the outcome of
// its first sending. The context ends when the broker closes.
type Handle func(ctx context.Context, m mqtt.Message) error

// Options configure a Broker. Only Handle is required.
type Options struct {
	Listen    string // plain MQTT, host:port; DefaultListen when this and the next three are empty
	TLSListen string // MQTT over TLS, usually on port 8883; none when empty
	WSListen  string // MQTT over websockets, path /mqtt, usually on port 8083; none when empty
	WSSListen string // MQTT over websockets over TLS, usually on port 8084; none when empty
	TLS       TLS    // the files for TLSListen and WSSListen

	// WSOrigins are sites whose pages may open websockets, such as https://example.org, or * for all; those of the host
	// that the websocket itself is asked from always may.
	WSOrigins []string

	Users     Users // nil when there are no accounts
	Anonymous bool  // clients without an account or certificate may connect from anywhere

	Pictures mqtt.Pattern // where pictures come in; mqtt.DefaultPictures when zero
	Results  mqtt.Results // where results go out; mqtt.DefaultResults when empty

	Handle Handle

	MaxPacketBytes   int64         // the largest packet that is read; a larger one closes the connection
	MaxBufferedBytes int64         // sum of the packets being read or handled at one time; two largest packets, at least 64 MiB, when zero. Memory in use is up to three times this.
	MaxClients       int           // connected at one time
	CloseGrace       time.Duration // how long Close waits for handled messages; 10 s when zero

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

func (o Options) withDefaults() (Options, error) {
	if o.Handle == nil {
		return o, errors.New("starting the MQTT broker: no function to hand messages to")
	}
	if o.Pictures.String() == "" {
		o.Pictures, _ = mqtt.ParsePattern(mqtt.DefaultPictures)
	}
	setDefault(&o.Results, mqtt.DefaultResults)
	setDefault(&o.MaxPacketBytes, DefaultMaxPacket)
	setDefault(&o.MaxBufferedBytes, max(2*o.MaxPacketBytes, 64<<20))
	setDefault(&o.MaxClients, DefaultMaxClients)
	setDefault(&o.CloseGrace, 10*time.Second)
	if o.MaxPacketBytes > mqttPacketLimit {
		return o, fmt.Errorf("starting the MQTT broker: packets of %d bytes: MQTT's own limit is %d", o.MaxPacketBytes, mqttPacketLimit)
	}
	o.MaxBufferedBytes = max(o.MaxBufferedBytes, o.MaxPacketBytes)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, o.Validate()
}

// mqttPacketLimit is the largest remaining length that MQTT can express (four bytes of seven bits).
const mqttPacketLimit = 268_435_455

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate refuses listeners that anybody on the network could write to without that being wanted, and TLS by halves.
func (o Options) Validate() error {
	if err := o.TLS.validate(); err != nil {
		return err
	}
	secured := false
	for _, e := range o.endpoints() {
		if err := e.validate(o); err != nil {
			return err
		}
		secured = secured || e.secured()
	}
	if o.TLS.CertFile != "" && !secured {
		return fmt.Errorf("the certificate %s is for nothing: say where to listen with it, --mqtt-tls-listen 0.0.0.0:8883 or --mqtt-wss-listen 0.0.0.0:8084", o.TLS.CertFile)
	}
	return nil
}

func (o Options) hasUsers() bool { return o.Users != nil && o.Users.Any() }
