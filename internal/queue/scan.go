package queue

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// scan says which messages of a stream to read, in the order of the stream. Zero means all.
type scan struct {
	filter      string
	from        time.Time // stored at this time or later
	after       uint64    // sequence
	headersOnly bool
}

// read goes through a stream as it stands now. It is not for the queue, which allows no second consumer.
func (h *Hub) read(ctx context.Context, s stream, sc scan) iter.Seq2[jetstream.Msg, error] {
	return func(yield func(jetstream.Msg, error) bool) {
		if err := h.each(ctx, s, sc, func(m jetstream.Msg) bool { return yield(m, nil) }); err != nil {
			yield(nil, err)
		}
	}
}

// each goes on where it was when the server that hands the messages out dies meanwhile.
func (h *Hub) each(ctx context.Context, s stream, sc scan, visit func(jetstream.Msg) bool) error {
	for patience := readerPatience; ; patience *= 2 {
		last, err := eachOnce(ctx, s, sc, patience, visit)
		if last > sc.after {
			sc.after, patience = last, readerPatience
		}
		if err == nil {
			return nil
		}
		if !broken(err) || patience > openTimeout {
			return fmt.Errorf("reading stream %s: %w", s.CachedInfo().Config.Name, err)
		}
	}
}

// eachOnce also gives the sequence of the last message that was visited.
func eachOnce(ctx context.Context, s stream, sc scan, patience time.Duration, visit func(jetstream.Msg) bool) (last uint64, err error) {
	r, err := openReader(ctx, s, sc)
	if err != nil {
		return 0, err
	}
	defer r.Stop()
	for waiting := r.pending; waiting > 0; {
		m, meta, err := r.next(ctx, patience)
		if err != nil {
			return last, err
		}
		if last, waiting = meta.Sequence.Stream, meta.NumPending; !visit(m) {
			return last, nil
		}
	}
	return last, nil
}

// asked makes a request that only reads and costs little. A cluster that has no leader for it leaves it without any answer,
// however long one waits. So it is made again soon, and with more patience only when every election should be over: then
// the server is slow.
func asked[T any](ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	began, patience := time.Now(), answerTimeout
	for {
		short, done := context.WithTimeout(ctx, patience)
		answer, err := ask(short)
		done()
		if err == nil || !passing(err) && !unsettled(err) || patience > openTimeout {
			return answer, err
		}
		if time.Since(began) > electionTime {
			patience *= 2
		}
		select {
		case <-time.After(openPause):
		case <-ctx.Done():
			return answer, err
		}
	}
}

// journalEntry is one entry with its place in the journal.
type journalEntry struct {
	facts    facts
	sequence uint64
	storedAt time.Time
}

// journal goes through the journal. An entry that can't be read ends it: nothing that is computed from the journal
// would be right without it.
func (h *Hub) journal(ctx context.Context, sc scan) iter.Seq2[journalEntry, error] {
	return func(yield func(journalEntry, error) bool) {
		for m, err := range h.read(ctx, h.streams.journal, sc) {
			var e journalEntry
			if err == nil {
				e, err = readEntry(m)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func readEntry(m jetstream.Msg) (journalEntry, error) {
	meta, errMeta := m.Metadata()
	f, errFacts := parseFacts(m.Data())
	if err := errors.Join(errMeta, errFacts); err != nil {
		return journalEntry{}, fmt.Errorf("reading the journal: %w", err)
	}
	return journalEntry{facts: f, sequence: meta.Sequence.Stream, storedAt: meta.Timestamp}, nil
}
