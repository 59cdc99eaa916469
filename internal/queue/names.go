package queue

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// kind is one of a hub's streams.
type kind string

// Queue, dead letters and drops have one subject a capture, so that a second message under the same id is refused by
// the stream itself and ids can be listed without reading a picture. The journal has one a topic.
const (
	queueStream    kind = "queue"    // + capture id
	journalStream  kind = "journal"  // + hash of the topic
	deadStream     kind = "dead"     // + capture id
	droppedStream  kind = "dropped"  // + capture id
	attemptsStream kind = "attempts" // + sequence in the queue
)

// consumerName is the workers' common consumer of the queue.
const consumerName = "workers"

// defaultPrefix is what streams and subjects begin with where nothing else was asked for.
const defaultPrefix = "plumbline"

// names are what one installation's streams and subjects are called; installations with different prefixes share a
// NATS without meeting.
type names struct{ prefix, domain string }

// namesOn are those on a NATS outside, or where there is none.
func namesOn(o *Outside) names {
	n := names{prefix: defaultPrefix}
	if o != nil {
		n = names{cmp.Or(o.Prefix, n.prefix), o.Domain}
	}
	return n
}

// jetStream is the JetStream in which they are.
func (n names) jetStream(nc *nats.Conn) (js jetstream.JetStream, err error) {
	if n.domain == "" {
		js, err = jetstream.New(nc)
	} else {
		js, err = jetstream.NewWithDomain(nc, n.domain)
	}
	if err != nil {
		return nil, fmt.Errorf("opening JetStream: %w", err)
	}
	return js, nil
}

// prefixForm keeps a prefix to what both a stream's name and one token of a subject may hold. Small letters only: the
// streams have capitals.
var prefixForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

func (n names) validate() error {
	if strings.ContainsAny(n.domain, " .*>") {
		return fmt.Errorf("queue: %q is no JetStream domain: it is one word without dots (jetstream { domain: … } in the server's configuration)", n.domain)
	}
	if !prefixForm.MatchString(n.prefix) {
		return fmt.Errorf("queue: %q can't begin the names of streams: small letters, digits, - and _ can, 32 at most", n.prefix)
	}
	return nil
}

// stream is a stream's name, as PLUMBLINE_QUEUE.
func (n names) stream(k kind) string { return strings.ToUpper(n.prefix + "_" + string(k)) }

// subjects are the subjects of a stream without their last token, as "plumbline.queue.".
func (n names) subjects(k kind) string { return n.prefix + "." + string(k) + "." }

// results is where workers hand in, desk what they ask the hub for, by verb.
func (n names) results() string         { return n.prefix + ".result" }
func (n names) shared() string          { return n.prefix + ".recorded" } // what hubs tell each other
func (n names) desk(verb string) string { return n.prefix + ".hub." + verb }

// stream is a stream with its subjects.
type stream struct {
	jetstream.Stream
	subjects string // without their last token
}

func (s stream) subject(token string) string { return s.subjects + token }

// last reads the message of one subject.
func (s stream) last(ctx context.Context, token string) (*jetstream.RawStreamMsg, error) {
	return s.GetLastMsgForSubject(ctx, s.subject(token)) //nolint:wrapcheck // callers say what they read
}

// remove takes the message of one subject out.
func (s stream) remove(ctx context.Context, token string) error {
	if err := s.Purge(ctx, jetstream.WithPurgeSubject(s.subject(token))); err != nil {
		return fmt.Errorf("removing %s: %w", s.subject(token), err)
	}
	return nil
}

// removeOne takes the message of one subject out if it is the one with this sequence, or older.
func (s stream) removeOne(ctx context.Context, token string, sequence uint64) error {
	if err := s.Purge(ctx, jetstream.WithPurgeSubject(s.subject(token)), jetstream.WithPurgeSequence(sequence+1)); err != nil {
		return fmt.Errorf("removing %s: %w", s.subject(token), err)
	}
	return nil
}

// tokens lists the last tokens of all subjects that the stream holds messages of.
func (s stream) tokens(ctx context.Context) (map[string]bool, error) {
	info, err := s.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing %s*: %w", s.subjects, err)
	}
	tokens := make(map[string]bool, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		tokens[strings.TrimPrefix(subject, s.subjects)] = true
	}
	return tokens, nil
}

// list asks for all subjects, which takes long where there are a million. So it first asks whether the stream answers at all.
func (s stream) list(ctx context.Context) (*jetstream.StreamInfo, error) {
	for again := false; ; again = true {
		if info, err := asked(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) { return s.Info(ctx) }); err != nil || info.State.Msgs == 0 {
			return info, err
		}
		long, done := context.WithTimeout(ctx, listTimeout)
		info, err := s.Info(long, jetstream.WithSubjectFilter(s.subject("*")))
		done()
		if err == nil || again || !passing(err) && !unsettled(err) {
			return info, err //nolint:wrapcheck // tokens says what it lists
		}
	}
}
