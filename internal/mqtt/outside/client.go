package outside

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"sync"
	"time"
)

// Client is a client of one broker. Its methods may be called from many goroutines, Run from one at a time.
type Client struct {
	options Options
	metrics *metrics
	outbox  *outbox

	mutex   sync.Mutex
	trouble error // why there is no connection; nil when there is one
	told    string
	met     bool // there was a connection before
	old     bool // the broker has said that it does not speak MQTT 5
	thrown  int  // connections that the broker ended soon, one after the other
}

var errNotYet = errors.New("not connected to the MQTT broker yet")

// New checks the options; Run connects.
func New(o Options) (*Client, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("registering the MQTT client's metrics: %w", err)
	}
	return &Client{options: o, metrics: m, outbox: newOutbox(m.resultsDropped.Inc), trouble: errNotYet}, nil
}

// steady is how long a connection must have lasted for the next pause to be a short one again.
const steady = 30 * time.Second

// Run keeps connected until ctx ends, whatever happens; it gives up only when told to, and then says goodbye to the broker
// once what is being handled is settled. It may be called again.
func (c *Client) Run(ctx context.Context) error {
	pause := c.options.FirstPause
	for {
		began := time.Now()
		err := c.connection(ctx)
		if ctx.Err() != nil {
			if c.Ready(ctx) == nil {
				c.options.Logger.Info("left the MQTT broker", "broker", c.options.Broker.String())
			}
			c.note(errNotYet)
			return nil
		}
		if time.Since(began) > steady {
			pause, c.thrown = c.options.FirstPause, 0
		}
		c.complain(err)
		c.suspect(err)
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
		}
		pause = min(2*pause, c.options.LastPause)
	}
}

// connection is one connection from its beginning to its end; the error says why it ended.
func (c *Client) connection(ctx context.Context) error {
	s, err := c.login(ctx)
	if err != nil {
		return err
	}
	defer c.metrics.connected.Set(0)
	defer c.outbox.shut()
	return s.run(ctx, c.outbox, func(qos byte) {
		c.outbox.reopen()
		c.greet(s, qos)
	})
}

// login speaks MQTT 5, or 3.1.1 when the broker refuses that: by saying so, or as RabbitMQ 3.10 does by closing the connection.
// What a broker spoke is remembered until it is away, since it may come back as another version.
func (c *Client) login(ctx context.Context) (*session, error) {
	switch c.options.Version {
	case wire5{}.version():
		return open(ctx, c.options, c.metrics, wire5{})
	case wire3{}.version():
		return open(ctx, c.options, c.metrics, wire3{})
	}
	if c.old {
		s, err := open(ctx, c.options, c.metrics, wire3{})
		c.old = err == nil
		return s, err
	}
	s, err := open(ctx, c.options, c.metrics, wire5{})
	said := errors.Is(err, errOldProtocol)
	if !said && !closedAtOnce(err) {
		return s, err
	}
	s, errOld := open(ctx, c.options, c.metrics, wire3{})
	c.old = errOld == nil
	if errOld != nil && !said && !errors.As(errOld, new(refusal)) {
		return nil, err // the first says more
	}
	return s, errOld
}

// greet logs a new connection.
func (c *Client) greet(s *session, qos byte) {
	c.note(nil)
	c.metrics.connected.Set(1)
	c.metrics.connections.Inc()
	log := c.options.Logger
	log.Info("connected to the MQTT broker", "broker", c.options.Broker.String(), "mqtt", s.wire.version(), "client", c.options.ClientID,
		"topic", c.options.Pictures.String(), "session_present", s.welcome.SessionPresent)
	if c.met && !s.welcome.SessionPresent {
		log.Warn("the MQTT broker has lost this client's session: pictures published meanwhile were not kept for it")
	}
	if qos == 0 {
		log.Warn("the MQTT broker grants the subscription at QoS 0 only: pictures on their way are lost when a connection breaks")
	}
	c.met = true
}

// localAddress is the part of a network error that is another one each time.
var localAddress = regexp.MustCompile(`\S+->`)

// complain logs the end of a connection once, and of attempts to connect when they fail for another reason than before.
func (c *Client) complain(err error) {
	sentence := localAddress.ReplaceAllString(err.Error(), "")
	c.mutex.Lock()
	wasConnected := c.trouble == nil
	news := wasConnected || sentence != c.told
	c.trouble, c.told = err, sentence
	c.mutex.Unlock()
	log := c.options.Logger.With("broker", c.options.Broker.String(), "cause", err)
	switch {
	case wasConnected:
		log.Warn("the connection to the MQTT broker ended; connecting again")
	case news:
		log.Warn("no connection to the MQTT broker; trying again and again")
	default:
		log.Debug("still no connection to the MQTT broker")
	}
}

// rivalry is how many connections in a row the broker must end for that to be no accident.
const rivalry = 3

// suspect tells of a second client with the same identifier, which takes the session over as soon as it is thrown out
// itself. Not every broker says so.
func (c *Client) suspect(cause error) {
	if !closedAtOnce(cause) || !c.met {
		return
	}
	if c.thrown++; c.thrown == rivalry {
		c.options.Logger.Warn("the MQTT broker ends each connection after a moment: does a second hub use the same client identifier?",
			"client", c.options.ClientID)
	}
}

func (c *Client) note(trouble error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.trouble, c.told = trouble, ""
}

// Ready says whether pictures come in, and if not why.
func (c *Client) Ready(context.Context) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.trouble
}

// Publish hands a message to the next moment in which there is a connection, and never waits for it. Of retained ones the
// newest of each topic is kept and told again on every new connection; others are lost while there is none.
func (c *Client) Publish(topic string, payload []byte, retain bool, qos byte) error {
	c.outbox.put(&result{topic: topic, payload: payload, retain: retain, qos: qos})
	return nil
}
