package cli

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"plumbline/internal/config"
	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/broker"
	"plumbline/internal/mqtt/dial"
	"plumbline/internal/mqtt/ingest"
	"plumbline/internal/mqtt/outside"
)

// openOutside makes the hub a client of the broker that --mqtt-url names. A broker that is away is no reason not to start:
// the client goes on trying, and /readyz says why.
func (h *hub) openOutside(ctx context.Context, handler *ingest.Ingest, pattern mqtt.Pattern) error {
	o, err := outsideOptions(&h.config.OutsideBroker)
	if err != nil {
		return misused(err)
	}
	if o.ClientID == "" {
		if o.ClientID, err = h.clientID(ctx); err != nil {
			return err
		}
	}
	o.Pictures, o.Handle, o.MaxPacketBytes = pattern, handler.Handle, ingest.MaxPacketBytes(int64(h.config.MaxPictureBytes))
	o.Logger, o.Registerer = h.part("mqtt"), h.registry
	client, err := outside.New(o)
	if err != nil {
		return err
	}
	h.broker.outside.Store(client)
	h.startLeading(client)
	return nil
}

// outsideOptions reads what says which broker, and as whom; they are empty where none is named.
func outsideOptions(c *config.OutsideBroker) (outside.Options, error) {
	if c.MQTTURL == "" {
		return outside.Options{}, nil
	}
	dialer, err := dial.New(c.MQTTURL, brokerTLS(c.BrokerTLS))
	if err != nil {
		return outside.Options{}, fmt.Errorf("--mqtt-url: %w", err)
	}
	password, err := secret("MQTT password", c.MQTTPasswordFile, "PLUMBLINE_MQTT_PASSWORD")
	if err != nil {
		return outside.Options{}, err
	}
	if password != "" && dialer.User() == "" {
		return outside.Options{}, errors.New("there is a password for the MQTT broker, but no user: write mqtt://user@host into --mqtt-url")
	}
	version := c.MQTTVersion
	if version == "auto" {
		version = ""
	}
	return outside.Options{Broker: dialer, ClientID: c.MQTTClientID, Password: password, Version: version}, nil
}

func brokerTLS(c config.BrokerTLS) dial.TLS {
	return dial.TLS{CAFile: c.CA, CertFile: c.Cert, KeyFile: c.Key}
}

// brokers are those on which results are told, for those who publish from before their start. What they publish until then
// is in the table, and is announced from there.
type brokers struct {
	embedded atomic.Pointer[broker.Broker]
	outside  atomic.Pointer[outside.Client]
	standby  atomic.Bool // another hub is the broker's client
}

// Publish never waits.
func (b *brokers) Publish(topic string, payload []byte, retain bool, qos byte) error {
	var problems []error
	if e := b.embedded.Load(); e != nil {
		problems = append(problems, e.Publish(topic, payload, retain, qos))
	}
	if o := b.outside.Load(); o != nil {
		problems = append(problems, o.Publish(topic, payload, retain, qos))
	}
	return errors.Join(problems...)
}

// ready is about the broker outside; the embedded one is there as long as the hub is.
func (b *brokers) ready(ctx context.Context) error {
	if o := b.outside.Load(); o != nil && !b.standby.Load() {
		return o.Ready(ctx)
	}
	return nil
}

// standingBy is what /readyz says of MQTT while another hub is the broker's client: there is nothing to mend.
const standingBy = "standby"

func (b *brokers) well() string {
	if b.outside.Load() != nil && b.standby.Load() {
		return standingBy
	}
	return ""
}

// address is where a device on this machine would publish, host:port.
func (b *brokers) address(c *config.Serve) string {
	if e := b.embedded.Load(); e != nil {
		return e.Addr()
	}
	if d, err := dial.New(c.MQTTURL, brokerTLS(c.BrokerTLS)); err == nil && c.MQTTURL != "" {
		return d.Address()
	}
	return c.BrokerListen()
}

// urls are all the ways in which devices reach the hub.
func (b *brokers) urls(c *config.Serve) []string {
	var all []string
	if e := b.embedded.Load(); e != nil {
		all = e.URLs()
	}
	if d, err := dial.New(c.MQTTURL, brokerTLS(c.BrokerTLS)); err == nil && c.MQTTURL != "" {
		all = append(all, d.String())
	}
	return all
}
