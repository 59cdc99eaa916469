//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plumbline/test/cluster/system"
)

// everyStrategy: the Jobs that KEDA makes are exactly those wanted, whatever the ScaledJob's own strategy.
func everyStrategy(ctx context.Context, s *scene) error {
	for name, strategy := range map[string]string{
		"default": "{strategy: default}", "accurate": "{strategy: accurate}", "eager": "{strategy: eager}", "none": "{}",
		"custom": `{strategy: custom, customScalingQueueLengthDeduction: 1, customScalingRunningJobPercentage: "0.5"}`,
	} {
		for least := range 2 {
			if err := s.oneStrategy(ctx, fmt.Sprintf("%s-%d", name, least), strategy, least); err != nil {
				return fmt.Errorf("strategy %s, minReplicaCount %d: %w", name, least, err)
			}
		}
	}
	return nil
}

func (s *scene) oneStrategy(ctx context.Context, name, strategy string, least int) error {
	s.hub.say(0)
	if err := s.begin(ctx, name, strategy, least); err != nil {
		return err
	}
	if err := s.settled(ctx, name, least); err != nil {
		return err
	}
	s.hub.say(60)
	if err := s.awaitJobs(ctx, name, 3); err != nil {
		return err
	}
	if err := s.claim(ctx, name); err != nil {
		return err
	}
	s.hub.sayWaiting(21)
	if err := s.awaitJobs(ctx, name, 5); err != nil {
		return err
	}
	begun, err := s.answers(ctx, 0, name)
	if err != nil {
		return err
	}
	const further = 5
	err = system.Await(ctx, slow, "some polls without a further Job", func(ctx context.Context) error {
		if err := s.exactly(ctx, name, 5); err != nil {
			return err
		}
		now, err := s.answers(ctx, 0, name)
		if err == nil && now < begun+further {
			err = fmt.Errorf("%.0f polls", now-begun)
		}
		return err
	})
	return errors.Join(err, s.end(ctx, name))
}

// settled waits until KEDA has made the Jobs of the minimum and polled once more. It begins twice with a new ScaledJob, and may
// make one too many then, whatever it is answered.
func (s *scene) settled(ctx context.Context, name string, least int) error {
	begun, err := s.answers(ctx, 0, name)
	if err != nil {
		return err
	}
	return system.Await(ctx, slow, "KEDA has settled", func(ctx context.Context) error {
		jobs, err := s.jobsOf(ctx, name)
		if err != nil {
			return err
		}
		now, err := s.answers(ctx, 0, name)
		if err == nil && (len(jobs) < least || now < begun+2) {
			err = fmt.Errorf("%d Jobs after %.0f polls", len(jobs), now-begun)
		}
		return err
	})
}

// oneScalerKilled: KEDA goes on asking the other one.
func oneScalerKilled(ctx context.Context, s *scene) error {
	if err := s.begin(ctx, "worker", "{strategy: default}", 0); err != nil {
		return err
	}
	for i := range scalers {
		if err := s.awaitAnswers(ctx, i, "worker", slow); err != nil {
			return err
		}
	}
	if err := s.Kill(scalerPart(0)); err != nil {
		return err
	}
	killed := time.Now()
	last, at, longest := -1.0, killed, time.Duration(0)
	err := system.Await(ctx, slow, "twenty seconds of answers", func(ctx context.Context) error {
		n, err := s.answers(ctx, 1, "worker")
		if err != nil {
			return err
		}
		if n != last {
			longest, last, at = max(longest, time.Since(at)), n, time.Now()
		}
		if time.Since(killed) < 20*time.Second {
			return errOngoing
		}
		longest = max(longest, time.Since(at))
		return nil
	})
	if err != nil {
		return err
	}
	s.note("longest time without an answer after one of two was killed: %.2f s, at a poll a second", longest.Seconds())
	if longest > 5*time.Second {
		return fmt.Errorf("nobody was asked for %s", longest)
	}
	s.hub.say(10)
	return s.awaitJobs(ctx, "worker", 1)
}

// bothScalersAway: KEDA comes back by gRPC's back-off.
func bothScalersAway(ctx context.Context, s *scene) error {
	if err := s.begin(ctx, "worker", "{strategy: default}", 0); err != nil {
		return err
	}
	for i := range scalers {
		if err := errors.Join(s.awaitAnswers(ctx, i, "worker", slow), s.Kill(scalerPart(i))); err != nil {
			return err
		}
	}
	s.hub.say(10)
	timer := time.NewTimer(45 * time.Second)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	start := time.Now()
	for i := range scalers {
		if err := s.Restart(ctx, scalerPart(i)); err != nil {
			return err
		}
	}
	if err := s.awaitJobs(ctx, "worker", 1); err != nil {
		return err
	}
	s.note("both scalers back to the Job: %.1f s after 45 s away", time.Since(start).Seconds())
	if took := time.Since(start); took > 2*time.Minute {
		return fmt.Errorf("it took %s", took)
	}
	return nil
}
