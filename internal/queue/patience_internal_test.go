package queue

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
)

// What a start puts right is begun anew where a cluster gave no answer; an embedded server that fails has failed.
func TestStartIsPatientWithACluster(t *testing.T) {
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		outside *Outside
		failing int // times that no answer comes
		then    error
		want    error
		tries   int
	}{
		"no answer at first":         {outside: &Outside{}, failing: 3, tries: 4},
		"a refusal is final":         {outside: &Outside{}, then: refused, want: refused, tries: 1},
		"never an answer":            {outside: &Outside{}, failing: 1000, want: nats.ErrTimeout, tries: int(openTimeout/openPause) + 1},
		"embedded: nothing is asked": {failing: 1, want: nats.ErrTimeout, tries: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, tries, began := &Hub{options: Options{Outside: c.outside}, log: slog.New(slog.DiscardHandler)}, 0, time.Now()
				err := h.patiently(t.Context(), func(context.Context) error {
					if tries++; tries <= c.failing {
						return nats.ErrTimeout
					}
					return c.then
				})
				if !errors.Is(err, c.want) || tries < c.tries-1 || tries > c.tries || time.Since(began) > openTimeout {
					t.Errorf("%v after %d tries in %s, want %v after %d", err, tries, time.Since(began), c.want, c.tries)
				}
			})
		})
	}
}

// What goes on in the background waits for as long as the hub is open.
func TestBackgroundOutlastsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, back := &Hub{options: Options{Outside: &Outside{}}, log: slog.New(slog.DiscardHandler)}, time.Now().Add(time.Hour)
		err := h.persistently(t.Context(), func(context.Context) error {
			if time.Now().Before(back) {
				return context.DeadlineExceeded
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
