package outside

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// maxWaiting bounds the results that wait to be published over a slow connection.
const maxWaiting = 1024

// result is a message to publish.
type result struct {
	topic   string
	payload []byte
	retain  bool
	qos     byte
	told    bool // on this connection
}

// outbox holds what is to be published: in order while a connection carries it, and else the newest retained message of each
// topic.
type outbox struct {
	dropped func() // is told of a message that nobody will see, though a newer one on its topic may be

	mutex   sync.Mutex
	open    bool
	latest  map[string]*result
	waiting []*result
	behind  bool          // waiting was full, so that only the latest can be told
	wake    chan struct{} // something may be waiting
}

func newOutbox(dropped func()) *outbox {
	return &outbox{dropped: dropped, latest: map[string]*result{}, wake: make(chan struct{}, 1)}
}

func (o *outbox) put(r *result) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if r.retain {
		o.latest[r.topic] = r
	}
	switch {
	case !o.open:
		if !r.retain {
			o.dropped()
		}
		return
	case len(o.waiting) >= maxWaiting:
		o.behind = true
		o.dropped()
		return
	}
	o.waiting = append(o.waiting, r)
	o.knock()
}

func (o *outbox) knock() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// reopen begins a connection: what is retained is told again, since the broker may have lost it.
func (o *outbox) reopen() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	for _, r := range o.latest {
		r.told = false
	}
	o.open, o.waiting = true, o.untold()
	o.knock()
}

func (o *outbox) shut() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	for _, r := range o.waiting {
		if !r.retain {
			o.dropped()
		}
	}
	o.open, o.waiting, o.behind = false, nil, false
}

func (o *outbox) untold() []*result {
	var all []*result
	for _, topic := range slices.Sorted(maps.Keys(o.latest)) {
		if r := o.latest[topic]; !r.told {
			all = append(all, r)
		}
	}
	return all
}

// next waits for a message; false when ctx ends.
func (o *outbox) next(ctx context.Context) (result, bool) {
	for {
		if r, ok := o.take(); ok {
			return r, true
		}
		select {
		case <-o.wake:
		case <-ctx.Done():
			return result{}, false
		}
	}
}

func (o *outbox) take() (result, bool) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if len(o.waiting) == 0 && o.behind {
		o.behind, o.waiting = false, o.untold()
	}
	if len(o.waiting) == 0 {
		return result{}, false
	}
	r := o.waiting[0]
	o.waiting = o.waiting[1:]
	r.told = true
	return *r, true
}
