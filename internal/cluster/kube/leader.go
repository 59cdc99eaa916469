package kube

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// How a leader is found: who holds the Lease renews it each second; it is free five seconds after the last renewal, and at
// once when its holder ends in order. A holder that cannot renew for three seconds stops leading before another can start.
const (
	leaseDuration = 5 * time.Second
	renewDeadline = 3 * time.Second
	retryPeriod   = time.Second
)

// Election is who wants to lead what.
type Election struct {
	Lease    string                // name of the Lease, in the client's namespace
	Identity string                // of this process; the pod's name
	OnLeader func(identity string) // told who leads, whenever that changes; nil: nobody is
}

// Lead calls lead whenever this process holds the Lease, with a context that ends when it no longer does; lead must end with
// it. Lead returns when the context ends: lead has ended by then, and after that the Lease was given back.
func (c *Client) Lead(ctx context.Context, e Election, lead func(context.Context)) error {
	for ctx.Err() == nil {
		if err := c.turn(ctx, e, lead); err != nil {
			return err
		}
	}
	return nil
}

// turn stands for election until the Lease was held and lost, or the context ends.
func (c *Client) turn(ctx context.Context, e Election, lead func(context.Context)) error {
	elect, resign := context.WithCancel(context.WithoutCancel(ctx))
	defer resign()
	var leading sync.Mutex
	start := func(held context.Context) {
		leading.Lock()
		defer leading.Unlock()
		both, end := context.WithCancel(held)
		defer end()
		defer context.AfterFunc(ctx, end)()
		if both.Err() == nil && ctx.Err() == nil {
			lead(both)
		}
	}
	defer context.AfterFunc(ctx, func() {
		leading.Lock() // until lead has ended
		defer leading.Unlock()
		resign()
	})()
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta: metav1.ObjectMeta{Name: e.Lease, Namespace: c.namespace}, Client: c.leases,
			LockConfig: resourcelock.ResourceLockConfig{Identity: e.Identity},
		},
		Name: e.Lease, LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{OnStartedLeading: start, OnStoppedLeading: func() {}, OnNewLeader: e.OnLeader},
	})
	if err != nil {
		return fmt.Errorf("electing a leader: %w", err)
	}
	elector.Run(elect)
	leading.Lock() // until lead has ended
	defer leading.Unlock()
	return nil
}
