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
	c, pending, err := reader(ctx, s, sc.config())
	if err != nil {
		return fmt.Errorf("reading stream %s: %w", s.CachedInfo().Config.Name, err)
	}
	if pending == 0 {
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

// reader opens a consumer, and says how many messages wait for it. A cluster whose leader just died leaves a request without
// any answer, however long one waits: so it is made again, for as long as choosing a leader may take.
func reader(ctx context.Context, s stream, o jetstream.OrderedConsumerConfig) (c jetstream.Consumer, pending uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	for {
		if c, pending, err = tryReader(ctx, s, o); err == nil || !passing(err) && !unsettled(err) {
			return c, pending, err
		}
		select {
		case <-time.After(openPause):
		case <-ctx.Done():
			return nil, 0, err
		}
	}
}

func tryReader(ctx context.Context, s stream, o jetstream.OrderedConsumerConfig) (jetstream.Consumer, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	c, err := s.OrderedConsumer(ctx, o)
	if err != nil {
		return nil, 0, err //nolint:wrapcheck // callers say what they read
	}
	info, err := c.Info(ctx)
	if err != nil {
		return nil, 0, err //nolint:wrapcheck // likewise
	}
	return c, info.NumPending, nil
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
