package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// fitStreams makes what is missing on a NATS outside and looks at what is there. What an update mends without losing
// anything is mended: limits are raised. Anything else is refused with the reason, since whoever made it so may have
// meant it.
func (h *Hub) fitStreams(ctx context.Context, all []wantedStream) (streams, error) {
	var s streams
	for _, w := range all {
		opened, err := h.fitStream(ctx, w.named(h.names))
		if err != nil {
			return s, err
		}
		*s.of(w.kind) = stream{opened, h.names.subjects(w.kind)}
	}
	return s, nil
}

func (h *Hub) fitStream(ctx context.Context, want jetstream.StreamConfig) (jetstream.Stream, error) {
	there, err := h.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		made, err := h.js.CreateStream(ctx, want)
		if err != nil {
			return nil, explainCreation(want, err)
		}
		h.log.Info("made a stream", "stream", want.Name, "replicas", want.Replicas, "max_bytes", want.MaxBytes)
		return made, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking at stream %s: %w", want.Name, err)
	}
	have := there.CachedInfo().Config
	h.yield(&want, have)
	if found := misfits(have, want); len(found) > 0 {
		return nil, fmt.Errorf("stream %s is there already and does not fit:\n%s", want.Name, strings.Join(found, "\n"))
	}
	mended, changes := mend(have, want)
	if len(changes) == 0 {
		return there, nil
	}
	there, err = h.js.UpdateStream(ctx, mended)
	if err != nil {
		return nil, explainCreation(want, fmt.Errorf("changing %s: %w", strings.Join(changes, ", "), err))
	}
	h.log.Info("changed a stream", "stream", want.Name, "changes", strings.Join(changes, ", "))
	return there, nil
}

// yield takes limits over from a stream that is there where nobody asked for others.
func (h *Hub) yield(want *jetstream.StreamConfig, have jetstream.StreamConfig) {
	enough := have.MaxBytes >= 4*(h.options.MaxPicture+payloadAllowance)
	if h.options.KeepLimits || h.options.MaxQueueBytes == 0 && enough {
		want.MaxBytes = have.MaxBytes
	}
	if h.options.KeepLimits {
		want.MaxAge, want.Replicas = have.MaxAge, have.Replicas
	}
}

// misfits are what keeps a stream from being used, each with both figures and what helps.
func misfits(have, want jetstream.StreamConfig) []string {
	edit := "nats stream edit " + want.Name
	again := "it can't be changed: take another prefix (--nats-prefix), or, when what is in it may be lost, nats stream rm " + want.Name
	var found []string
	check := func(fits bool, what string, is, should any, help string) {
		if !fits {
			found = append(found, fmt.Sprintf("  %s is %v, needed is %v: %s", what, is, should, help))
		}
	}
	check(have.Retention == want.Retention, "retention", have.Retention, want.Retention, again)
	check(have.Storage == want.Storage, "storage", have.Storage, want.Storage, again)
	check(slices.Equal(have.Subjects, want.Subjects), "subjects", have.Subjects, want.Subjects, edit+" --subjects '"+want.Subjects[0]+"'")
	check(have.Discard == want.Discard, "discard policy", have.Discard, want.Discard, edit+" --discard="+strings.ToLower(want.Discard.String()))
	check(have.DiscardNewPerSubject == want.DiscardNewPerSubject, "discard_new_per_subject", have.DiscardNewPerSubject, want.DiscardNewPerSubject,
		edit+perSubject(want.DiscardNewPerSubject))
	check(have.MaxMsgsPerSubject == unlimited(want.MaxMsgsPerSubject), "max_msgs_per_subject", have.MaxMsgsPerSubject, unlimited(want.MaxMsgsPerSubject),
		fmt.Sprintf("%s --max-msgs-per-subject=%d", edit, unlimited(want.MaxMsgsPerSubject)))
	check(want.MaxAge != 0 || have.MaxAge == 0, "max_age", have.MaxAge, "none, else what waits would vanish", edit+" --max-age=0s")
	check(have.Replicas >= want.Replicas, "replicas", have.Replicas, want.Replicas,
		fmt.Sprintf("%s --replicas=%d, or --nats-replicas %d here", edit, want.Replicas, have.Replicas))
	check(want.MaxBytes <= 0 || have.MaxBytes > 0 && have.MaxBytes <= want.MaxBytes, "max_bytes", have.MaxBytes, want.MaxBytes,
		fmt.Sprintf("%s --max-bytes=%d, or a larger --queue-max-bytes here", edit, want.MaxBytes))
	check(have.MaxConsumers <= 0 || have.MaxConsumers >= leastConsumers, "max_consumers", have.MaxConsumers, leastConsumers, again)
	check(!have.NoAck, "no_ack", true, false, edit+" --ack")
	check(!have.Sealed && !have.DenyDelete && !have.DenyPurge, "sealed, deny_delete or deny_purge", true, false, again)
	check(have.PersistMode == jetstream.DefaultPersistMode, "persist_mode", have.PersistMode, jetstream.DefaultPersistMode, again)
	check(have.Mirror == nil && len(have.Sources) == 0 && have.SubjectTransform == nil, "a mirror, sources or a transform", "set", "none", again)
	return found
}

