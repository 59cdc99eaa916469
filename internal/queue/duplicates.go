package queue

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// index finds the journal entry of a message that may have been accepted before: 64 bits of hash to the sequence of the
// newest such entry. It is compact (some 40 bytes an entry) because it only proposes; the entry itself decides.
type index struct {
	seed maphash.Seed

	mu sync.RWMutex
	// Three generations of half a window each: what is looked for has been added within one window.
	generations [3]map[uint64]uint64
	began       time.Time // of generation 0
}

func newIndex() *index {
	x := &index{seed: maphash.MakeSeed()}
	for i := range x.generations {
		x.generations[i] = map[uint64]uint64{}
	}
	return x
}

func (x *index) hash(k messageKey) uint64 {
	var h maphash.Hash
	h.SetSeed(x.seed)
	var id [2]byte
	binary.BigEndian.PutUint16(id[:], k.packetID)
	_, _ = h.Write(id[:]) // a Hash's writes never fail
	_, _ = h.WriteString(k.sha256)
	_, _ = h.WriteString(k.topic)
	return h.Sum64()
}

// add remembers an entry that was made at the given time; entries come in the order of time.
func (x *index) add(k messageKey, sequence uint64, at time.Time) {
	hash := x.hash(k)
	x.mu.Lock()
	defer x.mu.Unlock()
	for at.Sub(x.began) >= dupWindow/2 {
		x.turn(at)
	}
	x.generations[0][hash] = sequence
}

func (x *index) turn(at time.Time) {
	g := &x.generations
	g[0], g[1], g[2] = map[uint64]uint64{}, g[0], g[1]
	if x.began = x.began.Add(dupWindow / 2); at.Sub(x.began) >= 2*dupWindow {
		x.began = at // the first one, or one after a long silence: nothing older is looked for
	}
}

func (x *index) find(k messageKey) (sequence uint64, found bool) {
	hash := x.hash(k)
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, g := range x.generations {
		if sequence, found = g[hash]; found {
			return sequence, true
		}
	}
	return 0, false
}

// before returns the id under which the message was accepted before, or "". Of a message that may be one sent again, it
// first finishes the acceptance that is under way.
func (h *Hub) before(ctx context.Context, r Receipt, f facts) (string, error) {
	if err := h.past.wait(ctx); err != nil {
		return "", err
	}
	if p := h.promises.withKey(f.key()); p != nil {
		if err := h.fulfil(ctx, p); err == nil {
			return p.facts.ID, nil
		} else if !p.isRefused() {
			return "", err
		}
	}
	if h.others != nil {
		if err := h.catchUp(ctx); err != nil {
			return "", err
		}
	}
	if r.DUP {
		if id, err := h.sentBefore(ctx, f.key()); err != nil || id != "" {
			return id, err
		}
	}
	if h.others != nil {
		if err := h.enterOthers(ctx); err != nil {
			return "", err
		}
		if id, err := h.sentBefore(ctx, f.key()); r.DUP && (err != nil || id != "") {
			return id, err
		}
	}
	if r.Retained {
		return h.retainedBefore(ctx, f)
	}
	return "", nil
}

// sentBefore looks the message up by topic, packet id and hash, for a day.
func (h *Hub) sentBefore(ctx context.Context, k messageKey) (string, error) {
	sequence, found := h.earlier.find(k)
	if !found {
		sequence, found = h.past.earlier.find(k)
	}
	if !found {
		return "", nil
	}
	m, err := h.streams.journal.GetMsg(ctx, sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return "", nil // it left the journal by age
	}
	if err != nil {
		return "", fmt.Errorf("reading journal entry %d: %w", sequence, err)
	}
	f, err := parseFacts(m.Data)
	if err != nil {
		return "", err
	}
	if f.key() != k || h.now().Sub(m.Time) > dupWindow {
		return "", nil
	}
	return f.ID, nil
}

// retainedBefore looks the message up by topic and hash in the whole journal. A broker outside sends a retained message
// once for each subscription, so reading the topic's entries is paid for rarely.
func (h *Hub) retainedBefore(ctx context.Context, f facts) (string, error) {
	for e, err := range h.journal(ctx, scan{filter: h.streams.journal.subject(topicToken(f.Topic))}) {
		if err != nil {
			return "", err
		}
		if e.facts.Topic == f.Topic && e.facts.SHA256 == f.SHA256 {
			return e.facts.ID, nil
		}
	}
	return "", nil
}
