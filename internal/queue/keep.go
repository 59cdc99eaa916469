package queue

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// keepLimits takes the limits of a stream that is there, so that a command which looks at it does not change them: a
// shorter age than the hub's would remove entries of the journal.
func keepLimits(ctx context.Context, js jetstream.JetStream, c *jetstream.StreamConfig) error {
	s, err := js.Stream(ctx, c.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the limits of stream %s: %w", c.Name, err)
	}
	c.MaxAge, c.MaxBytes = s.CachedInfo().Config.MaxAge, s.CachedInfo().Config.MaxBytes
	return nil
}
