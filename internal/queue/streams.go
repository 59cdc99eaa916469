package queue

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// streams are the five streams of a hub.
type streams struct {
	queue, journal, dead, dropped, attempts stream
}

// openStreams makes what is missing and fits what is there to the options.
func openStreams(ctx context.Context, js jetstream.JetStream, n names, o Options, queueBytes int64) (streams, error) {
	var s streams
	base := jetstream.StreamConfig{
		Storage: jetstream.FileStorage, Replicas: 1, AllowDirect: true,
		Discard: jetstream.DiscardNew,
		// Never relied on, see DESIGN.md; this is the shortest window that JetStream takes.
		Duplicates: 100 * time.Millisecond,
	}
	oncePerSubject := func(c jetstream.StreamConfig) jetstream.StreamConfig {
		c.MaxMsgsPerSubject, c.DiscardNewPerSubject = 1, true
		return c
	}
	queue := oncePerSubject(base)
	queue.Retention, queue.MaxBytes = jetstream.WorkQueuePolicy, queueBytes
	journal := base
	journal.MaxAge = o.JournalAge
	dead := oncePerSubject(base)
	dead.MaxBytes = max(queueBytes/8, 4*(o.MaxPicture+payloadAllowance))
	dropped := oncePerSubject(base)
	dropped.MaxAge = o.JournalAge
	attempts := base
	attempts.MaxMsgsPerSubject, attempts.Discard = 1, jetstream.DiscardOld

	for _, st := range []struct {
		into   *stream
		kind   kind
		config jetstream.StreamConfig
	}{
		{&s.queue, queueStream, queue},
		{&s.journal, journalStream, journal},
		{&s.dead, deadStream, dead},
		{&s.dropped, droppedStream, dropped},
		{&s.attempts, attemptsStream, attempts},
	} {
		st.config.Name, st.config.Subjects = n.stream(st.kind), []string{n.subjects(st.kind) + "*"}
		if o.KeepLimits {
			if err := keepLimits(ctx, js, &st.config); err != nil {
				return s, err
			}
		}
		opened, err := js.CreateOrUpdateStream(ctx, st.config)
		if err != nil {
			return s, fmt.Errorf("opening stream %s: %w", st.config.Name, err)
		}
		*st.into = stream{opened, n.subjects(st.kind)}
	}
	return s, nil
}

// openConsumer makes the workers' common consumer. It lives in memory: a new run starts without leases and without
// delivery counts, so what was leased when the process died is available at once; blame is kept by us.
func openConsumer(ctx context.Context, queue stream, o Options) (jetstream.Consumer, error) {
	c, err := queue.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: consumerName, MemoryStorage: true,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: o.Lease,
		MaxDeliver: -1, MaxAckPending: -1, MaxWaiting: 4096,
	})
	if err != nil {
		return nil, fmt.Errorf("opening the workers' consumer: %w", err)
	}
	return c, nil
}

// topicToken makes a subject's token of a topic, which may hold anything.
func topicToken(topic string) string {
	sum := sha256.Sum256([]byte(topic))
	return hex.EncodeToString(sum[:8])
}

// refusal tells an answer of the stream (nothing was stored) from silence (perhaps it was).
func refusal(err error) (*jetstream.APIError, bool) {
	var api *jetstream.APIError
	ok := errors.As(err, &api)
	return api, ok
}

// JetStream gives these two by their words only (filestore.go, ErrMaxBytes and ErrMaxMsgsPerSubject).
func isFull(err error) bool {
	api, ok := refusal(err)
	return ok && strings.Contains(api.Description, "maximum bytes exceeded")
}

func isThere(err error) bool {
	api, ok := refusal(err)
	return ok && strings.Contains(api.Description, "maximum messages per subject exceeded")
}
