package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// desk is what a worker needs of a hub beside the queue itself and the recording of results: the hub keeps the notes of
// blame and buries. In the hub's process it is called directly, from elsewhere by requests (remoteDesk).
type desk interface {
	// attempts reads what is known of a capture's earlier attempts; with an id, also whether it is a dead letter.
	attempts(ctx context.Context, sequence uint64, id string) (record, error)
	// note writes what the next claimer should know, with a sync.
	note(ctx context.Context, sequence uint64, n note) error
	// forget removes the note of a capture that left the queue.
	forget(ctx context.Context, sequence uint64) error
	// remove takes a recorded capture out of the queue whose claim is of an earlier run, which JetStream does not know.
	remove(ctx context.Context, sequence uint64, id string) error
	// bury commits the dead letter of a capture in the queue, its journal entry first.
	bury(ctx context.Context, b burial) error
	// crashed blames a claim that was in hand when its process ended.
	crashed(ctx context.Context, f claimFile) error
}

// record is what is known of a capture before it is claimed.
type record struct {
	Note  note `json:"note"`
	Noted bool `json:"noted"`
	// Buried is when it became a dead letter; zero unless there is one.
	Buried time.Time `json:"buried,omitzero"`
}

// burial asks for a dead letter. The hub reads the picture from the queue itself.
type burial struct {
	Sequence uint64 `json:"sequence"`
	ID       string `json:"id"`
	Death    death  `json:"death"`
}

// Verbs of the desk, the last tokens of their subjects.
const (
	verbAttempts = "attempts"
	verbNote     = "note"
	verbForget   = "forget"
	verbRemove   = "remove"
	verbBury     = "bury"
	verbCrashed  = "crashed"
	verbPresent  = "present" // every hub hears it
	verbLeave    = "leave"   // likewise
)

// errand is a request to the desk; which fields count depends on the verb.
type errand struct {
	Sequence uint64    `json:"sequence,omitempty"`
	ID       string    `json:"id,omitempty"`
	Note     note      `json:"note,omitzero"`
	Death    death     `json:"death,omitzero"`
	Claim    claimFile `json:"claim,omitzero"`

	Worker *presenceWire `json:"worker,omitempty"`
}

// deskReply is the hub's reply to an errand.
type deskReply struct {
	answer
	Record record `json:"record,omitzero"`
	Leave  bool   `json:"leave,omitempty"` // finish and end
}

// hubDesk is the desk in the hub's process.
type hubDesk struct{ *Hub }

func (d hubDesk) attempts(ctx context.Context, sequence uint64, id string) (record, error) {
	var r record
	var err error
	if r.Note, r.Noted, err = d.notes.read(ctx, sequence); err != nil {
		return r, err
	}
	if id == "" {
		return r, nil
	}
	f, _, err := d.letter(ctx, id)
	if errors.Is(err, ErrNoSuchLetter) {
		return r, nil
	}
	if err == nil {
		r.Buried = f.Death.At
	}
	return r, err
}

func (d hubDesk) note(ctx context.Context, sequence uint64, n note) error {
	return d.notes.write(ctx, sequence, n)
}

func (d hubDesk) forget(ctx context.Context, sequence uint64) error {
	return d.notes.forget(ctx, sequence)
}

func (d hubDesk) remove(ctx context.Context, sequence uint64, id string) error {
	m, err := d.streams.queue.GetMsg(ctx, sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && m.Subject != d.streams.queue.subject(id) {
		return nil
	}
	if err == nil {
		err = d.streams.queue.DeleteMsg(ctx, sequence)
	}
	d.leases.forget(sequence)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("removing capture %s: %w", id, err)
	}
	return nil
}

// bury reads the capture from the queue. That it is not there, or a dead letter already, is well: an answer was lost.
func (d hubDesk) bury(ctx context.Context, b burial) error {
	m, err := d.streams.queue.GetMsg(ctx, b.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && m.Subject != d.streams.queue.subject(b.ID) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading capture %s: %w", b.ID, err)
	}
	f, err := readFacts(m.Header)
	if err != nil {
		f = facts{ID: b.ID} // which may be why it is buried
	}
	f.Death = &b.Death
	return d.Hub.bury(ctx, f, m.Data)
}

