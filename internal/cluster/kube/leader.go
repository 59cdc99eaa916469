package kube

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// How a leader is found: who holds the Lease renews it each second; it is free when nobody has seen it renewed for five
// seconds, and at once when its holder ends in order. A holder that could not renew for three seconds stops leading before
// another can start.
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
//
// It does what client-go's leaderelection does, whose price is told at restClient. As there, clocks of different machines are
// not compared: how long a Lease was not renewed is measured here, from when it was last seen to change.
func (c *Client) Lead(ctx context.Context, e Election, lead func(context.Context)) error {
	l := &elector{client: c, Election: e}
	for ctx.Err() == nil {
		if l.acquire(ctx) {
			l.reign(ctx, lead)
			continue
		}
		pause(ctx, retryPeriod)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

type elector struct {
	client *Client
	Election
	seen   string    // holder and renewal, as last read
	seenAt time.Time // when that was first read
	leader string
	broken bool // the Lease could not be read or written; said once
}

// reign leads for as long as the Lease is held.
func (l *elector) reign(ctx context.Context, lead func(context.Context)) {
	leading, end := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { lead(leading); close(done) }()
	held := time.Now()
	for leading.Err() == nil && time.Since(held) < renewDeadline {
		pause(leading, retryPeriod)
		begin := time.Now()
		attempt, cancel := context.WithDeadline(leading, held.Add(renewDeadline))
		renewed := l.acquire(attempt)
		cancel()
		if renewed {
			held = begin
		} else if l.leader != l.Identity {
			break
		}
	}
	end()
	<-done
	if ctx.Err() != nil {
		l.release(context.WithoutCancel(ctx))
		return
	}
	l.client.log.Warn("another may place now: the Lease could not be renewed", "lease", l.Lease)
}

// acquire takes or renews the Lease, and says whether it is held now.
func (l *elector) acquire(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, renewDeadline)
	defer cancel()
	held, err := l.update(ctx, func(s *coordinationv1.LeaseSpec) bool {
		if holder := holderOf(s); holder != l.Identity && holder != "" && time.Since(l.seenAt) < leaseDuration {
			return false
		}
		l.take(s)
		return true
	})
	if err != nil && ctx.Err() == nil && !l.broken {
		l.client.log.Warn("who places can't be decided; it is tried again (the ServiceAccount needs get, create and update on leases)", "lease", l.Lease, "error", err)
	}
	l.broken = err != nil
	if held {
		l.lead(l.Identity)
	}
	return held
}

func (l *elector) take(s *coordinationv1.LeaseSpec) {
	now, seconds := metav1.NowMicro(), int32(leaseDuration/time.Second)
	if holderOf(s) != l.Identity {
		transitions := int32(0)
		if s.LeaseTransitions != nil {
			transitions = *s.LeaseTransitions + 1
		}
		s.LeaseTransitions, s.AcquireTime = &transitions, &now
	}
	s.HolderIdentity, s.LeaseDurationSeconds, s.RenewTime = &l.Identity, &seconds, &now
}

// release gives the Lease back, so that another need not wait.
func (l *elector) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, renewDeadline)
	defer cancel()
	_, err := l.update(ctx, func(s *coordinationv1.LeaseSpec) bool {
		mine := holderOf(s) == l.Identity
		s.HolderIdentity = new(string)
		return mine
	})
	if err != nil {
		l.client.log.Warn("the Lease could not be given back; another waits until it runs out", "lease", l.Lease, "error", err)
	}
}

// update reads the Lease, or makes it, and writes what change made of it. The apiserver refuses that when somebody else was
// faster, which is no error.
func (l *elector) update(ctx context.Context, change func(*coordinationv1.LeaseSpec) bool) (bool, error) {
	c, lease := l.client, &coordinationv1.Lease{}
	err := c.leases.Get().Namespace(c.namespace).Resource("leases").Name(l.Lease).Do(ctx).Into(lease)
	if apierrors.IsNotFound(err) {
		lease.ObjectMeta = metav1.ObjectMeta{Name: l.Lease, Namespace: c.namespace, Labels: leaseLabels}
		if !change(&lease.Spec) {
			return false, nil
		}
		return l.written(c.leases.Post().Namespace(c.namespace).Resource("leases").Body(lease).Do(ctx).Error())
	}
	if err != nil {
		return false, fmt.Errorf("reading the Lease: %w", err)
	}
	l.see(&lease.Spec)
	if !change(&lease.Spec) {
		return false, nil
	}
	return l.written(c.leases.Put().Namespace(c.namespace).Resource("leases").Name(l.Lease).Body(lease).Do(ctx).Error())
}

// leaseLabels are those of everything that deploy makes, so that stop finds the Lease, too.
var leaseLabels = map[string]string{"app.kubernetes.io/managed-by": Manager, "app.kubernetes.io/part-of": Manager}

func (l *elector) written(err error) (bool, error) {
	switch {
	case apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("writing the Lease: %w", err)
	}
	return true, nil
}

// see notes when the Lease was last seen to change, and who leads.
func (l *elector) see(s *coordinationv1.LeaseSpec) {
	now := holderOf(s)
	if s.RenewTime != nil {
		now += " " + s.RenewTime.String()
	}
	if now != l.seen {
		l.seen, l.seenAt = now, time.Now()
	}
	l.lead(holderOf(s))
}

func (l *elector) lead(identity string) {
	if l.leader != identity && l.OnLeader != nil {
		l.OnLeader(identity)
	}
	l.leader = identity
}

func holderOf(s *coordinationv1.LeaseSpec) string {
	if s.HolderIdentity == nil {
		return ""
	}
	return *s.HolderIdentity
}
