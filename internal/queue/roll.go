package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// idName is a file in a hub's folder with a name of its own, by which a hub that is started anew is known to be the
// one that was there before.
const idName = "hub-id"

// rollBeat is how often a hub says that it is there. One that was silent for leaseTTL is gone.
const rollBeat = 1500 * time.Millisecond

// openBucket opens the key-value bucket in which hubs know of each other: who is there, and who leads.
func (h *Hub) openBucket(ctx context.Context, replicas int) (err error) {
	name := h.names.stream("hubs")
	h.bucket, err = h.js.KeyValue(ctx, name)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		h.bucket, err = h.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: name, History: 1, Storage: jetstream.FileStorage, Replicas: replicas,
		})
	}
	if err != nil {
		return fmt.Errorf("opening the bucket %s, in which hubs know of each other: %w", name, err)
	}
	return nil
}

// readID reads the folder's name, or makes it.
func readID(dir string, make func() (string, error)) (string, error) {
	name := filepath.Join(dir, idName)
	text, err := os.ReadFile(name) //nolint:gosec // a file of our own folder
	if err == nil && validID(strings.TrimSpace(string(text))) {
		return strings.TrimSpace(string(text)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading this hub's name: %w", err)
	}
	id, err := make()
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(name, []byte(id+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("writing this hub's name: %w", err)
	}
	return id, nil
}

// enroll says that this hub is there, and refuses when it and another one that is there exclude each other.
func (h *Hub) enroll(ctx context.Context) error {
	me := h.self()
	me.Alone = h.options.Outside.Alone
	if err := h.say(ctx, me); err != nil {
		return err
	}
	if err := h.lookForOthers(ctx, me); err != nil {
		return errors.Join(err, h.bucket.Delete(ctx, "hub."+h.id))
	}
	me.Open = true
	if err := h.say(ctx, me); err != nil {
		return err
	}
	h.busy.Go(func() { h.stayEnrolled(me) })
	return nil
}

func (h *Hub) say(ctx context.Context, v holding) error {
	text, err := json.Marshal(v)
	if err == nil {
		_, err = h.bucket.Put(ctx, "hub."+h.id, text)
	}
	if err != nil {
		return fmt.Errorf("telling other hubs of this one: %w", err)
	}
	return nil
}

// stayEnrolled says so until the hub closes.
func (h *Hub) stayEnrolled(me holding) {
	tick := time.NewTicker(rollBeat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			h.sayAgain(func(ctx context.Context) error { return h.say(ctx, me) })
		case <-h.ctx.Done():
			h.sayAgain(func(ctx context.Context) error { return h.bucket.Delete(ctx, "hub."+h.id) })
			return
		}
	}
}

// sayAgain says it in time or not at all: the next beat comes soon, and who says nothing is taken for gone.
func (h *Hub) sayAgain(say func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), rollBeat)
	defer cancel()
	if err := say(ctx); err != nil {
		h.log.Debug("telling other hubs of this one", "error", err)
	}
}

// lookForOthers refuses a hub that excludes another one.
func (h *Hub) lookForOthers(ctx context.Context, me holding) error {
	keys, err := h.bucket.Keys(ctx)
	if err != nil && !errors.Is(err, jetstream.ErrNoKeysFound) {
		return fmt.Errorf("looking for other hubs: %w", err)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, "hub.") || key == "hub."+h.id {
			continue
		}
		other, lives, err := h.lives(ctx, key, me)
		if err != nil {
			return err
		}
		if lives {
			return excluded(me, other)
		}
	}
	return nil
}

// lives watches a hub that excludes this one, for as long as it may be silent.
func (h *Hub) lives(ctx context.Context, key string, me holding) (other holding, lives bool, err error) {
	first := uint64(0)
	deadline, tick := time.After(leaseTTL), time.NewTicker(leasePoll)
	defer tick.Stop()
	for {
		e, err := h.bucket.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			return other, false, nil
		}
		if err != nil {
			return other, false, fmt.Errorf("looking for other hubs: %w", err)
		}
		if err := json.Unmarshal(e.Value(), &other); err != nil {
			return other, false, nil //nolint:nilerr // none of ours
		}
		switch {
		case !me.Alone && !other.Alone:
			return other, false, nil
		case !other.Open && (me.Since.Before(other.Since) || me.Since.Equal(other.Since) && me.Hub < other.Hub):
			return other, false, nil // it is starting too, later, and refuses itself
		case first == 0:
			first = e.Revision()
		case e.Revision() != first:
			return other, true, nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return other, false, nil
		case <-ctx.Done():
			return other, false, fmt.Errorf("looking for other hubs: %w", ctx.Err())
		}
	}
}

func excluded(me, other holding) error {
	whose := "this hub's"
	if !me.Alone {
		whose = "its"
	}
	return fmt.Errorf("another hub (on %s, since %s) works on the same streams, and %s rows go into a file that no other hub can write: give both the same PostgreSQL (--database-url), or this one a --nats-prefix of its own",
		other.Host, other.Since.Local().Format(time.DateTime), whose)
}
