package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"plumbline/internal/testkit/child"
)

// member is a process that is killed now and then, and its next life. Lives do not overlap.
type member struct {
	launch func(context.Context) (*child.Process, error)
	now    *child.Process
}

// again kills the member and starts it anew.
func (m *member) again(ctx context.Context) error {
	if err := m.now.Kill(); err != nil {
		return err
	}
	next, err := m.launch(ctx)
	if err == nil {
		m.now = next
	}
	return err
}

// killing is what kills until it is stopped.
type killing struct {
	cancel        context.CancelFunc
	running       sync.WaitGroup
	workers, hubs int
}

func (s *system) killAll(ctx context.Context) *killing {
	ctx, cancel := context.WithCancel(ctx)
	k := &killing{cancel: cancel}
	k.start(ctx, s.workers, s.options.killEvery, &k.workers)
	k.start(ctx, s.hubs, s.options.killHubs, &k.hubs)
	return k
}

// start kills one of members after the other.
func (k *killing) start(ctx context.Context, members []*member, every time.Duration, kills *int) {
	if every <= 0 {
		return
	}
	k.running.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := members[*kills%len(members)].again(context.WithoutCancel(ctx)); err != nil {
					fmt.Fprintln(os.Stderr, "chaos: starting again:", err)
					return
				}
				*kills++
			}
		}
	})
}

func (k *killing) stop() (workers, hubs int) {
	k.cancel()
	k.running.Wait()
	return k.workers, k.hubs
}
