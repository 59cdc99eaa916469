package queue

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A request is lost when no server leads at the moment at which it comes. However long the election takes, an answer
// follows soon after.
func TestAskedSoonAfterAnElection(t *testing.T) {
	for election := time.Duration(0); election <= electionTime; election += 100 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			_, err := asked(t.Context(), func(ctx context.Context) (int, error) {
				if time.Since(began) >= election {
					return 0, nil
				}
				<-ctx.Done()
				return 0, ctx.Err()
			})
			if late := time.Since(began) - election; err != nil || late > answerTimeout+openPause {
				t.Errorf("answered %s after an election of %s: %v", late, election, err)
			}
		})
	}
}

func TestAskedWithPatience(t *testing.T) {
	refused := &jetstream.APIError{ErrorCode: codeStreamMaxBytes}
	for name, c := range map[string]struct {
		takes   time.Duration
		refusal error
		want    error
		within  time.Duration
	}{
		"a slow server answers at last": {takes: 15 * time.Second, within: time.Minute},
		"nobody answers":                {takes: time.Hour, want: context.DeadlineExceeded, within: 90 * time.Second},
		"a refusal is final":            {refusal: refused, want: refused},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				_, err := asked(t.Context(), func(ctx context.Context) (int, error) {
					select {
					case <-time.After(c.takes):
						return 0, c.refusal
					case <-ctx.Done():
						return 0, ctx.Err()
					}
				})
				if took := time.Since(began); !errors.Is(err, c.want) || took > c.within {
					t.Errorf("%v after %s, want %v within %s", err, took, c.want, c.within)
				}
			})
		})
	}
}
