package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"plumbline/internal/posture"
)

// ErrSettled is returned by the second verb on one claim.
var ErrSettled = errors.New("the claim is settled already")

// Claim is one capture under a lease. It ends with one of its verbs: Acknowledge, Release, Fail or Bury. When a verb
// returns an error the lease is not renewed any more, so that the capture returns by itself; the verb may still be tried
// again.
type Claim struct {
	Capture posture.Capture

	worker    *Worker
	facts     facts
	sequence  uint64
	run       string    // of the consumer that handed it out
	delivered uint64    // how many times in this run, this time included
	blame     int       // before this claim
	noted     bool      // a note of it exists
	why       string    // of the last blame
	buried    time.Time // when it became a dead letter; zero unless there is one

	msgMu sync.Mutex // not mu, which is held while a verb is done, and heartbeats go on
	msg   jetstream.Msg

	beat func()      // ends the heartbeats
	hung *time.Timer // nil until the claim has begun
	held bool        // the claim has begun
	file string      // in the claims' folder, where there is one

	mu      sync.Mutex
	settled bool
	over    bool // heartbeats, clock, gate and file have ended
}

// newClaim starts the heartbeats and looks the blame up.
func (w *Worker) newClaim(ctx context.Context, msg jetstream.Msg) (*Claim, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return nil, fmt.Errorf("claiming: %w", err)
	}
	c := &Claim{
		worker: w, msg: msg, sequence: meta.Sequence.Stream, delivered: meta.NumDelivered,
		facts: facts{ID: strings.TrimPrefix(msg.Subject(), w.names.subjects(queueStream))},
	}
	c.startBeat() // it may take a while to find a hub that knows the blame
	if c.delivered > 1 {
		c.renew() // hubs heard of the worker before; they shall know that there is another one
	}
	id := ""
	if c.delivered > 1 { // the one before may have died between dead letter and acknowledgement
		id = c.facts.ID
	}
	ctx, cancel := outlive(ctx, deskTry) // else the capture could not be given back, and would be blamed
	defer cancel()
	if c.run, err = w.currentRun(ctx); err != nil {
		c.beat()
		return nil, err
	}
	r, err := w.desk.attempts(ctx, c.sequence, id)
	if err != nil {
		c.beat()
		return nil, err
	}
	n := r.Note
	c.blame, c.noted, c.why = n.before(c.run, c.delivered), r.Noted, n.Why
	if c.blame > n.Blame {
		c.why = "its lease ran out"
	}
	c.buried = r.Buried
	return c, nil
}

// startBeat renews the lease at a third of its length until beat is called.
func (c *Claim) startBeat() {
	ctx, cancel := context.WithCancel(context.Background())
	c.beat = cancel
	go func() {
		t := time.NewTicker(c.worker.lease / 3)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				c.renew()
			}
		}
	}()
}

func (c *Claim) renew() {
	if err := c.message().InProgress(); err != nil && !passing(err) {
		c.worker.log.Warn("renewing a lease", "capture", c.facts.ID, "error", err)
	}
}

// begin puts the capture into its caller's hand: from now on the end of the process is its fault.
func (c *Claim) begin(ctx context.Context) error {
	w := c.worker
	if err := w.gate.enter(ctx, c.blame > 0); err != nil {
		return fmt.Errorf("waiting to claim capture %s: %w", c.facts.ID, err)
	}
	if c.blame > 0 {
		if err := c.noteBlame(ctx, c.blame+1, "the process ended while it was analysed"); err != nil {
			w.gate.leave()
			return err
		}
	}
	file, err := w.claims.put(claimFile{Sequence: c.sequence, Capture: c.facts.ID, Blame: c.blame, Run: c.run, Delivered: c.delivered})
	if err != nil {
		w.gate.leave()
		return err
	}
	c.mu.Lock()
	c.held, c.file = true, file
	c.hung = time.AfterFunc(w.analysisTimeout, c.hang)
	c.mu.Unlock()
	w.mu.Lock()
	w.hand[c.facts.ID] = c
	w.mu.Unlock()
	w.teller.hasClaimed()
	return nil
}

