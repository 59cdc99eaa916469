package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// note is what is known of a capture's earlier attempts: as of delivery Delivered of run Run its blame was Blame.
//
// A first attempt is not noted before it begins, which would cost every picture a write. So when a delivery ends without a
// word, because its worker died, the capture has one blame, even if it only waited in that worker for its turn. From then
// on it is analysed alone, and each attempt is noted as failed when it begins; deliveries without a note never began.
type note struct {
	Blame     int       `json:"blame"`
	Run       string    `json:"run,omitempty"`
	Delivered uint64    `json:"delivered,omitempty"`
	Why       string    `json:"why,omitempty"` // of the last blame
	At        time.Time `json:"at"`
}

// before is the blame that a capture carries when it is delivered for the given time in this run.
func (n note) before(run string, delivered uint64) int {
	var settled uint64
	if n.Run == run {
		settled = n.Delivered
	}
	if n.Blame == 0 && delivered > settled+1 {
		return 1
	}
	return n.Blame
}

// notes keeps them, one for each capture that needs one, by its sequence in the queue.
type notes struct {
	hub    *Hub
	stream stream
}

func sequenceToken(sequence uint64) string { return strconv.FormatUint(sequence, 10) }

func (a notes) read(ctx context.Context, sequence uint64) (n note, found bool, err error) {
	m, err := a.stream.last(ctx, sequenceToken(sequence))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return note{}, false, nil
	}
	if err != nil {
		return note{}, false, fmt.Errorf("reading attempts at capture %d: %w", sequence, err)
	}
	if err := json.Unmarshal(m.Data, &n); err != nil {
		return note{}, false, fmt.Errorf("reading attempts at capture %d: %w", sequence, err)
	}
	return n, true, nil
}

func (a notes) write(ctx context.Context, sequence uint64, n note) error {
	n.At = time.Now().UTC()
	text, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("noting an attempt at capture %d: %w", sequence, err)
	}
	if _, err := a.hub.publish(ctx, &nats.Msg{Subject: a.stream.subject(sequenceToken(sequence)), Data: text}); err != nil {
		return fmt.Errorf("noting an attempt at capture %d: %w", sequence, err)
	}
	return nil
}

func (a notes) forget(ctx context.Context, sequence uint64) error {
	if err := a.stream.remove(ctx, sequenceToken(sequence)); err != nil {
		return fmt.Errorf("forgetting attempts at capture %d: %w", sequence, err)
	}
	return nil
}

// claimFiles tell the next run which captures were in hand when this one died: a file for each claim, there as long as
// the claim is. JetStream's own delivery counts can't: they reach the disk up to 100 ms late, and a picture that kills
// the process sooner would be delivered for the first time for ever. Never synced: they need to outlive the process,
// not a power cut, which is no picture's fault.
type claimFiles struct{ dir string }

func openClaimFiles(dir string) (*claimFiles, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of claims: %w", err)
	}
	return &claimFiles{dir}, nil
}

// claimFile is the content of such a file.
type claimFile struct {
	Sequence uint64 `json:"sequence"`
	Capture  string `json:"capture"`
	Blame    int    `json:"blame"` // before this claim
	// Run and Delivered say which delivery it is: a blame for it is not to be counted a second time when the consumer, as
	// that of a NATS outside, remembers the delivery too.
	Run       string `json:"run,omitempty"`
	Delivered uint64 `json:"delivered,omitempty"`
}

// put writes the file of one delivery and returns its name. Where there is no folder, as for workers elsewhere, whose
// leases run out in the hub's sight, nothing is written.
func (c *claimFiles) put(f claimFile) (string, error) {
	if c == nil {
		return "", nil
	}
	text, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("noting the claim of %s: %w", f.Capture, err)
	}
	name := filepath.Join(c.dir, fmt.Sprintf("%d-%d", f.Sequence, f.Delivered))
	if err := os.WriteFile(name, text, 0o600); err != nil {
		return "", fmt.Errorf("noting the claim of %s: %w", f.Capture, err)
	}
	return name, nil
}

// remove removes the file of one delivery; that it is gone already is well.
func (c *claimFiles) remove(name string) error {
	if c == nil {
		return nil
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err //nolint:wrapcheck // it names the file
	}
	return nil
}

// left are the claims that the last run had in hand, with the names of their files. A file that can't be read was being
// written: its claim had not begun.
func (c *claimFiles) left() (map[string]claimFile, error) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, fmt.Errorf("reading the folder of claims: %w", err)
	}
	left := map[string]claimFile{}
	for _, e := range entries {
		name := filepath.Join(c.dir, e.Name())
		text, err := os.ReadFile(name) //nolint:gosec // a file of our own folder
		if err != nil {
			return nil, fmt.Errorf("reading a claim: %w", err)
		}
		var f claimFile
		if json.Unmarshal(text, &f) != nil {
			f = claimFile{}
		}
		left[name] = f
	}
	return left, nil
}

// blameCrashed notes one blame for each claim that the last run in this folder had in hand.
func (c *claimFiles) blameCrashed(ctx context.Context, d desk) error {
	left, err := c.left()
	if err != nil {
		return err
	}
	for name, f := range left {
		if err := d.crashed(ctx, f); err != nil {
			return err
		}
		if err := os.Remove(name); err != nil {
			return fmt.Errorf("removing a claim: %w", err)
		}
	}
	return nil
}

func (h *Hub) blameCrash(ctx context.Context, f claimFile) error {
	if f.Sequence == 0 {
		return nil
	}
	m, err := h.streams.queue.GetMsg(ctx, f.Sequence)
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && !strings.HasSuffix(m.Subject, "."+f.Capture) {
		return nil // acknowledged in the last moment
	}
	if err != nil {
		return fmt.Errorf("reading capture %s: %w", f.Capture, err)
	}
	n, _, err := h.notes.read(ctx, f.Sequence)
	if err != nil || n.Blame > f.Blame {
		return err // blamed already: this start was tried before, or another worker noticed that the lease ran out
	}
	h.log.Warn("this capture was being analysed when the process ended", "capture", f.Capture, "blame", f.Blame+1)
	return h.notes.write(ctx, f.Sequence, note{
		Blame: f.Blame + 1, Run: f.Run, Delivered: f.Delivered, Why: "the process ended while it was analysed",
	})
}

// forgetGone removes notes of captures that left the queue just before the last run ended.
func (h *Hub) forgetGone(ctx context.Context) error {
	noted, err := h.streams.attempts.tokens(ctx)
	if err != nil {
		return err
	}
	for token := range noted {
		sequence, err := strconv.ParseUint(token, 10, 64)
		if err != nil {
			continue
		}
		_, err = h.streams.queue.GetMsg(ctx, sequence)
		if err == nil {
			continue
		}
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			return fmt.Errorf("reading capture %d: %w", sequence, err)
		}
		if err := h.notes.forget(ctx, sequence); err != nil {
			return err
		}
	}
	return nil
}
