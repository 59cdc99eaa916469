package main

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"plumbline/internal/demo/people"
	"plumbline/internal/mqtt/device"
)

// publish sends all pictures and returns the names of those that were acknowledged.
func (s *system) publish(ctx context.Context) (map[string]bool, error) {
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	senders, ctx := errgroup.WithContext(ctx)
	for d := range s.options.devices {
		senders.Go(func() error {
			_, err := device.Send(ctx, device.Options{
				URL: "mqtt://" + s.broker.Address(), Device: fmt.Sprintf("pi%d", d), Form: device.Envelope, Window: 8, Patience: time.Minute,
			}, s.pictures(d), func(p device.Progress) {
				if p.Err == nil {
					mu.Lock()
					acknowledged[p.Name] = true
					mu.Unlock()
				}
			})
			if err != nil {
				return fmt.Errorf("device %d: %w", d, err)
			}
			return nil
		})
	}
	return acknowledged, senders.Wait()
}

// pictures are one device's share, each with a name of its own.
func (s *system) pictures(d int) iter.Seq2[device.Picture, error] {
	all := people.People()
	return func(yield func(device.Picture, error) bool) {
		for i := d; i < s.options.pictures; i += s.options.devices {
			if !yield(device.Picture{Name: fmt.Sprintf("picture-%06d", i), Bytes: all[i%len(all)].Picture}, nil) {
				return
			}
		}
	}
}
