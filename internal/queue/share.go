package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"plumbline/internal/posture"
)

// runHeader names the process that shares a result.
const runHeader = "Plumbline-Run"

// Share tells other hubs of a result that this one has recorded, so that whichever of them is connected to the broker
// announces it and all their pages show it. Nothing is promised: the table has it. Without a NATS outside there is
// nobody to tell.
func (h *Hub) Share(r posture.Result) error {
	if h.options.Outside == nil {
		return nil
	}
	r.Annotated = nil
	text, err := encodeResult(r)
	if err != nil {
		return err
	}
	m := nats.NewMsg(h.names.shared())
	m.Header.Set(formatHeader, strconv.Itoa(formatVersion))
	m.Header.Set(runHeader, h.run)
	m.Data = text
	if err := h.nc.PublishMsg(m); err != nil {
		return fmt.Errorf("telling other hubs of a result: %w", err)
	}
	return nil
}

// Shared calls tell with each result that another hub shares, one after the other, until ctx ends.
func (h *Hub) Shared(ctx context.Context, tell func(posture.Result)) error {
	if h.options.Outside == nil {
		<-ctx.Done()
		return nil
	}
	sub, err := h.nc.Subscribe(h.names.shared(), func(m *nats.Msg) {
		if m.Header.Get(runHeader) == h.run || checkFormat(m.Header) != nil {
			return
		}
		if r, err := decodeResult(m.Data); err == nil {
			tell(r)
		}
	})
	if err != nil {
		return fmt.Errorf("listening to other hubs: %w", err)
	}
	<-ctx.Done()
	if err := sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		return fmt.Errorf("listening to other hubs: %w", err)
	}
	return nil
}

// Agree gives the value that all hubs of the installation use under a name: the first one's. Without a NATS outside that
// is one's own.
func (h *Hub) Agree(ctx context.Context, name, proposal string) (string, error) {
	if h.options.Outside == nil {
		return proposal, nil
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	_, err := h.bucket.Create(ctx, "agreed."+name, []byte(proposal))
	if err == nil {
		return proposal, nil
	}
	if !errors.Is(err, jetstream.ErrKeyExists) {
		return "", fmt.Errorf("agreeing on %s with other hubs: %w", name, err)
	}
	e, err := h.bucket.Get(ctx, "agreed."+name)
	if err != nil {
		return "", fmt.Errorf("agreeing on %s with other hubs: %w", name, err)
	}
	return string(e.Value()), nil
}
