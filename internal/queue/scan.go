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

func (h *Hub) each(ctx context.Context, s stream, sc scan, visit func(jetstream.Msg) bool) error {
	c, err := reader(ctx, s, sc.config())
	if err != nil {
		return fmt.Errorf("reading stream %s: %w", s.CachedInfo().Config.Name, err)
	}
	if c.pending == 0 {
		return nil
	}
	messages, err := c.Messages(jetstream.PullMaxMessages(2000))
	if err != nil {
		return fmt.Errorf("reading stream %s: %w", s.CachedInfo().Config.Name, err)
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("reading stream %s: %w", s.CachedInfo().Config.Name, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("reading stream %s: %w", s.CachedInfo().Config.Name, err)
		}
		if !visit(m) || meta.NumPending == 0 {
			return nil
		}
	}
}

// opened is a consumer with the number of messages that waited for it.
type opened struct {
	jetstream.Consumer
	pending uint64
}

// reader opens a consumer for reading a stream in its order.
func reader(ctx context.Context, s stream, o jetstream.OrderedConsumerConfig) (opened, error) {
	return asked(ctx, func(ctx context.Context) (opened, error) {
		c, err := s.OrderedConsumer(ctx, o)
		if err != nil {
			return opened{}, err //nolint:wrapcheck // callers say what they read
		}
		info, err := c.Info(ctx)
		if err != nil {
			return opened{}, err //nolint:wrapcheck // likewise
		}
		return opened{c, info.NumPending}, nil
	})
}

// asked makes a request that only reads. A cluster whose leader just died leaves it without any answer, however long one
// waits: so it is made again, each time with more patience, since listing a million captures takes its time as well.
func asked[T any](ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	for patience := answerTimeout; ; patience *= 2 {
		short, done := context.WithTimeout(ctx, patience)
		answer, err := ask(short)
		done()
		if err == nil || !passing(err) && !unsettled(err) || patience > openTimeout {
			return answer, err
		}
		select {
		case <-time.After(openPause):
		case <-ctx.Done():
			return answer, err
		}
	}
}

func (sc scan) config() jetstream.OrderedConsumerConfig {
	c := jetstream.OrderedConsumerConfig{HeadersOnly: sc.headersOnly, MaxResetAttempts: 1} // else it outlasts any context
	if sc.filter != "" {
		c.FilterSubjects = []string{sc.filter}
	}
	if !sc.from.IsZero() {
		from := sc.from.UTC()
		c.DeliverPolicy, c.OptStartTime = jetstream.DeliverByStartTimePolicy, &from
	}
	if sc.after > 0 {
		c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, sc.after+1
	}
	return c
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
