package broker

import (
	"sync"
	"time"
)

// gate counts messages being handled and lets none in once it is shut.
type gate struct {
	mutex  sync.Mutex
	inside int
	empty  chan struct{} // made when the gate is shut, closed when the last has left
}

func (g *gate) enter() bool {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.empty != nil {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.inside--
	if g.empty != nil && g.inside == 0 {
		close(g.empty)
	}
}

// shut waits until nobody is inside, at most for the given time.
func (g *gate) shut(patience time.Duration) {
	g.mutex.Lock()
	g.empty = make(chan struct{})
	if g.inside == 0 {
		close(g.empty)
	}
	g.mutex.Unlock()
	select {
	case <-g.empty:
	case <-time.After(patience):
	}
}
