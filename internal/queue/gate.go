package queue

import (
	"context"
	"sync"
)

// gate lets claims of this process be in hand together, except that a capture with blame is in hand alone. A picture
// that kills the process takes those with it that are in hand at the same moment; were they always the same (the queue
// keeps its order), they would end as dead letters too.
type gate struct {
	mu      sync.Mutex
	inside  int
	alone   bool
	wanted  int           // waiting to be alone; nobody else enters meanwhile
	changed chan struct{} // closed and replaced at each change
}

func newGate() *gate { return &gate{changed: make(chan struct{})} }

// enter waits until there is room; leave it again unless it returned an error.
func (g *gate) enter(ctx context.Context, alone bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if alone {
		g.wanted++
		defer func() { g.wanted--; g.change() }()
	}
	for !g.free(alone) {
		if err := g.wait(ctx); err != nil {
			return err
		}
	}
	g.inside++
	g.alone = alone
	return nil
}

// wait gives the lock away until something changes.
func (g *gate) wait(ctx context.Context) error {
	changed := g.changed
	g.mu.Unlock()
	defer g.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) free(alone bool) bool {
	if alone {
		return g.inside == 0
	}
	return !g.alone && g.wanted == 0
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	g.alone = false
	g.change()
}

func (g *gate) change() {
	close(g.changed)
	g.changed = make(chan struct{})
}