// noteBlame writes what the next claimer should know of this attempt.
func (c *Claim) noteBlame(ctx context.Context, blame int, why string) error {
	c.noted = true // also where no answer comes
	return c.worker.desk.note(ctx, c.sequence, note{Blame: blame, Run: c.run, Delivered: c.delivered, Why: why})
}

// hang ends the lease of an analysis that takes too long.
func (c *Claim) hang() {
	c.mu.Lock()
	over := c.over
	c.beat()
	c.mu.Unlock()
	if over {
		return
	}
	c.worker.absolve(c)
	c.blameHang()
	c.worker.metrics.hung.Inc()
	c.worker.log.Error("an analysis hangs; its lease is not renewed any more",
		"capture", c.facts.ID, "device", c.facts.Device, "after", c.worker.analysisTimeout)
	c.worker.onHung(c.facts.ID)
}

// blameHang notes the reason while the process can still tell it. Where that fails the next one blames the capture all the
// same, and says only that the process ended.
func (c *Claim) blameHang() {
	ctx, cancel := context.WithTimeout(context.Background(), deskTry)
	defer cancel()
	w := c.worker
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.noteBlame(ctx, c.blame+1, fmt.Sprintf("its analysis took longer than %s", w.analysisTimeout)); err != nil {
		w.log.Warn("noting why an analysis is given up", "capture", c.facts.ID, "error", err)
	}
}

// Acknowledge takes the capture out of the queue: its result is recorded.
func (c *Claim) Acknowledge(ctx context.Context) error {
	return c.settle("acknowledging", func() error { return c.remove(ctx) })
}

// Release gives the capture back, to be claimed again at once, without blame: the worker ends, or what it needs is
// missing.
func (c *Claim) Release(ctx context.Context, why string) error {
	return c.giveBack(ctx, why, 0)
}

// releaseTimeout bounds a release: who ends has little time, and without a hub the lease runs out anyway.
const releaseTimeout = 5 * time.Second

func (c *Claim) giveBack(ctx context.Context, why string, delay time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, releaseTimeout)
	defer cancel()
	return c.settle("releasing", func() error {
		if stale, err := c.stale(ctx); stale || err != nil {
			return err
		}
		if err := c.noteBlame(ctx, c.blame, c.why); err != nil {
			return err
		}
		c.worker.metrics.released.Inc()
		c.worker.log.Debug("released", "capture", c.facts.ID, "why", why)
		return c.nak(delay)
	})
}

// Fail gives the capture back with blame: this attempt went wrong and it may be the capture's fault. It is claimed again
// after a pause, until its blame is used up.
func (c *Claim) Fail(ctx context.Context, why string) error {
	return c.settle("failing", func() error {
		if stale, err := c.stale(ctx); stale || err != nil {
			return err
		}
		if err := c.noteBlame(ctx, c.blame+1, why); err != nil {
			return err
		}
		c.worker.metrics.failed.Inc()
		c.worker.log.Warn("an attempt failed", "capture", c.facts.ID, "device", c.facts.Device, "blame", c.blame+1, "why", why)
		return c.nak(time.Duration(c.blame+1) * failPause)
	})
}

// failPause is the pause after the first failed attempt, each further one adds as much; and after a newer format was met.
var failPause = time.Second

// Bury makes a dead letter of the capture: it can never be analysed.
func (c *Claim) Bury(ctx context.Context, why string) error {
	return c.settle("burying", func() error { return c.toDead(ctx, why) })
}

// buriedBefore takes a capture out of the queue that is a dead letter already.
func (c *Claim) buriedBefore(ctx context.Context) error {
	return c.settle("removing", func() error { return c.remove(ctx) })
}

// giveUp buries a capture whose blame is used up.
func (c *Claim) giveUp(ctx context.Context) error {
	return c.settle("burying", func() error {
		return c.toDead(ctx, fmt.Sprintf("given up after %d attempts; the last one: %s", c.blame, c.why))
	})
}

