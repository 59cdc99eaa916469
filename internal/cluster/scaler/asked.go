package scaler

import (
	"errors"
	"time"
)

// question is when KEDA asked last about a ScaledJob, and by which address.
type question struct {
	namespace, name string
	at              time.Time
	address         string // as its trigger gives it: scalerAddress
}

// note keeps what KEDA asked.
func (s *Scaler) note(namespace, name string, metadata map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[namespace+"/"+name] = question{namespace: namespace, name: name, at: s.o.Now(), address: metadata[address]}
}

// Asked says by which address (a trigger's scalerAddress) KEDA asked last about a ScaledJob, and whether it did at all.
func (s *Scaler) Asked(namespace, name string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, ok := s.asked[namespace+"/"+name]
	return q.address, ok
}

// countersKept is for how long counters of a ScaledJob that is gone stay: while KEDA still asks, each of its questions must count.
const countersKept = 5 * time.Minute

// Sweep forgets ScaledJobs that are gone, and takes their metrics away. Serve does it now and then.
func (s *Scaler) Sweep() {
	s.mu.Lock()
	questions := make([]question, 0, len(s.asked))
	for _, q := range s.asked {
		questions = append(questions, q)
	}
	s.mu.Unlock()
	for _, q := range questions {
		if _, err := s.o.View(q.namespace, q.name); !errors.Is(err, ErrNoScaledJob) {
			continue
		}
		s.metrics.forget(q.namespace, q.name)
		s.forget(q)
	}
}

func (s *Scaler) forget(q question) {
	key := q.namespace + "/" + q.name
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.last, key)
	if s.o.Now().Sub(s.asked[key].at) >= countersKept {
		delete(s.asked, key)
		delete(s.told, key)
		s.metrics.forgetCounters(q.namespace, q.name)
	}
}
