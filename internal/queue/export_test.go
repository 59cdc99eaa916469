package queue

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// SetNow moves the clock by which messages sent again are forgotten.
func (h *Hub) SetNow(now func() time.Time) { h.now = now }

// BeforeJournal is called between the two commits of each acceptance; its error stands for a failing second one.
func (h *Hub) BeforeJournal(f func(captureID string) error) { h.beforeJournal = f }

// SetFreeDisk replaces the look at the disk.
func (h *Hub) SetFreeDisk(free func(dir string) (int64, error)) {
	h.health.mu.Lock()
	defer h.health.mu.Unlock()
	h.health.free, h.health.looked = free, time.Time{}
}

// LetDie ends a worker as the death of its machine would: without a word. Its lease is left to run out.
func (h *Hub) LetDie(w *Worker) {
	for _, c := range w.inHand() {
		c.mu.Lock()
		c.settled, c.over = true, true
		c.beat()
		w.letGo(c) // another machine's claims are neither in our gate nor in our folder
		c.mu.Unlock()
	}
	w.nc.Close()
	w.closed(w)
}

// Elsewhere makes w a worker of another machine, which shares neither gate nor claims' folder with this one and asks the
// hub by requests.
func (w *Worker) Elsewhere(dir string) *Worker {
	w.gate, w.claims, w.desk = newGate(), &claimFiles{dir}, remoteDesk{w.names, caller{nc: w.nc}}
	return w
}

// Blame is the claim's blame before this attempt.
func (c *Claim) Blame() int { return c.blame }

// FailPause sets the pauses after failed attempts and burials and returns what puts it back.
func FailPause(d time.Duration) func() {
	oldFail, oldBury := failPause, buryPause
	failPause, buryPause = d, d
	return func() { failPause, buryPause = oldFail, oldBury }
}

// EnterMany enters n captures into the journal that never were anywhere else.
func (h *Hub) EnterMany(n int) error {
	for range n {
		id, err := h.ids.make(time.Now())
		if err != nil {
			return err
		}
		text, err := json.Marshal(facts{ID: id})
		if err != nil {
			return err
		}
		if _, err := h.js.PublishAsync(h.streams.journal.subject("many"), text); err != nil {
			return err
		}
	}
	<-h.js.PublishAsyncComplete()
	return nil
}

// ReadBatch is how many messages a reader may have at hand.
const ReadBatch = readerBatch

// ReadersAt is the server that hands the journal out, by name.
func (h *Hub) ReadersAt(ctx context.Context) (server string) {
	for c := range h.streams.journal.ListConsumers(ctx).Info() {
		server = c.Cluster.Leader
	}
	return server
}

// CommitTimeout sets the time for one write.
func CommitTimeout(d time.Duration) { commitTimeout = d }

// PutNewer puts a message of a later format into the queue.
func (h *Hub) PutNewer(ctx context.Context) (string, error) {
	id, err := h.ids.make(time.Now())
	if err != nil {
		return "", err
	}
	m := nats.NewMsg(h.streams.queue.subject(id))
	m.Header.Set(formatHeader, "2")
	m.Data = []byte("of another shape")
	_, err = h.js.PublishMsg(ctx, m)
	return id, err
}

// PutQueue and PutDropped leave a capture half way between two streams, as a crash would.
func (h *Hub) PutQueue(ctx context.Context, d DeadLetter) error {
	return h.put(ctx, h.streams.queue, d)
}

// PutDropped is PutQueue for the stream of drops.
func (h *Hub) PutDropped(ctx context.Context, d DeadLetter) error {
	return h.put(ctx, h.streams.dropped, d)
}

func (h *Hub) put(ctx context.Context, s stream, d DeadLetter) error {
	m, err := newMessage(s.subject(d.ID), facts{ID: d.ID, Topic: d.Topic, SHA256: d.SHA256}, d.Picture)
	if err == nil {
		_, err = h.js.PublishMsg(ctx, m)
	}
	return err
}

// Functions of foreign bytes, for fuzzing.
var (
	EncodeResult = encodeResult
	DecodeResult = decodeResult
)

// ParseFacts reports whether the header's text is readable, and the text that would be written of what was read.
func ParseFacts(text []byte) (again []byte, err error) {
	f, err := parseFacts(text)
	if err != nil {
		return nil, err
	}
	m, err := newMessage("x", f, nil)
	if err != nil {
		return nil, err
	}
	return []byte(m.Header.Get(factsHeader)), nil
}

// DialListener joins a hub's listener as a worker does.
func DialListener(url, tokenFile string, options ...nats.Option) (*nats.Conn, error) {
	t, err := readToken(tokenFile)
	if err != nil {
		return nil, err
	}
	return dialListener(url, t, options...)
}

// ParseToken is the parser of token files, for fuzzing.
func ParseToken(text string) error { _, err := parseToken(text); return err }

// ReplayHalf does the first half of a replay.
func (h *Hub) ReplayHalf(ctx context.Context, id string) error {
	f, m, err := h.letter(ctx, id)
	if err != nil {
		return err
	}
	f.Replayed, f.Death = f.Death.At, nil
	again, err := newMessage(h.streams.queue.subject(id), f, m.Data)
	if err == nil {
		_, err = h.js.PublishMsg(ctx, again)
	}
	return err
}

// BuryHalf does the first half of a burial.
func (c *Claim) BuryHalf(ctx context.Context) error {
	return c.worker.desk.bury(ctx, burial{c.sequence, c.facts.ID, death{Reason: "for the test", At: time.Now().UTC()}})
}

// Die ends a joined worker as the death of its process would.
func (w *Worker) Die() {
	for _, c := range w.inHand() {
		c.mu.Lock()
		c.settled, c.over = true, true
		c.beat()
		c.hung.Stop()
		c.mu.Unlock()
	}
	w.presence.stop()
	w.nc.Close()
}

// ForgetJournal removes the first entries of the journal, as their age would.
func (h *Hub) ForgetJournal(ctx context.Context, entries uint64) error {
	return h.streams.journal.Purge(ctx, jetstream.WithPurgeSequence(entries+1))
}

// Limits are the journal's age and the queue's size.
func (h *Hub) Limits(ctx context.Context) (time.Duration, int64) {
	journal, err := h.streams.journal.Info(ctx)
	if err != nil {
		return 0, 0
	}
	queue, err := h.streams.queue.Info(ctx)
	if err != nil {
		return 0, 0
	}
	return journal.Config.MaxAge, queue.Config.MaxBytes
}

// BetweenExchange is called when a letter is in the queue again, or dropped, and not removed yet.
func (h *Hub) BetweenExchange(f func(captureID string)) { h.betweenExchange = f }

// ResultsHeld sets how many results a hub holds and returns what puts it back.
func ResultsHeld(n int) func() {
	old := resultsHeld
	resultsHeld = n
	return func() { resultsHeld = old }
}

// ResultsUnderWay is how many results the hub holds.
func (h *Hub) ResultsUnderWay() int {
	r := h.handed.Load()
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.underWay)
}

// Askers is how many requests wait for a capture's result to be recorded.
func (h *Hub) Askers(id string) int {
	r := h.handed.Load()
	r.mu.Lock()
	defer r.mu.Unlock()
	if u := r.underWay[id]; u != nil {
		return len(u.askers)
	}
	return 0
}

// Permanent reports whether an error says of itself that no repetition helps.
func Permanent(err error) bool { return permanent(err) }