func (d hubDesk) crashed(ctx context.Context, f claimFile) error { return d.blameCrash(ctx, f) }

// serveDesk answers workers of other processes until the hub closes. Which hub of several answers does not matter.
func (h *Hub) serveDesk() (err error) {
	subject := h.names.desk("*")
	var under sync.WaitGroup
	places := make(chan struct{}, recordersAtOnce)
	h.deskSub, err = h.nc.QueueSubscribe(subject, "hubs", func(m *nats.Msg) {
		places <- struct{}{}
		under.Go(func() {
			h.attend(m)
			<-places
		})
	})
	if err == nil {
		err = h.deskSub.SetPendingLimits(-1, -1)
	}
	if err != nil {
		return fmt.Errorf("listening to workers: %w", err)
	}
	h.closeDesk = func() error { return drain(h.nc, h.deskSub, &under) }
	return h.hearPresence()
}

// attend answers one errand.
func (h *Hub) attend(m *nats.Msg) {
	ctx, cancel := context.WithTimeout(h.ctx, commitTimeout)
	defer cancel()
	var reply deskReply
	var e errand
	err := checkFormat(m.Header)
	if err == nil {
		err = json.Unmarshal(m.Data, &e)
	}
	if err == nil {
		switch verb := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]; verb {
		case verbPresent, verbLeave:
			reply.Leave = h.presence(verb, e)
		default:
			reply.Record, err = run(ctx, hubDesk{h}, verb, e)
		}
	}
	if err != nil {
		reply.answer = answer{err.Error(), permanent(err)}
	}
	text, err := json.Marshal(reply)
	if err == nil {
		err = m.Respond(text)
	}
	if err != nil {
		h.log.Warn("answering a worker", "error", err)
	}
}

func run(ctx context.Context, d desk, verb string, e errand) (record, error) {
	switch verb {
	case verbAttempts:
		return d.attempts(ctx, e.Sequence, e.ID)
	case verbNote:
		return record{}, d.note(ctx, e.Sequence, e.Note)
	case verbForget:
		return record{}, d.forget(ctx, e.Sequence)
	case verbRemove:
		return record{}, d.remove(ctx, e.Sequence, e.ID)
	case verbBury:
		return record{}, d.bury(ctx, burial{e.Sequence, e.ID, e.Death})
	case verbCrashed:
		return record{}, d.crashed(ctx, e.Claim)
	}
	return record{}, fmt.Errorf("this hub can't %q: use a newer one", verb)
}

// remoteDesk is the desk of a worker in another process: each verb is a request, repeated until a hub answers or ctx
// ends. All of them may be done twice.
type remoteDesk struct {
	names  names
	caller caller
}

func (d remoteDesk) ask(ctx context.Context, verb string, e errand) (record, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return record{}, fmt.Errorf("asking the hub: %w", err)
	}
	reply, err := d.caller.ask(ctx, d.names.desk(verb), text, deskTry)
	if err != nil {
		return record{}, err
	}
	var r deskReply
	if err := json.Unmarshal(reply, &r); err != nil {
		return record{}, fmt.Errorf("reading the hub's answer: %w", err)
	}
	return r.Record, r.err()
}

func (d remoteDesk) attempts(ctx context.Context, sequence uint64, id string) (record, error) {
	return d.ask(ctx, verbAttempts, errand{Sequence: sequence, ID: id})
}

func (d remoteDesk) note(ctx context.Context, sequence uint64, n note) error {
	_, err := d.ask(ctx, verbNote, errand{Sequence: sequence, Note: n})
	return err
}

func (d remoteDesk) forget(ctx context.Context, sequence uint64) error {
	_, err := d.ask(ctx, verbForget, errand{Sequence: sequence})
	return err
}

func (d remoteDesk) remove(ctx context.Context, sequence uint64, id string) error {
	_, err := d.ask(ctx, verbRemove, errand{Sequence: sequence, ID: id})
	return err
}

func (d remoteDesk) bury(ctx context.Context, b burial) error {
	_, err := d.ask(ctx, verbBury, errand{Sequence: b.Sequence, ID: b.ID, Death: b.Death})
	return err
}

func (d remoteDesk) crashed(ctx context.Context, f claimFile) error {
	_, err := d.ask(ctx, verbCrashed, errand{Claim: f})
	return err
}
