package record

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/posture"
)

// mailboxSize bounds what waits for a listener: minutes of a busy hub, about 10 MB.
const mailboxSize = 4096

// mailbox holds what a listener has not heard yet.
type mailbox struct {
	listener Listener
	missed   prometheus.Counter

	mutex   sync.Mutex
	arrived *sync.Cond
	results []posture.Result
	closed  bool
}

func newMailbox(l Listener, missed prometheus.Counter) *mailbox {
	m := &mailbox{listener: l, missed: missed}
	m.arrived = sync.NewCond(&m.mutex)
	return m
}

// put never waits: when the mailbox is full the oldest result goes, since of each device the newest counts.
func (m *mailbox) put(r posture.Result) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if len(m.results) >= mailboxSize {
		m.results = m.results[1:]
		m.missed.Inc()
	}
	m.results = append(m.results, r)
	m.arrived.Signal()
}

// close lets deliver end when everything has been told.
func (m *mailbox) close() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.closed = true
	m.arrived.Signal()
}

// deliver tells the listener until the mailbox is closed and empty; once ctx has ended nothing more is told.
func (m *mailbox) deliver(ctx context.Context) {
	for {
		results := m.take()
		if results == nil {
			return
		}
		for _, r := range results {
			if ctx.Err() != nil {
				m.missed.Inc()
				continue
			}
			m.listener.Tell(ctx, r)
		}
	}
}

// take waits for results and takes them all; nil means the end.
func (m *mailbox) take() []posture.Result {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for len(m.results) == 0 && !m.closed {
		m.arrived.Wait()
	}
	results := m.results
	m.results = nil
	return results
}
