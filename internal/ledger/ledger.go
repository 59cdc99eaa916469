// Package ledger proves that nothing is missing: it compares the journal of everything that was ever accepted with the
// places where a capture can be, by id. For each id of the journal it finds a place, or calls it missing; what is in a
// place and not in the journal is too much. It reads through functions only, knows neither queue nor database, and
// changes nothing. How a system that moves is read without false alarms is said at Take.
package ledger

import (
	"context"
	"iter"
	"time"
)

// Entry is one entry of the journal.
type Entry struct {
	ID       string
	Device   string
	Sequence uint64 // its place in the journal; later entries have greater ones
}

// Sources are where the ledger reads. A capture id is a ULID; other ids are not ours.
type Sources struct {
	// Journal goes through the entries after a sequence, as many as there are when it is called.
	Journal func(ctx context.Context, after uint64) iter.Seq2[Entry, error]
	// Begins is the time from which on the journal is complete: what was received before may have left it by age.
	Begins func(ctx context.Context) (time.Time, error)

	// Queued, Dead and Dropped tell which of the captures are there; nil asks for all that are.
	Queued  func(ctx context.Context, ids []string) (map[string]bool, error)
	Dead    func(ctx context.Context, ids []string) (map[string]bool, error)
	Dropped func(ctx context.Context, ids []string) (map[string]bool, error)
	// Leased are those in the queue that a worker has claimed.
	Leased func(ctx context.Context) (map[string]bool, error)
	// Refused tells whether a dead letter is a payload that never was a capture.
	Refused func(ctx context.Context, id string) (bool, error)

	// Rows goes through the capture ids of all rows, Removed through those of rows that were removed for their age.
	Rows, Removed func(ctx context.Context) iter.Seq2[string, error]
	// Recorded tells which of the captures have a row or had one that was removed for its age.
	Recorded func(ctx context.Context, ids []string) (map[string]bool, error)
	// Others counts the rows without a capture id.
	Others func(ctx context.Context) (int64, error)
}

// Counts say where accepted captures are: Accepted is the number of entries in the journal, each of them is in one of the
// other counts or missing.
type Counts struct {
	Accepted int `json:"accepted"`
	Recorded int `json:"recorded"` // have a row, or had one that was removed for its age
	Waiting  int `json:"waiting"`  // in the queue
	Leased   int `json:"leased"`   // in the queue, claimed by a worker
	Dead     int `json:"dead"`     // dead letters
	Dropped  int `json:"dropped"`  // dead letters that somebody removed
}

// Account is one device's part of the ledger.
type Account struct {
	Device string `json:"device"`
	Counts
	Missing int `json:"missing"`
}

// Missing is a capture that was accepted and is nowhere.
type Missing struct {
	ID         string    `json:"id"`
	Device     string    `json:"device"`
	ReceivedAt time.Time `json:"received_at"`
}

// Surplus is what is there and should not be.
type Surplus struct {
	ID      string `json:"id"`
	Problem string `json:"problem"`
}

// What is wrong with a Surplus.
const (
	RowNotAccepted  = "a row without a journal entry"
	DeadNotAccepted = "a dead letter without a journal entry"
	RowAndDead      = "a row and a dead letter"
)

// Report is the ledger's outcome.
type Report struct {
	AsOf     time.Time `json:"as_of"`
	Balanced bool      `json:"balanced"` // nothing is missing and nothing is too much
	Counts
	Devices []Account `json:"devices"`
	Missing []Missing `json:"missing"`
	Surplus []Surplus `json:"surplus"`
	Outside Outside   `json:"outside"`
}

// Outside is what the ledger saw and did not count, since the journal cannot speak of it.
type Outside struct {
	JournalBegins time.Time `json:"journal_begins,omitzero"`
	OlderRows     int       `json:"older_rows"`   // rows from before
	OlderDead     int       `json:"older_dead"`   // dead letters from before
	OlderQueued   int       `json:"older_queued"` // still in the queue from before
	OtherRows     int64     `json:"other_rows"`   // rows without a capture id, or with one of somebody else
	Arriving      int       `json:"arriving"`     // stored, and not yet acknowledged to their senders
}
