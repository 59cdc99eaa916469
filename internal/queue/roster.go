package queue

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// beatEvery is how often a worker elsewhere tells its hubs that it is there; one that was silent for four beats is not.
const (
	beatEvery  = 3 * time.Second
	beatsHeard = 4
)

// ErrNoSuchWorker says that no worker of that name is present.
var ErrNoSuchWorker = errors.New("no such worker is present")

// Presence is what a worker of another process says of itself. Sessions of the hub's own process are not among them.
type Presence struct {
	Name     string    // as its process was told; in Kubernetes the pod's
	Node     string    // the machine that it runs on
	Since    time.Time // when it joined, by its own clock
	Claimed  bool      // it has claimed a capture at least once
	InHand   []string  // captures that it has claimed and not settled
	Heard    time.Time // when it last said so, by this hub's clock
	Leaving  bool      // it was asked to end
	instance string    // tells two processes of one name apart
}

// presenceWire is a Presence on its way to the hubs.
type presenceWire struct {
	Instance string    `json:"instance"`
	Name     string    `json:"name"`
	Node     string    `json:"node,omitempty"`
	Since    time.Time `json:"since"`
	Claimed  bool      `json:"claimed,omitempty"`
	InHand   []string  `json:"in_hand,omitempty"`
	Gone     bool      `json:"gone,omitempty"` // it closes
}

// roster is who is there.
type roster struct {
	mu      sync.Mutex
	present map[string]Presence  // by instance
	asked   map[string]time.Time // instances that were asked to end, and when they were last heard of
}

func newRoster() *roster {
	return &roster{present: map[string]Presence{}, asked: map[string]time.Time{}}
}

// hear takes a beat and says whether its sender was asked to end.
func (r *roster) hear(now time.Time, w presenceWire) (leave bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now)
	if w.Gone {
		delete(r.present, w.Instance)
		delete(r.asked, w.Instance)
		return false
	}
	if _, leave = r.asked[w.Instance]; leave {
		r.asked[w.Instance] = now
	}
	r.present[w.Instance] = Presence{
		Name: clip(w.Name, maxDevice), Node: clip(w.Node, maxDevice), Since: w.Since, Claimed: w.Claimed, InHand: w.InHand,
		Heard: now, Leaving: leave, instance: w.Instance,
	}
	return leave
}

// forget drops those who were silent for too long, with mu held.
func (r *roster) forget(now time.Time) {
	silent := func(since time.Time) bool { return now.Sub(since) > beatsHeard*beatEvery }
	maps.DeleteFunc(r.present, func(_ string, p Presence) bool { return silent(p.Heard) })
	maps.DeleteFunc(r.asked, func(_ string, at time.Time) bool { return silent(at) })
}

// list is everybody, by name.
func (r *roster) list(now time.Time) []Presence {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now)
	all := slices.Collect(maps.Values(r.present))
	slices.SortFunc(all, func(a, b Presence) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.instance, b.instance))
	})
	return all
}

// ask notes that the workers of a name are to end at their next beat, and how many there are.
func (r *roster) ask(now time.Time, name string) (found int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget(now)
	for id, p := range r.present {
		if p.Name == name {
			found++
			p.Leaving = true
			r.present[id], r.asked[id] = p, now
		}
	}
	return found
}

// Workers are the workers of other processes that are there, by name. After its start a hub knows them within one beat,
// which is 3 seconds.
func (h *Hub) Workers() []Presence { return h.roster.list(h.now()) }

// AskToLeave asks the workers of a name to finish what they have in hand and to end. They hear it with the answer to their
// next beat. ErrNoSuchWorker says that there is none.
func (h *Hub) AskToLeave(name string) error {
	if h.roster.ask(h.now(), name) == 0 {
		return fmt.Errorf("asking worker %q to leave: %w", name, ErrNoSuchWorker)
	}
	if h.options.Outside == nil {
		return nil
	}
	text, err := json.Marshal(errand{Worker: &presenceWire{Name: name}})
	if err != nil {
		return fmt.Errorf("asking worker %q to leave: %w", name, err)
	}
	if err := h.tellHubs(verbLeave, text); err != nil {
		return fmt.Errorf("telling other hubs that worker %q is to leave: %w", name, err)
	}
	return nil
}

// tellHubs sends an errand that every hub hears; the one of them that answers it does so to nobody.
func (h *Hub) tellHubs(verb string, text []byte) error {
	m := nats.NewMsg(h.names.desk(verb))
	m.Header.Set(formatHeader, strconv.Itoa(formatVersion))
	m.Reply, m.Data = h.nc.NewInbox(), text
	return h.nc.PublishMsg(m) //nolint:wrapcheck // the caller says what it told
}

