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

// of is the place of a kind.
func (s *streams) of(k kind) *stream {
	return map[kind]*stream{
		queueStream: &s.queue, journalStream: &s.journal, deadStream: &s.dead,
		droppedStream: &s.dropped, attemptsStream: &s.attempts,
	}[k]
}

// wantedStream is a stream as it should be.
type wantedStream struct {
	kind   kind
	config jetstream.StreamConfig // without name and subjects
}

// wanted are the streams of a hub.
func wanted(o Options, queueBytes int64, replicas int) []wantedStream {
	base := jetstream.StreamConfig{
		Storage: jetstream.FileStorage, Replicas: replicas, AllowDirect: true,
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
	return []wantedStream{
		{queueStream, queue}, {journalStream, journal}, {deadStream, dead}, {droppedStream, dropped}, {attemptsStream, attempts},
	}
}

// named gives a stream's configuration its name and subjects.
func (w wantedStream) named(n names) jetstream.StreamConfig {
	c := w.config
	c.Name, c.Subjects = n.stream(w.kind), []string{n.subjects(w.kind) + "*"}
	return c
}

// openStreams makes what is missing and fits what is there to the options: on the embedded server they are ours.
func openStreams(ctx context.Context, js jetstream.JetStream, n names, all []wantedStream, keep bool) (streams, error) {
	var s streams
	for _, w := range all {
		c := w.named(n)
		if keep {
			if err := keepLimits(ctx, js, &c); err != nil {
				return s, err
			}
		}
		opened, err := js.CreateOrUpdateStream(ctx, c)
		if err != nil {
			return s, fmt.Errorf("opening stream %s: %w", c.Name, err)
		}
		*s.of(w.kind) = stream{opened, n.subjects(w.kind)}
	}
	return s, nil
}

// consumerConfig is the workers' common consumer.
func consumerConfig(o Options) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:   consumerName,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: o.Lease,
		MaxDeliver: -1, MaxAckPending: -1, MaxWaiting: 4096,
	}
}

// openFresh makes the consumer of the embedded server. It lives in memory: a new run starts without leases and without
// delivery counts, so what was leased when the process died is available at once; blame is kept by us.
func openFresh(ctx context.Context, queue stream, o Options) (jetstream.Consumer, error) {
	c := consumerConfig(o)
	c.MemoryStorage = true
	return openConsumer(ctx, queue, c)
}

// openConsumer makes the workers' consumer, or takes up the one that is there with its leases and counts.
func openConsumer(ctx context.Context, queue stream, c jetstream.ConsumerConfig) (jetstream.Consumer, error) {
	opened, err := queue.CreateOrUpdateConsumer(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("opening the workers' consumer: %w", err)
	}
	return opened, nil
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

// noRoom reports whether server or account have no room left, whatever the stream's own limit.
func noRoom(err error) bool {
	api, ok := refusal(err)
	return ok && (api.ErrorCode == codeAccountLimit || api.ErrorCode == codeInsufficient || api.ErrorCode == codeStorageLimit)
}
