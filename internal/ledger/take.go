package ledger

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// Options of Take; the zero value of each field is its default.
type Options struct {
	// Pauses before each look at what seems wrong. What is wrong at every look is reported.
	Pauses []time.Duration
	// Step is told what is read next.
	Step func(what string)
	Now  func() time.Time
}

// defaultPauses make a second in all, paid for only where something seems wrong.
var defaultPauses = []time.Duration{0, 200 * time.Millisecond, 800 * time.Millisecond}

// atOnce bounds how many ids are asked for by one call.
const atOnce = 5000

// Take reads a system that goes on moving meanwhile and reports on what the journal held when Take began.
//
// A capture is written to its next place before it leaves the last one, and it moves in one direction:
//
//	queue -> journal -> row -> removed row
//	                 -> dead letter -> drop
//
// So the journal is read first, and each entry's capture is in the queue by then, or further on; and then the places in
// the direction of the movement, so that a capture that moves is met in its next place if not in this one. What
// is met without an entry was accepted meanwhile, or is too much: the journal's new end tells.
//
// Against the direction goes a replay, from the dead letters into the queue, and it may slip through. Lists of a long
// queue come in parts and may slip too. So whatever seems missing or too much is looked up again by its id, three times
// with pauses, and reported only if it was wrong each time.
func Take(ctx context.Context, s Sources, o Options) (Report, error) {
	if o.Pauses == nil {
		o.Pauses = defaultPauses
	}
	if o.Step == nil {
		o.Step = func(string) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &taking{Sources: s, Options: o, book: newBook()}
	asOf := o.Now().UTC()
	if err := t.read(ctx); err != nil {
		return Report{}, err
	}
	for _, pause := range o.Pauses {
		if err := t.lookAgain(ctx, pause); err != nil {
			return Report{}, err
		}
	}
	if err := t.forgiveArriving(ctx); err != nil {
		return Report{}, err
	}
	return t.report(asOf), nil
}

// taking is one Take.
type taking struct {
	Sources
	Options
	*book
}

// read goes through everything once, in the order that Take speaks of.
func (t *taking) read(ctx context.Context) (err error) {
	t.Step("journal")
	if err := t.readJournal(ctx, t.accept); err != nil {
		return err
	}
	// Asked after the journal was read: what has left it by then is from before.
	if t.begin, err = t.Begins(ctx); err != nil {
		return fmt.Errorf("reading when the journal begins: %w", err)
	}
	t.Step("queue")
	if err := t.readSet(ctx, "queue", queued, all(t.Queued)); err != nil {
		return err
	}
	if err := t.readSet(ctx, "leases", leased, t.Leased); err != nil {
		return err
	}
	if err := t.readSet(ctx, "dead letters", dead, all(t.Dead)); err != nil {
		return err
	}
	t.Step("rows")
	if err := t.readRows(ctx, t.Rows(ctx), func(id string) { t.found(id, recorded) }); err != nil {
		return err
	}
	if err := t.readRows(ctx, t.Removed(ctx), t.foundRemoved); err != nil {
		return err
	}
	if err := t.readSet(ctx, "drops", dropped, all(t.Dropped)); err != nil {
		return err
	}
	others, err := t.Others(ctx)
	if err != nil {
		return fmt.Errorf("counting rows without a capture id: %w", err)
	}
	t.out.OtherRows += others
	return t.readLate(ctx)
}

func (t *taking) readJournal(ctx context.Context, enter func(id key, device string)) error {
	for e, err := range t.Journal(ctx, t.last) {
		if err != nil {
			return fmt.Errorf("reading the journal: %w", err)
		}
		id, ours := parse(e.ID)
		if !ours {
			return fmt.Errorf("reading the journal: %q is no capture id", e.ID)
		}
		t.last = max(t.last, e.Sequence)
		enter(id, e.Device)
	}
	return nil
}

// readLate learns what was accepted meanwhile.
func (t *taking) readLate(ctx context.Context) error {
	err := t.readJournal(ctx, func(id key, _ string) {
		if _, known := t.index[id]; !known {
			t.late[id] = true
		}
	})
	t.setLateAside()
	return err
}

func all(which func(context.Context, []string) (map[string]bool, error)) func(context.Context) (map[string]bool, error) {
	return func(ctx context.Context) (map[string]bool, error) { return which(ctx, nil) }
}

func (t *taking) readSet(ctx context.Context, what string, where place, read func(context.Context) (map[string]bool, error)) error {
	ids, err := read(ctx)
	if err != nil {
		return fmt.Errorf("reading the %s: %w", what, err)
	}
	for id := range ids {
		t.found(id, where)
	}
	return nil
}

func (t *taking) readRows(ctx context.Context, ids iter.Seq2[string, error], found func(string)) error {
	for id, err := range ids {
		if err != nil {
			return fmt.Errorf("reading the rows: %w", err)
		}
		found(id)
	}
	return ctx.Err()
}

// foundRemoved counts a removed row only for an entry: its note may outlive that.
func (t *taking) foundRemoved(text string) {
	if id, ours := parse(text); ours {
		if i, ok := t.index[id]; ok {
			t.marks[i].in |= recorded
		}
	}
}