// hearPresence lets each of several hubs hear what only one of them answers.
func (h *Hub) hearPresence() error {
	if h.options.Outside == nil {
		return nil
	}
	for _, verb := range []string{verbPresent, verbLeave} {
		_, err := h.nc.Subscribe(h.names.desk(verb), func(m *nats.Msg) {
			var e errand
			if checkFormat(m.Header) == nil && json.Unmarshal(m.Data, &e) == nil {
				h.presence(verb, e)
			}
		})
		if err != nil {
			return fmt.Errorf("listening to workers: %w", err)
		}
	}
	return nil
}

// presence does an errand that concerns who is there.
func (h *Hub) presence(verb string, e errand) (leave bool) {
	switch {
	case e.Worker == nil:
	case verb == verbPresent:
		return h.roster.hear(h.now(), *e.Worker)
	case verb == verbLeave:
		h.roster.ask(h.now(), e.Worker.Name)
	}
	return false
}

// teller tells the hubs of a worker of another process.
type teller struct {
	worker         *Worker
	name, node     string
	instance       string
	since          time.Time
	leave          func() // called once, when a hub asks
	first          sync.Once
	claimed        chan struct{} // closed at the first claim
	last           sync.Once
	ended, stopped chan struct{}
}

func (t *teller) wire(gone bool) ([]byte, error) {
	w := presenceWire{Instance: t.instance, Name: t.name, Node: t.node, Since: t.since, Gone: gone}
	select {
	case <-t.claimed:
		w.Claimed = true
	default:
	}
	for _, c := range t.worker.inHand() {
		w.InHand = append(w.InHand, c.facts.ID)
	}
	return json.Marshal(errand{Worker: &w}) //nolint:wrapcheck // strings, times and a flag
}

// run tells at once, at the first claim, and at each beat, until the worker closes or its connection does. A hub that does not answer misses a
// beat, no more; whether there is one at all others find out.
func (t *teller) run() {
	defer close(t.stopped)
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	asked, first := false, t.claimed
	for !t.worker.nc.IsClosed() {
		if t.tell() && !asked {
			asked = true
			t.leave()
		}
		select {
		case <-beat.C:
		case <-first:
			first = nil
		case <-t.ended:
			t.goodbye()
			return
		}
	}
}

func (t *teller) tell() (leave bool) {
	text, err := t.wire(false)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(t.worker.ctx, beatEvery)
	defer cancel()
	m := nats.NewMsg(t.worker.names.desk(verbPresent))
	m.Header.Set(formatHeader, strconv.Itoa(formatVersion))
	m.Data = text
	reply, err := t.worker.nc.RequestMsgWithContext(ctx, m)
	if err != nil {
		t.worker.log.Debug("telling the hub that this worker is there", "error", err)
		return false
	}
	var r deskReply
	return json.Unmarshal(reply.Data, &r) == nil && r.Leave // a hub of an earlier version only says that it can't
}

// goodbye spares the hubs the wait for beats that will not come.
func (t *teller) goodbye() {
	text, err := t.wire(true)
	if err != nil {
		return
	}
	m := nats.NewMsg(t.worker.names.desk(verbPresent))
	m.Header.Set(formatHeader, strconv.Itoa(formatVersion))
	m.Reply, m.Data = t.worker.nc.NewInbox(), text
	if err := errors.Join(t.worker.nc.PublishMsg(m), t.worker.nc.FlushTimeout(time.Second)); err != nil {
		t.worker.log.Debug("telling the hub that this worker closes", "error", err)
	}
}

// newTeller begins to tell. In the hub's own process there is none, and nothing to tell.
func newTeller(w *Worker, o JoinOptions, instance string) *teller {
	t := &teller{
		worker: w, name: o.Name, node: o.Node, instance: instance, since: time.Now().UTC(), leave: o.OnLeave,
		claimed: make(chan struct{}), ended: make(chan struct{}), stopped: make(chan struct{}),
	}
	go t.run()
	return t
}

// hasClaimed notes the first claim.
func (t *teller) hasClaimed() {
	if t == nil {
		return
	}
	t.first.Do(func() { close(t.claimed) })
}

// stop says goodbye.
func (t *teller) stop() {
	if t == nil {
		return
	}
	t.last.Do(func() { close(t.ended) })
	<-t.stopped
}
