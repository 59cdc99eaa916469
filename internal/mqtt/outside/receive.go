package outside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"plumbline/internal/mqtt"
)

// message is a delivery being handled.
type message struct {
	delivery
	weight   int64 // of the budget
	received time.Time
	done     chan error
}

// read takes packets until the connection ends.
func (s *session) read(handling context.Context) {
	for {
		e, weight, err := s.next()
		if err != nil {
			s.fail(s.broken(err))
			return
		}
		switch e := e.(type) {
		case delivery:
			s.take(handling, e, weight)
		case published:
			s.settle(e.answer)
		case subscribed:
			select {
			case s.granted <- e.answer:
			default:
			}
		case farewell:
			s.fail(e.said())
			return
		}
	}
}

// next reads a packet. It leaves a message on the wire until there is room for it, and so the broker waits.
func (s *session) next() (event, int64, error) {
	h, err := peekHeader(s.in)
	if err != nil {
		return nil, 0, err
	}
	weight := int64(0)
	if h.kind() == typePublish {
		weight = min(h.length, s.options.MaxPacketBytes)
		if err := s.budget.Acquire(s.alive, weight); err != nil {
			return nil, 0, err
		}
		if h.length > s.options.MaxPacketBytes {
			s.options.Logger.Warn("the MQTT broker sent a message larger than can be a picture: its rest is not read",
				"bytes", h.length, "limit", s.options.MaxPacketBytes)
		}
	}
	e, err := readEvent(s.in, s.wire, h, s.options.MaxPacketBytes)
	return e, weight, err
}

// take begins to handle a message. Behind the gate's back, when the client is leaving, it stays with the broker.
func (s *session) take(handling context.Context, d delivery, weight int64) {
	if d.qos > 1 {
		s.fail(fmt.Errorf("the MQTT broker sent a message at QoS %d, though QoS 1 was asked for", d.qos))
		return
	}
	if !s.gate.Enter() {
		s.budget.Release(weight)
		return
	}
	m := &message{delivery: d, weight: weight, received: time.Now().UTC(), done: make(chan error, 1)}
	s.metrics.underWay.Inc()
	if d.dup {
		s.metrics.redelivered.Inc()
	}
	go func() { m.done <- s.options.Handle(handling, s.words(m)) }()
	s.order <- m
}

// words is a message as the rest of the house knows it. By 3.1.1 speak brokers that give a message another packet identifier
// when they send it again (RabbitMQ), so that the identifier is no sign there.
func (s *session) words(m *message) mqtt.Message {
	sentBefore := m.retain || m.dup && s.wire == wire(wire3{})
	return mqtt.Message{
		Topic: m.topic, PacketID: m.id, QoS: m.qos, DUP: m.dup, Retain: sentBefore, ReceivedAt: m.received, Payload: m.payload,
	}
}

// acknowledge settles messages in the order in which they came. After a failure nothing more is acknowledged, since that
// would be out of order; what is being handled is still waited for.
func (s *session) acknowledge() {
	for m := range s.order {
		s.conclude(m, <-m.done)
		s.budget.Release(m.weight)
		s.metrics.underWay.Dec()
		s.gate.Leave()
	}
}

func (s *session) conclude(m *message, err error) {
	s.metrics.handling.Observe(time.Since(m.received).Seconds())
	switch {
	case err != nil:
		s.metrics.notCommitted.Inc()
		s.notKept(m, err)
		return
	case m.qos == 1 && s.alive.Err() == nil:
		if err := s.write(func(w io.Writer) error { return s.wire.acknowledge(w, m.id) }); err != nil {
			s.fail(s.broken(err))
		}
	}
	s.metrics.received.WithLabelValues(strconv.Itoa(int(m.qos))).Inc()
	s.metrics.receivedBytes.Add(float64(len(m.payload)))
}

// notKept gives the connection up, so that the broker sends the message again. A message of QoS 0 is never sent again.
func (s *session) notKept(m *message, err error) {
	if m.qos == 0 {
		s.options.Logger.Error("a picture is lost: it could not be kept, and QoS 0 knows no second sending", "topic", m.topic, "error", err)
		return
	}
	if errors.Is(err, context.Canceled) && s.alive.Err() != nil {
		return
	}
	s.fail(fmt.Errorf("a picture could not be kept, so the broker shall send it again: %w", err))
}