// toDead commits the dead letter first, then takes the capture out of the queue. A crash in between leaves both; then
// the next start removes it from the queue.
func (c *Claim) toDead(ctx context.Context, why string) error {
	d := death{Reason: clip(why, maxReason), At: time.Now().UTC(), Attempts: c.blame + 1}
	if !c.held { // given up before this attempt began
		d.Attempts = c.blame
	}
	if err := c.worker.desk.bury(ctx, burial{c.sequence, c.facts.ID, d}); err != nil {
		return err
	}
	c.worker.log.Warn("dead letter", "capture", c.facts.ID, "device", c.facts.Device, "why", why)
	return c.remove(ctx)
}

// remove acknowledges and waits until JetStream has taken the capture out.
func (c *Claim) remove(ctx context.Context) error {
	if err := c.takeOut(ctx); err != nil {
		return err
	}
	if !c.noted {
		return nil
	}
	if err := c.worker.desk.forget(ctx, c.sequence); err != nil {
		c.worker.log.Warn("the next start forgets it instead", "error", err)
	}
	return nil
}

// takeOut tries again where the server may be elsewhere, for as long as the lease may last: one that is started anew
// still knows it.
func (c *Claim) takeOut(ctx context.Context) error {
	if c.worker.presence == nil {
		return c.message().DoubleAck(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, c.worker.lease+deskTry)
	defer cancel()
	for {
		err := c.tryTakeOut(ctx)
		if err == nil || !mayPass(err) {
			return err
		}
		select {
		case <-time.After(askPause):
		case <-ctx.Done():
			return err
		}
	}
}

func (c *Claim) tryTakeOut(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deskTry)
	defer cancel()
	stale, err := c.stale(ctx)
	if err != nil {
		return err
	}
	if stale {
		return c.worker.desk.remove(ctx, c.sequence, c.facts.ID)
	}
	return c.message().DoubleAck(ctx)
}

func (c *Claim) nak(delay time.Duration) error {
	var err error
	if delay > 0 {
		err = c.message().NakWithDelay(delay)
	} else {
		err = c.message().Nak()
	}
	if err != nil {
		return err
	}
	return c.worker.nc.Flush()
}

// settle does a verb once. Well or not, the claim is over then: one that waited for ever for a verb to succeed would
// keep its place, and whoever must be alone would wait for ever too.
func (c *Claim) settle(act string, do func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.settled {
		return ErrSettled
	}
	err := do()
	c.settled = err == nil
	if !c.over {
		c.over = true
		c.beat()
		c.worker.letGo(c)
	}
	if err != nil {
		return fmt.Errorf("%s capture %s: %w", act, c.facts.ID, err)
	}
	return nil
}

// absolve takes the blame for the coming end of the process off all claims in hand but the one that hangs. In the hub's
// process it is their files that would blame them, elsewhere the end of their leases.
func (w *Worker) absolve(hanging *Claim) {
	ctx, cancel := context.WithTimeout(context.Background(), deskTry)
	defer cancel()
	for _, c := range w.inHand() {
		if c == hanging {
			continue
		}
		if w.presence != nil {
			if err := c.Release(ctx, "another analysis of its process hangs"); err != nil && !errors.Is(err, ErrSettled) {
				w.log.Warn("giving back a claim that does not hang", "error", err)
			}
		} else if err := w.claims.remove(c.file); err != nil {
			w.log.Warn("removing the file of a claim that does not hang", "error", err)
		}
	}
}

// letGo ends what begin began.
func (w *Worker) letGo(c *Claim) {
	if !c.held {
		return
	}
	c.hung.Stop()
	if err := w.claims.remove(c.file); err != nil {
		w.log.Warn("removing the file of a settled claim", "error", err)
	}
	w.gate.leave()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hand[c.facts.ID] == c {
		delete(w.hand, c.facts.ID)
	}
}

// analysed stops the clock that watches for hung analyses: what follows, recording, may take as long as it takes, and should
// the process end meanwhile that is not the capture's fault.
func (c *Claim) analysed(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hung != nil {
		c.hung.Stop()
	}
	if c.over {
		return
	}
	err := c.worker.claims.remove(c.file)
	if c.blame > 0 {
		err = errors.Join(err, c.noteBlame(ctx, c.blame, c.why))
	}
	if err != nil {
		c.worker.log.Warn("noting that an analysis is through", "capture", c.facts.ID, "error", err)
	}
}
