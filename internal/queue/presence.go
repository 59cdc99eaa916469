package queue

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// presence follows whether a worker elsewhere still has a hub. Nil, in the hub's own process, follows nothing.
type presence struct {
	patience time.Duration
	lost     func(error) // called once no hub was there for the whole patience

	mu         sync.Mutex
	over       bool
	missing    *time.Timer     // runs while no hub is there
	connection context.Context // ends when the connection breaks; the next one has another
	end        context.CancelFunc
}

func newPresence(patience time.Duration, lost func(error)) *presence {
	p := &presence{patience: patience, lost: lost}
	p.connection, p.end = context.WithCancel(context.Background())
	return p
}

// away says that no hub is there.
func (p *presence) away() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.missing == nil && !p.over {
		p.missing = time.AfterFunc(p.patience, func() {
			p.lost(fmt.Errorf("no hub was there for %s", p.patience))
		})
	}
}

// there says that a hub is there.
func (p *presence) there() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.missing != nil {
		p.missing.Stop()
		p.missing = nil
	}
}

// stop ends the watch: the worker closes.
func (p *presence) stop() {
	p.there()
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.end()
}

// broke says that the connection broke: what was asked by it gets no answer any more.
func (p *presence) broke() {
	if p == nil {
		return
	}
	p.away()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
	if p.over {
		return
	}
	p.connection, p.end = context.WithCancel(context.Background())
}

// unbroken ends when the connection breaks.
func (p *presence) unbroken() context.Context {
	if p == nil {
		return context.Background()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.connection
}
