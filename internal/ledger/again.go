package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// lookAgain looks up what seems wrong, in the same order as read, and forgets what is not.
func (t *taking) lookAgain(ctx context.Context, pause time.Duration) error {
	missing := t.unplaced()
	if len(missing)+len(t.loose)+len(t.twice) == 0 {
		return nil
	}
	t.Step("what seems wrong, again")
	select {
	case <-time.After(pause):
	case <-ctx.Done():
		return ctx.Err()
	}
	suspects := slices.Concat(missing, slices.Collect(maps.Keys(t.loose)), slices.Collect(maps.Keys(t.twice)))
	for part := range slices.Chunk(suspects, atOnce) {
		now, err := t.places(ctx, part)
		if err != nil {
			return err
		}
		for _, id := range part {
			t.correct(id, now[id])
		}
	}
	return t.readLate(ctx)
}

// places are where the captures are now.
func (t *taking) places(ctx context.Context, ids []key) (map[key]place, error) {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	now := make(map[key]place, len(ids))
	for _, source := range []struct {
		where place
		find  func(context.Context, []string) (map[string]bool, error)
	}{{queued, t.Queued}, {dead, t.Dead}, {recorded, t.Recorded}, {dropped, t.Dropped}} {
		found, err := source.find(ctx, texts)
		if err != nil {
			return nil, fmt.Errorf("looking again for what seems wrong: %w", err)
		}
		for i, id := range ids {
			if found[texts[i]] {
				now[id] |= source.where
			}
		}
	}
	return now, nil
}

// correct puts right what was noted of an entry.
func (t *taking) correct(id key, now place) {
	i, ok := t.index[id]
	if !ok {
		return
	}
	t.marks[i].in |= now
	if now&(recorded|dead) != recorded|dead {
		delete(t.twice, id)
	}
}

// forgiveArriving takes out what is stored and has no journal entry because its acceptance is not through: its sender has no
// acknowledgement and will send it again. A row has its entry before it is written, and so has a dead letter
// unless it is a payload that was refused at its arrival.
func (t *taking) forgiveArriving(ctx context.Context) error {
	for id, in := range t.loose {
		arriving := in&(recorded|dead) == 0
		if in&(recorded|dead) == dead {
			var err error
			if arriving, err = t.Refused(ctx, id.String()); err != nil {
				return fmt.Errorf("reading dead letter %s: %w", id, err)
			}
		}
		if arriving {
			t.out.Arriving++
			delete(t.loose, id)
		}
	}
	return nil
}
