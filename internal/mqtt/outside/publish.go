package outside

import (
	"io"
)

// tell publishes what the outbox holds until the connection ends, in order, without waiting for one acknowledgement before
// the next message.
func (s *session) tell(o *outbox) {
	for {
		r, ok := o.next(s.alive)
		if !ok {
			return
		}
		if !s.retainable(&r) {
			continue
		}
		select {
		case s.window <- struct{}{}:
		case <-s.alive.Done():
			return
		}
		if err := s.send(r, s.nextID(r.topic)); err != nil {
			s.fail(s.broken(err))
			return
		}
	}
}

func (s *session) send(r result, id uint16) error {
	if err := s.write(func(w io.Writer) error { return s.wire.publish(w, id, r) }); err != nil {
		return err
	}
	s.metrics.results.Inc()
	if r.qos == 0 {
		s.settle(answer{id: id}) // nobody else will
	}
	return nil
}

// retainable fits a message to what the broker can do; false when it cannot be sent at all.
func (s *session) retainable(r *result) bool {
	r.retain = r.retain && s.welcome.RetainAvailable
	r.qos = min(r.qos, s.welcome.MaxQoS)
	const besides = 16 // header, identifier and properties, at most
	if size := int64(len(r.topic) + len(r.payload) + besides); s.welcome.MaxPacket > 0 && size > s.welcome.MaxPacket {
		s.options.Logger.Warn("a result is larger than the MQTT broker takes", "topic", r.topic, "bytes", size, "limit", s.welcome.MaxPacket)
		return false
	}
	return true
}

// nextID gives a free packet identifier; there are far more of them than messages on their way.
func (s *session) nextID(topic string) uint16 {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for {
		s.lastID++
		if _, taken := s.onWay[s.lastID]; s.lastID != 0 && !taken {
			s.onWay[s.lastID] = topic
			return s.lastID
		}
	}
}

func (s *session) free(id uint16) (topic string, known bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	topic, known = s.onWay[id]
	delete(s.onWay, id)
	return topic, known
}

// settle notes the acknowledgement of a message.
func (s *session) settle(a answer) {
	topic, known := s.free(a.id)
	if !known {
		return
	}
	<-s.window
	if s.verdict != nil {
		s.verdict <- a
		return
	}
	if a.code < reasonUnspecified {
		return
	}
	s.metrics.resultsRefused.Inc()
	if !s.refused {
		s.refused = true
		s.options.Logger.Error("results are not announced", "error", refusedResult(a.code, a.words, s.options.Broker.User(), topic))
	}
}
