package store

import (
	"context"
	"iter"
	"time"

	"plumbline/internal/store/row"
)

// retention is what removes rows, and tells which captures have one or had one.
type retention interface {
	CaptureIDs(ctx context.Context) iter.Seq2[string, error]
	RemoveOld(ctx context.Context, r row.Retention) (int, error)
	ForgetRemoved(ctx context.Context, before time.Time) error
	RemovedIDs(ctx context.Context) iter.Seq2[string, error]
	Removed(ctx context.Context, captureIDs []string) (map[string]bool, error)
	CountOthers(ctx context.Context) (int64, error)
}

const (
	// removedAtOnce is small enough that nobody waits long for the writer meanwhile.
	removedAtOnce = 500
	// analysisSlack is by how much a row may have been written later than its analysis ended, and by how much a worker's clock
	// may be wrong.
	analysisSlack = 24 * time.Hour
)

// RemoveRows removes the rows of pictures received before a time, oldest first and in small batches, and returns how many. The
// ids of those that a journal of the given age may still speak of are noted in the same transaction, for the ledger; and
// notes older than the journal are forgotten. Between two batches it waits as long as the last one took, so that
// results are written meanwhile.
func (s *Store) RemoveRows(ctx context.Context, before time.Time, journalAge time.Duration) (removed int, err error) {
	db, err := s.get()
	if err != nil {
		return 0, err
	}
	for {
		began := time.Now()
		n, err := db.RemoveOld(ctx, row.Retention{
			Before: before, Batch: removedAtOnce, Now: began, Noted: began.Add(-journalAge - analysisSlack),
		})
		removed += n
		if err != nil {
			return removed, err
		}
		if n == 0 {
			return removed, db.ForgetRemoved(ctx, began.Add(-journalAge-analysisSlack))
		}
		select {
		case <-time.After(time.Since(began)):
		case <-ctx.Done():
			return removed, ctx.Err()
		}
	}
}

// RemovedIDs goes through the ids of captures whose rows RemoveRows removed, as far as it remembers.
func (s *Store) RemovedIDs(ctx context.Context) iter.Seq2[string, error] {
	db, err := s.get()
	if err != nil {
		return func(yield func(string, error) bool) { yield("", err) }
	}
	return db.RemovedIDs(ctx)
}

// EverRecorded tells which of the captures have a row, or had one that RemoveRows removed.
func (s *Store) EverRecorded(ctx context.Context, captureIDs []string) (map[string]bool, error) {
	found, err := s.Recorded(ctx, captureIDs)
	if err != nil {
		return nil, err
	}
	db, err := s.get()
	if err != nil {
		return nil, err
	}
	removed, err := db.Removed(ctx, row.Possible(captureIDs)) // after the rows: that is how they move
	for id := range removed {
		found[id] = true
	}
	return found, err
}

// CountOthers counts the rows without a capture id: those of the Python scripts.
func (s *Store) CountOthers(ctx context.Context) (int64, error) {
	db, err := s.get()
	if err != nil {
		return 0, err
	}
	return db.CountOthers(ctx)
}