// leastConsumers are those that a hub may open on one stream at the same time, with room for a second one.
const leastConsumers = 16

func perSubject(on bool) string {
	if on {
		return " --discard-per-subject"
	}
	return " --no-discard-per-subject"
}

// unlimited is how JetStream writes that there is no limit.
func unlimited[T int64 | int32](n T) T {
	if n == 0 {
		return -1
	}
	return n
}

// mend raises limits that are too low. Nothing that is in the stream is lost by it.
func mend(have, want jetstream.StreamConfig) (mended jetstream.StreamConfig, changes []string) {
	mended = have
	change := func(need bool, what string, from, to any, set func()) {
		if need {
			set()
			changes = append(changes, fmt.Sprintf("%s from %v to %v", what, from, to))
		}
	}
	change(want.MaxBytes != 0 && have.MaxBytes < want.MaxBytes, "max_bytes", have.MaxBytes, want.MaxBytes, func() { mended.MaxBytes = want.MaxBytes })
	change(have.MaxMsgs > 0, "max_msgs", have.MaxMsgs, "none", func() { mended.MaxMsgs = -1 })
	change(have.MaxMsgSize > 0, "max_msg_size", have.MaxMsgSize, "none", func() { mended.MaxMsgSize = -1 })
	change(have.MaxAge > 0 && have.MaxAge < want.MaxAge, "max_age", have.MaxAge, want.MaxAge.Round(time.Second), func() { mended.MaxAge = want.MaxAge })
	change(!have.AllowDirect, "allow_direct", false, true, func() { mended.AllowDirect = true })
	return mended, changes
}

// explainCreation says what a server's refusal to make or change a stream means to the person who must act.
func explainCreation(want jetstream.StreamConfig, err error) error {
	said := fmt.Errorf("making stream %s (%d replicas, max_bytes %d): %w", want.Name, want.Replicas, want.MaxBytes, err)
	api, answered := refusal(err)
	if !answered {
		return said
	}
	help := map[jetstream.ErrorCode]string{
		codeAccountLimit:     "the account's storage does not suffice; each replica counts: raise it there, or give a smaller --queue-max-bytes",
		codeStreamMaxBytes:   "the account allows no stream of this size: raise it there, or give a smaller --queue-max-bytes",
		codeStorageLimit:     "the server has not so much storage to give (max_file_store): raise it there, or give a smaller --queue-max-bytes",
		codeInsufficient:     "the server has not so much to give: raise its limits, or give a smaller --queue-max-bytes",
		codeNoPeers:          "too few servers of the cluster can take it; each needs JetStream and the storage (max_file_store): give fewer --nats-replicas, or a smaller --queue-max-bytes",
		codeReplicas:         "this server belongs to no cluster: give --nats-replicas 1",
		codeSubjectsOverlap:  "another stream takes these subjects: remove it, or take another --nats-prefix",
		codeMaxBytesRequired: "the account wants a limit of each stream (max_bytes_required), which the journal can't have: switch that off",
	}[api.ErrorCode]
	if help == "" {
		return said
	}
	return fmt.Errorf("%w: %s", said, help)
}
