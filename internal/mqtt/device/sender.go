package device

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// sender is one Send. Everything here belongs to Send's goroutine.
type sender struct {
	options Options
	topic   string
	next    func() (Picture, error, bool)
	tell    func(Progress)

	window    *window
	exhausted bool  // there are no more pictures
	broken    error // why pictures ended early
	total     Progress
	due       time.Time // of the next picture
	moved     time.Time // when something was last acknowledged, or began to wait for it
	connected bool      // at least once
	old       bool      // the broker speaks MQTT 3.1.1 only
}

// Waiting between connections: doubled each time, with a random part, so that many devices do not come back at once.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// lastWords is how long a broken connection is still listened to.
const lastWords = time.Second

func (s *sender) run(ctx context.Context) error {
	pause := firstPause
	for {
		moved := s.moved
		err := s.session(ctx)
		switch {
		case err == nil:
			return s.broken
		case ctx.Err() != nil:
			return fmt.Errorf("sending was stopped with %s: %w", s.waiting(), context.Cause(ctx))
		case isFinal(err) || !s.connected:
			return err
		case time.Since(s.moved) > s.options.Patience:
			return s.impatient(err)
		}
		if s.moved != moved {
			pause = firstPause
		}
		s.options.Logger.Warn("connecting to the MQTT broker again", "cause", err, "unacknowledged", len(s.window.onWay))
		if !sleep(ctx, pause/2+rand.N(pause)) {
			continue // the next session ends at once
		}
		pause = min(2*pause, lastPause)
	}
}

func (s *sender) waiting() string {
	return fmt.Sprintf("%s %v", s.onWay(), ErrUnacknowledged)
}

func (s *sender) onWay() string {
	if n := len(s.window.onWay); n != 1 {
		return fmt.Sprintf("%d pictures", n)
	}
	return "1 picture"
}

func (s *sender) impatient(cause error) error {
	return finalError{fmt.Errorf("%s: %w for %s: %w", s.onWay(), ErrUnacknowledged, s.options.Patience, cause)}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// session publishes over one connection; nil means that everything is settled.
func (s *sender) session(ctx context.Context) error {
	l, err := s.connect(ctx)
	if err != nil {
		return err
	}
	s.connected = true
	defer context.AfterFunc(ctx, func() { _ = l.conn.Close() })()
	defer func() { _ = l.conn.Close() }()
	for _, o := range s.window.onWay {
		if err := s.publish(l, o); err != nil {
			return s.ended(l, err)
		}
	}
	for !s.settled() {
		if err := s.step(ctx, l); err != nil {
			return s.ended(l, err)
		}
	}
	l.close()
	return nil
}

func (s *sender) settled() bool { return s.exhausted && s.window.empty() }

// step does the next thing that there is to do.
func (s *sender) step(ctx context.Context, l *link) error {
	select {
	case a := <-l.answers:
		return s.settle(a)
	case <-l.lost:
		return l.cause
	case <-ctx.Done():
		_ = l.conn.Close()
		return ctx.Err()
	case <-time.After(time.Second):
		return s.lookAfter(l)
	case <-s.turn(l):
		return s.takeNext(l)
	}
}

// turn fires when the next picture may be sent; nil, which never does, while the window is full.
func (s *sender) turn(l *link) <-chan time.Time {
	if s.exhausted || s.window.full() || len(s.window.onWay) >= l.window {
		return nil
	}
	return time.After(time.Until(s.due))
}

func (s *sender) lookAfter(l *link) error {
	if !s.window.empty() && time.Since(s.moved) > s.options.Patience {
		return s.impatient(fmt.Errorf("the MQTT broker is connected, but silent"))
	}
	if time.Since(l.wrote) > pingEvery {
		return l.ping()
	}
	return nil
}

func (s *sender) takeNext(l *link) error {
	p, err, more := s.next()
	s.exhausted, s.broken = !more || err != nil, err
	if s.exhausted {
		return nil
	}
	s.pace()
	payload, err := encode(s.options.Form, p)
	if err != nil {
		return final("%w", err)
	}
	// Header, topic, identifier and properties take less than 16 bytes beside the topic.
	if size := int64(len(payload) + len(s.topic) + 16); l.maxPacket > 0 && size > l.maxPacket {
		s.refused(p.Name, fmt.Errorf("%s is too large for the MQTT broker: %d bytes as a message, at most %d", p.Name, size, l.maxPacket))
		return nil
	}
	if s.window.empty() {
		s.moved = time.Now()
	}
	return s.publish(l, s.window.add(p.Name, payload))
}

// pace sets when the next picture is due. Time lost to a broken connection is not made up for by a burst.
func (s *sender) pace() {
	now := time.Now()
	if s.options.Rate == 0 {
		s.due = now
		return
	}
	interval := time.Duration(float64(time.Second) / s.options.Rate)
	if s.due = s.due.Add(interval); now.Sub(s.due) > time.Second {
		s.due = now
	}
}

func (s *sender) publish(l *link, o *outgoing) error {
	if o.sent {
		s.total.SentAgain++
	} else {
		s.total.Sent++
	}
	s.total.Bytes += int64(len(o.payload))
	return l.publish(s.topic, o)
}

func (s *sender) settle(a answer) error {
	o := s.window.settle(a.id)
	if o == nil {
		return nil // acknowledged twice, since it was sent twice
	}
	s.moved = time.Now()
	switch {
	case a.code == 0x87: // not authorised (MQTT 5, 3.4.2.1)
		return final("the MQTT broker does not let %s publish on %s", s.who(), s.topic)
	case a.code >= 0x80:
		s.refused(o.name, fmt.Errorf("the MQTT broker refused %s: reason %#x %s", o.name, a.code, a.reason))
		return nil
	}
	s.total.Acknowledged++
	s.report(o.name, nil)
	return nil
}

func (s *sender) who() string {
	if s.options.Username == "" {
		return "anybody without an account"
	}
	return fmt.Sprintf("user %q", s.options.Username)
}

func (s *sender) refused(name string, err error) {
	s.total.Refused++
	s.report(name, err)
}

func (s *sender) report(name string, err error) {
	if s.tell != nil {
		p := s.total
		p.Name, p.Err = name, err
		s.tell(p)
	}
}

// ended takes the acknowledgements that came before the connection broke, and says why it did: what the broker said last
// is a better reason than that nobody read what was written.
func (s *sender) ended(l *link, err error) error {
	select {
	case <-l.lost:
	case <-time.After(lastWords):
		_ = l.conn.Close()
		<-l.lost
	}
	for len(l.answers) > 0 {
		if settled := s.settle(<-l.answers); settled != nil {
			return settled
		}
	}
	if !isFinal(err) && isFinal(l.cause) {
		return l.cause
	}
	return err
}
