package queue

import (
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// idMaker makes capture ids: ULIDs by time of receipt, growing within one millisecond too.
type idMaker struct {
	mu      sync.Mutex
	entropy *ulid.MonotonicEntropy
}

func newIDMaker() *idMaker { return &idMaker{entropy: ulid.Monotonic(rand.Reader, 0)} }

func (m *idMaker) make(at time.Time) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, err := ulid.New(ulid.Timestamp(at), m.entropy)
	if err != nil {
		return "", fmt.Errorf("making a capture id for %s: %w", at, err)
	}
	return id.String(), nil
}

func validID(id string) bool {
	_, err := ulid.ParseStrict(id)
	return err == nil
}

// idTime is when the capture of a valid id was received, to the millisecond.
func idTime(id string) time.Time {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return time.Time{}
	}
	return ulid.Time(u.Time())
}
