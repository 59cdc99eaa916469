package queue

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Times of a reader.
const (
	readerBeat     = 2 * time.Second // the server says that it is there; it is taken for dead after two of these
	readerPatience = 6 * time.Second // for a message that should come at once
	readerIdle     = time.Minute     // after which the server forgets a reader that nobody asks for messages
)

// readerBatch is how many messages are on their way at once.
const readerBatch = 2000

// errGap says that a message was lost on its way from the server.
var errGap = errors.New("a message did not arrive")

// errSilent says that no message came in time. It may be lost as well, or was removed from the stream.
var errSilent = errors.New("no message arrives")

// reader reads a stream in its order, until something goes wrong. Its consumer lives in the memory of one server and dies
// with it: whoever reads opens another one then. (The client's own ordered consumer does so by itself, but waits for a new
// one longer, and for the death of the old one as well.)
type reader struct {
	jetstream.MessagesContext
	pending uint64 // messages that waited at its beginning
	read    uint64
}

func openReader(ctx context.Context, s stream, sc scan) (*reader, error) {
	c, err := asked(ctx, func(ctx context.Context) (jetstream.Consumer, error) { return s.CreateConsumer(ctx, sc.config()) })
	if err != nil {
		return nil, err
	}
	messages, err := c.Messages(jetstream.PullMaxMessages(readerBatch), jetstream.PullHeartbeat(readerBeat))
	if err != nil {
		return nil, err //nolint:wrapcheck // callers say what they read
	}
	return &reader{MessagesContext: messages, pending: c.CachedInfo().NumPending}, nil
}

func (r *reader) next(ctx context.Context, patience time.Duration) (jetstream.Msg, *jetstream.MsgMetadata, error) {
	short, done := context.WithTimeout(ctx, patience)
	defer done()
	m, err := r.Next(jetstream.NextContext(short))
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, nil, errSilent
	}
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // callers say what they read
	}
	meta, err := m.Metadata()
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // likewise
	}
	if r.read++; meta.Sequence.Consumer != r.read {
		return nil, nil, errGap
	}
	return m, meta, nil
}

// broken reports whether a reader broke and the next one may not.
func broken(err error) bool {
	return errors.Is(err, jetstream.ErrNoHeartbeat) || errors.Is(err, jetstream.ErrConsumerDeleted) || errors.Is(err, errGap) || errors.Is(err, errSilent)
}

func (sc scan) config() jetstream.ConsumerConfig {
	c := jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: readerIdle,
		FilterSubject: sc.filter, HeadersOnly: sc.headersOnly,
	}
	switch {
	case sc.after > 0:
		c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, sc.after+1
	case !sc.from.IsZero():
		from := sc.from.UTC()
		c.DeliverPolicy, c.OptStartTime = jetstream.DeliverByStartTimePolicy, &from
	}
	return c
}
