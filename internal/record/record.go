// Package record is the hub's recorder: it stores a result's picture, commits its row and only then says so. One writer commits
// whatever waits in one transaction; listeners hear of new rows afterwards, in order. It keeps no data of its own and
// never drops a result: who has no answer keeps the capture.
package record

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/posture"
)

// ErrStopped says that the recorder has ended; the result was not recorded by this call.
var ErrStopped = errors.New("the recorder has stopped")

// rows is the table.
type rows interface {
	// Append writes all results in one transaction, or none, and returns those that had no row. An error with a method
	// Permanent() bool that says true lies in a result itself; any other is an outage.
	Append(ctx context.Context, results []posture.Result) ([]posture.Result, error)
	// Recorded tells which captures have a row.
	Recorded(ctx context.Context, captureIDs []string) (map[string]bool, error)
}

// pictures is the album.
type pictures interface {
	Keep(ctx context.Context, device, name string, jpeg []byte) error
}

// Listener hears of every new row, in the order of the rows, and without the picture's bytes. It has a mailbox of its own: a
// slow one delays nobody and misses the oldest of what it has not read when the mailbox is full.
type Listener struct {
	Name string // for metrics and log
	Tell func(context.Context, posture.Result)
}

// Options of a recorder.
type Options struct {
	Rows rows
	// Pictures nil keeps none.
	Pictures pictures
	// Filename names a result's stored picture; needed with Pictures.
	Filename func(posture.Result) string
	// EnsureJournaled is called before a capture's row is written and makes sure that the journal has the capture; nil: nothing.
	EnsureJournaled func(ctx context.Context, captureID string) error
	Listeners       []Listener

	MaxBatch       int           // most rows in a transaction; 0 means 256
	PictureWriters int           // pictures written at the same time; 0 means 8
	Patience       time.Duration // for one attempt to record a batch; 0 means 30 s

	Log        *slog.Logger // nil means silence
	Registerer prometheus.Registerer
}

// Recorder records results. Run does the work, Record may be called from any number of goroutines.
type Recorder struct {
	o         Options
	queue     chan *request
	stopped   chan struct{}
	mailboxes []*mailbox
	health    health
	metrics   *metrics
}

// New makes a recorder; it works while Run does.
func New(o Options) (*Recorder, error) {
	if o.Rows == nil {
		return nil, errors.New("a recorder needs rows")
	}
	if o.Pictures != nil && o.Filename == nil {
		return nil, errors.New("a recorder that keeps pictures needs names for them")
	}
	o.MaxBatch, o.PictureWriters = orDefault(o.MaxBatch, 256), orDefault(o.PictureWriters, 8)
	o.Patience = orDefault(o.Patience, 30*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("registering the recorder's metrics: %w", err)
	}
	r := &Recorder{o: o, queue: make(chan *request), stopped: make(chan struct{}), health: health{log: o.Log}, metrics: m}
	for _, l := range o.Listeners {
		r.mailboxes = append(r.mailboxes, newMailbox(l, m.missed.WithLabelValues(l.Name)))
	}
	return r, nil
}

func orDefault[T int | time.Duration](value, otherwise T) T {
	if value <= 0 {
		return otherwise
	}
	return value
}

// request is one call of Record; the writer owns it from the queue to the answer.
type request struct {
	ctx      context.Context
	result   posture.Result
	answer   chan error
	prepared bool // journaled, and its picture is stored
	tried    bool // a commit went wrong after which the row may be there all the same
}

// Record returns nil when the picture is stored and the row is committed, also when they were before. During an outage it tries
// again, with growing pauses, until ctx ends. An error for which Permanent is true would come back at every trial.
func (r *Recorder) Record(ctx context.Context, result posture.Result) error {
	r.metrics.waiting.Inc()
	defer r.metrics.waiting.Dec()
	q := &request{ctx: ctx, result: result}
	var last error
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		final, err := r.attempt(ctx, q)
		if err == nil {
			return nil
		}
		if !final {
			last, err = err, r.wait(ctx, pause)
		}
		switch {
		case err == nil:
		case last != nil:
			return fmt.Errorf("recording capture %s: %w, after: %w", result.CaptureID, err, last)
		default:
			return fmt.Errorf("recording capture %s: %w", result.CaptureID, err)
		}
	}
}

// Pauses between attempts. Everybody waits differently long, so that not all come back at once.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
)

// attempt hands the request to the writer; final means that there is no use in another attempt.
func (r *Recorder) attempt(ctx context.Context, q *request) (final bool, err error) {
	q.answer = make(chan error, 1)
	select {
	case r.queue <- q:
	case <-ctx.Done():
		return true, ctx.Err()
	case <-r.stopped:
		return true, ErrStopped
	}
	select {
	case err := <-q.answer:
		return Permanent(err), err
	case <-ctx.Done(): // the writer may still record it: a repetition then finds the row
		return true, ctx.Err()
	case <-r.stopped: // the writer has answered its last batch before
		return true, <-q.answer
	}
}

// wait pauses for between half and all of d; an error says what ended meanwhile.
func (r *Recorder) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d/2 + rand.N(d/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.stopped:
		return ErrStopped
	}
}

// Permanent tells whether an error of Record lies in the result itself, so that another attempt is useless.
func Permanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

// Ready is nil unless the last attempt to record failed; then it says why.
func (r *Recorder) Ready() error { return r.health.err() }
