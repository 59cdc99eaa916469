package queue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// leases are the claims that live workers hold. JetStream's own number counts a claim until somebody else claims the capture:
// with no worker left, what the last one gave back or died with would look claimed for ever, and nobody would start a worker
// for it. So the hub listens to what workers tell the consumer: each heartbeat holds a lease for one more term, each NAK ends
// it. It hears the workers of all hubs, wherever they run and whatever version they are of.
//
// A claim of which nothing was heard yet is younger than its first heartbeat, or its worker died before that. Where the
// consumer has handed nothing out for a whole term, it is the latter; else there is a worker that gets what is free.
type leases struct {
	term time.Duration

	mu         sync.Mutex
	until      map[uint64]time.Time // by sequence in the queue, of claims that were heard of
	since      time.Time            // nothing was missed from then on
	reconnects uint64
	deliveries uint64    // as last seen
	delivered  time.Time // when that number was seen to have changed
}

// listen begins to follow the leases of a consumer.
func (l *leases) listen(nc *nats.Conn, consumer *jetstream.ConsumerInfo) error {
	l.term, l.since, l.until, l.reconnects = consumer.Config.AckWait, time.Now(), map[uint64]time.Time{}, nc.Stats().Reconnects
	tail := "." + consumer.Stream + "." + consumer.Name + ".>"
	for _, subject := range []string{"$JS.ACK" + tail, "$JS.ACK.*.*" + tail} { // the latter with domain and account before them
		sub, err := nc.Subscribe(subject, l.hear)
		if err == nil {
			err = sub.SetPendingLimits(-1, -1)
		}
		if err != nil {
			return fmt.Errorf("listening to the workers' leases: %w", err)
		}
	}
	return nil
}

// hear notes what a worker tells the consumer of one claim.
func (l *leases) hear(m *nats.Msg) {
	said := nats.Msg{Sub: m.Sub, Reply: m.Subject} // that subject is the reply of the delivery
	meta, err := said.Metadata()
	if err != nil {
		return
	}
	verb, rest, _ := bytes.Cut(m.Data, []byte(" "))
	l.mu.Lock()
	defer l.mu.Unlock()
	switch string(verb) {
	case "+WPI": // work in progress
		l.until[meta.Sequence.Stream] = time.Now().Add(l.term)
	case "-NAK":
		var pause struct{ Delay time.Duration }
		_ = json.Unmarshal(rest, &pause) // there is none but after a failed attempt
		l.until[meta.Sequence.Stream] = time.Now().Add(pause.Delay)
	default:
		delete(l.until, meta.Sequence.Stream)
	}
}

// forget drops a capture that left the queue in another way than by its consumer.
func (l *leases) forget(sequence uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.until, sequence)
}

// leasesNow are the leases as one look at the consumer has them.
type leasesNow struct {
	pending int             // what the consumer holds
	held    map[uint64]bool // claims that were heard of: whether a worker holds them
	unheard bool            // whether somebody holds those that were not
}

// now compares what was heard with what the consumer holds. first is the sequence of the oldest capture in the queue.
func (l *leases) now(nc *nats.Conn, consumer *jetstream.ConsumerInfo, first uint64) leasesNow {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := nc.Stats().Reconnects; n != l.reconnects { // heartbeats were missed
		l.reconnects, l.since = n, now
		clear(l.until)
	}
	n := leasesNow{pending: consumer.NumAckPending, held: make(map[uint64]bool, len(l.until))}
	for sequence, until := range l.until {
		if sequence < first {
			delete(l.until, sequence)
			continue
		}
		n.held[sequence] = now.Before(until)
	}
	n.unheard = now.Sub(l.since) < l.term || l.delivers(now, consumer)
	return n
}

// delivers says whether the consumer may have handed something out within the last term. Its own time of the last delivery
// counts heartbeats, too.
func (l *leases) delivers(now time.Time, consumer *jetstream.ConsumerInfo) bool {
	if n := consumer.Delivered.Consumer; n != l.deliveries {
		l.deliveries, l.delivered = n, now
	}
	last := consumer.Delivered.Last
	return now.Sub(l.delivered) < l.term && last != nil && consumer.TimeStamp.Sub(*last) < l.term
}

// holds tells whether a worker holds one of the captures that the consumer has handed out.
func (n leasesNow) holds(sequence uint64) bool {
	held, heard := n.held[sequence]
	return held || !heard && n.unheard
}

// count is how many of them workers hold.
func (n leasesNow) count() int {
	held := 0
	for _, h := range n.held {
		if h {
			held++
		}
	}
	if n.unheard {
		held += max(0, n.pending-len(n.held))
	}
	return min(held, n.pending)
}
