//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"plumbline/test/cluster/system"
)

// everyStrategy: the Jobs that KEDA makes are exactly those wanted, whatever the ScaledJob's own strategy. All of them side by
// side: each is told the same backlog, and there are slots for all.
func everyStrategy(ctx context.Context, s *scene) error {
	var all []workload
	for name, strategy := range map[string]map[string]any{
		"default": {"strategy": "default"}, "accurate": {"strategy": "accurate"}, "eager": {"strategy": "eager"}, "none": nil,
		"custom": {"strategy": "custom", "customScalingQueueLengthDeduction": int64(1), "customScalingRunningJobPercentage": "0.5"},
	} {
		for least := range 2 {
			all = append(all, workload{name: fmt.Sprintf("%s-%d", name, least), strategy: strategy, least: int64(least)})
		}
	}
	// each is done for every ScaledJob at once, and awaited, before the next.
	each := func(act func(context.Context, workload) error) error {
		acts, within := errgroup.WithContext(ctx)
		for _, w := range all {
			acts.Go(func() error { return act(within, w) })
		}
		return acts.Wait()
	}
	if err := each(s.settled); err != nil {
		return err
	}
	s.hub.say(60)
	if err := each(func(ctx context.Context, w workload) error { return s.awaitJobs(ctx, w.name, 3) }); err != nil {
		return err
	}
	if err := s.claim(ctx); err != nil {
		return err
	}
	s.hub.sayWaiting(21)
	return each(func(ctx context.Context, w workload) error {
		if err := s.awaitJobs(ctx, w.name, 5); err != nil {
			return err
		}
		return s.remains(ctx, w.name, 5, 5)
	})
}

// settled makes a ScaledJob and waits until KEDA has made the Jobs of the minimum and polled once more. It begins twice with a
// new ScaledJob, and may make one too many then, whatever it is answered.
func (s *scene) settled(ctx context.Context, w workload) error {
	if err := s.begin(ctx, w); err != nil {
		return err
	}
	return system.Await(ctx, slow, fmt.Sprintf("%d Jobs of %s after two polls", w.least, w.name), func(ctx context.Context) error {
		jobs, err := s.jobsOf(ctx, w.name)
		if err != nil {
			return err
		}
		polls, err := s.answers(ctx, 0, w.name)
		if err == nil && (len(jobs) < int(w.least) || polls < 3) {
			err = fmt.Errorf("%d Jobs after %.0f polls", len(jobs), polls)
		}
		return err
	})
}

// oneScalerKilled: KEDA goes on asking the other one.
func oneScalerKilled(ctx context.Context, s *scene) error {
	if err := s.begin(ctx, workload{name: "worker"}); err != nil {
		return err
	}
	for i := range s.controllers {
		if err := s.awaitAnswers(ctx, i, "worker"); err != nil {
			return err
		}
	}
	if err := s.Kill(s.process(0)); err != nil {
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
			return fmt.Errorf("%.0f s of them", time.Since(killed).Seconds())
		}
		longest = max(longest, time.Since(at))
		return nil
	})
	if err != nil {
		return err
	}
	s.note("longest time without an answer after one of two was killed: %.2f s, at a poll a second", longest.Seconds())
	if longest > 5*time.Second {
		return fmt.Errorf("expected: KEDA asks the other scaler within 5 s; seen: nobody was asked for %s", longest)
	}
	s.hub.say(10)
	return s.awaitJobs(ctx, "worker", 1)
}

// bothScalersAway: KEDA comes back by gRPC's back-off.
func bothScalersAway(ctx context.Context, s *scene) error {
	if err := s.begin(ctx, workload{name: "worker"}); err != nil {
		return err
	}
	for i := range s.controllers {
		if err := errors.Join(s.awaitAnswers(ctx, i, "worker"), s.Kill(s.process(i))); err != nil {
			return err
		}
	}
	s.hub.say(10)
	if err := wait(ctx, 45*time.Second); err != nil {
		return err
	}
	start := time.Now()
	for i := range s.controllers {
		if err := s.Restart(ctx, s.process(i)); err != nil {
			return err
		}
	}
	if err := s.awaitJobs(ctx, "worker", 1); err != nil {
		return err
	}
	s.note("both scalers back to the Job: %.1f s after 45 s away", time.Since(start).Seconds())
	if took := time.Since(start); took > 2*time.Minute {
		return fmt.Errorf("expected: a Job within 120 s after the scalers are back; seen: after %s", took)
	}
	return nil
}
