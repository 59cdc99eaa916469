// Package gate lets a server or client end in order: it counts the messages being handled, lets no more in once it is shut,
// and waits for those inside. It knows nothing of messages.
package gate

import (
	"sync"
	"time"
)

// Gate is open at first; the zero value is ready.
type Gate struct {
	mutex  sync.Mutex
	inside int
	empty  chan struct{} // made when the gate is shut, closed when the last has left
}

// Enter is false once the gate is shut; else leave it again.
func (g *Gate) Enter() bool {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.empty != nil {
		return false
	}
	g.inside++
	return true
}

// Leave follows each Enter that was true.
func (g *Gate) Leave() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.inside--
	if g.empty != nil && g.inside == 0 {
		close(g.empty)
	}
}

// Shut lets nobody in any more and waits until nobody is inside, at most for the given time.
func (g *Gate) Shut(patience time.Duration) {
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
