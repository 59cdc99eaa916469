package outside

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plumbline/internal/mqtt"
)

// Findings are what can be seen of a broker by a client, without being the hub.
type Findings struct {
	Version   string  // of MQTT: 5 or 3.1.1
	Welcome   Welcome // over 3.1.1 it says nothing
	Software  string  // as the broker names itself in $SYS; empty when it does not
	QoS       byte    // granted for the pictures
	Subscribe error   // why not
	Publish   error   // why results could not be published; over 3.1.1 a refusal is mostly not told
}

// Times that a probe waits for answers that need not come.
const (
	softwareTimeout = time.Second
	publishTimeout  = 3 * time.Second
)

// softwareTopic is where Mosquitto and others keep their name and version.
const softwareTopic = "$SYS/broker/version"

// Probe connects as a client of its own, tries what the hub will do, and leaves no trace: no session stays, and what it
// publishes on topic is empty and not retained. The error says why there is no connection.
func Probe(ctx context.Context, o Options, topic string) (Findings, error) {
	software := make(chan string, 1)
	o.Handle = func(_ context.Context, m mqtt.Message) error {
		if m.Topic == softwareTopic {
			select {
			case software <- string(m.Payload):
			default:
			}
		}
		return nil
	}
	o.clean = true
	c, err := New(o)
	if err != nil {
		return Findings{}, err
	}
	s, err := c.login(ctx)
	if err != nil {
		return Findings{}, err
	}
	s.verdict = make(chan answer, 1)
	f := Findings{Version: s.wire.version(), Welcome: s.welcome}
	defer s.listen(ctx)()
	if f.QoS, f.Subscribe = s.subscribe(s.options.Pictures.String()); s.alive.Err() != nil {
		return f, nil
	}
	f.Publish = s.tryPublishing(topic)
	if _, err := s.subscribe(softwareTopic); err == nil {
		select {
		case f.Software = <-software:
		case <-time.After(softwareTimeout):
		}
	}
	return f, nil
}

// listen reads and acknowledges until the function that it returns is called, which leaves the broker.
func (s *session) listen(ctx context.Context) (leave func()) {
	done := make(chan struct{})
	go s.acknowledge()
	go func() {
		s.read(ctx)
		close(s.order)
		close(done)
	}()
	return func() {
		_ = s.disconnect()
		s.fail(errLeft)
		<-done
	}
}

// tryPublishing publishes an empty message.
func (s *session) tryPublishing(topic string) error {
	s.window <- struct{}{}
	id := s.nextID(topic)
	if err := s.send(result{topic: topic, qos: min(1, s.welcome.MaxQoS)}, id); err != nil {
		return s.broken(err)
	}
	select {
	case a := <-s.verdict:
		if a.code >= reasonUnspecified {
			return refusedResult(a.code, a.words, s.options.Broker.User(), topic)
		}
		return nil
	case <-s.alive.Done():
		return fmt.Errorf("publishing on %s ended the connection: %w", topic, context.Cause(s.alive))
	case <-time.After(publishTimeout):
		return errors.New("the MQTT broker does not acknowledge a message on " + topic)
	}
}
