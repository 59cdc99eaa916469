package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Times of a lease. Whoever holds it renews it every leaseBeat; whoever wants it takes it when it has seen no renewal
// for leaseTTL by its own clock, so no two clocks are compared. The holder stops leaseMargin before that: what it ran
// has ended by then.
const (
	leaseTTL    = 5 * time.Second
	leaseMargin = 1 * time.Second
	leaseBeat   = 1 * time.Second
	leasePoll   = 250 * time.Millisecond
)

// errLeaseLost ends what ran under a lease.
var errLeaseLost = errors.New("this hub no longer holds the lease")

// holding is what the bucket says of a lease, or of a hub.
type holding struct {
	Hub      string    `json:"hub"` // of the data folder
	Run      string    `json:"run"` // of the process
	Host     string    `json:"host"`
	Since    time.Time `json:"since"`
	Released bool      `json:"released,omitempty"`
	Alone    bool      `json:"alone,omitempty"` // of a hub: no other one may work beside it
	Open     bool      `json:"open,omitempty"`  // of a hub: it has looked for others
}

// Lead runs f while this hub holds the lease of that name: of several hubs on one NATS one at a time. When the lease is
// lost, as it is when NATS is away, the context of f ends in time, and f is run again once the lease is back. Lead
// returns when ctx ends or f returns by itself, and gives the lease up then, so that the next hub follows at once.
// Without a NATS outside there is no other hub, and f just runs.
func (h *Hub) Lead(ctx context.Context, name string, f func(ctx context.Context) error) error {
	if h.options.Outside == nil {
		return f(ctx)
	}
	if err := h.enter(); err != nil {
		return err
	}
	defer h.busy.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.ctx, cancel)()
	l := &lease{hub: h, kv: h.bucket, key: "lease." + name}
	for {
		if err := l.acquire(ctx); err != nil {
			return nil //nolint:nilerr // it ended before its turn came
		}
		h.log.Info("this hub leads", "lease", name)
		err := l.hold(ctx, f)
		if !errors.Is(err, errLeaseLost) {
			l.release()
			return err
		}
		h.log.Warn("this hub leads no longer; it waits for its turn", "lease", name)
	}
}

// lease is one hub's part in one lease.
type lease struct {
	hub *Hub
	kv  jetstream.KeyValue
	key string

	revision uint64    // of the bucket's entry, while held
	renewed  time.Time // when the last renewal that succeeded was sent
}

// mine is what this hub writes.
func (l *lease) mine() holding { return l.hub.self() }

// write puts a value in place of the revision, which is 0 where there is none yet.
func (l *lease) write(ctx context.Context, v holding, revision uint64) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing a lease: %w", err)
	}
	sent := time.Now()
	if revision == 0 {
		revision, err = l.kv.Create(ctx, l.key, text)
	} else {
		revision, err = l.kv.Update(ctx, l.key, text, revision)
	}
	if err != nil {
		return fmt.Errorf("writing a lease: %w", err)
	}
	l.revision, l.renewed = revision, sent
	return nil
}

// read gives the entry; its revision is 0 where there is none.
func (l *lease) read(ctx context.Context) (v holding, revision uint64, err error) {
	e, err := l.kv.Get(ctx, l.key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return v, 0, nil
	}
	if err != nil {
		return v, 0, fmt.Errorf("reading a lease: %w", err)
	}
	if json.Unmarshal(e.Value(), &v) != nil {
		v = holding{} // none of ours: taken when it does not change
	}
	return v, e.Revision(), nil
}

// acquire waits until the lease is this hub's.
func (l *lease) acquire(ctx context.Context) error {
	var seen uint64
	var since time.Time
	leader := "" // that was told of
	tick := time.NewTicker(leasePoll)
	defer tick.Stop()
	for {
		if v, revision, err := l.tryRead(ctx); err == nil {
			if revision != seen {
				seen, since = revision, time.Now()
			}
			ours := v.Hub == l.hub.id // of this run, in which it was lost, or of one before, which the folder's lock proves over
			if revision == 0 || v.Released || ours || time.Since(since) >= leaseTTL {
				if l.tryWrite(ctx, l.mine(), revision) == nil {
					return nil
				}
			} else if leader != v.Run {
				leader = v.Run
				l.hub.log.Info("another hub leads; this one stands by", "lease", l.key, "leader", v.Host)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (l *lease) tryRead(ctx context.Context) (holding, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, leaseBeat)
	defer cancel()
	return l.read(ctx)
}

func (l *lease) tryWrite(ctx context.Context, v holding, revision uint64) error {
	ctx, cancel := context.WithTimeout(ctx, leaseBeat)
	defer cancel()
	return l.write(ctx, v, revision)
}

// hold runs f until it ends, ctx ends, or the lease can't be renewed in time; then it waits for f.
func (l *lease) hold(ctx context.Context, f func(context.Context) error) error {
	held, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	ended := make(chan error, 1)
	go func() { ended <- f(held) }()
	tick := time.NewTicker(leaseBeat)
	defer tick.Stop()
	for {
		end := time.NewTimer(time.Until(l.renewed.Add(leaseTTL - leaseMargin)))
		select {
		case err := <-ended:
			end.Stop()
			return err
		case <-end.C:
			return l.lost(lose, ended)
		case <-tick.C:
			end.Stop()
			if !l.renew(held) {
				return l.lost(lose, ended)
			}
		}
	}
}

// lost ends what runs under the lease and waits for it.
func (l *lease) lost(lose context.CancelCauseFunc, ended <-chan error) error {
	lose(errLeaseLost)
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		l.hub.log.Warn("what ran under a lease ended with an error", "lease", l.key, "error", err)
	}
	return errLeaseLost
}

// renew reports whether the lease is still this hub's, as far as is known. Without an answer it may be.
func (l *lease) renew(ctx context.Context) bool {
	// One that is under way when everything ends is finished: else nobody would know the entry's revision.
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), l.renewed.Add(leaseTTL-leaseMargin))
	defer cancel()
	if l.tryWrite(ctx, l.mine(), l.revision) == nil {
		return true
	}
	// An earlier renewal may have arrived although its answer did not.
	v, revision, err := l.tryRead(ctx)
	if err != nil || revision == l.revision {
		return true
	}
	l.revision = revision
	return v.Hub == l.hub.id && v.Run == l.hub.run && !v.Released
}

// release lets the next hub follow at once.
func (l *lease) release() {
	v := l.mine()
	v.Released = true
	if err := l.tryWrite(context.Background(), v, l.revision); err != nil {
		l.hub.log.Warn("giving up a lease; others wait until it runs out", "error", err)
	}
}

// self is this hub in the bucket.
func (h *Hub) self() holding {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return holding{Hub: h.id, Run: h.run, Host: host, Since: h.began}
}
