//go:build linux

package cases

import (
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// sayingHub is a hub's API that says what it is told to.
type sayingHub struct {
	address  string
	listener net.Listener

	mutex   sync.Mutex
	waiting int
	since   time.Time // when the oldest came
	workers []map[string]any
	leaving []time.Time // when workers were asked to leave
}

func serveSaying() (*sayingHub, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &sayingHub{address: listener.Addr().String(), listener: listener}
	go http.Serve(listener, h) //nolint:errcheck,gosec // it ends with the listener, and only controllers are there
	return h, nil
}

// say is that so many wait and nobody works.
func (h *sayingHub) say(waiting int) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.waiting, h.workers, h.since = waiting, nil, time.Now()
}

func (h *sayingHub) sayWaiting(n int) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.waiting = n
}

func (h *sayingHub) claimed(names []string) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.workers = nil
	for _, name := range names {
		h.workers = append(h.workers, map[string]any{"name": name, "claimed": true})
	}
}

// askedToLeave is when workers were, who may stay all the same.
func (h *sayingHub) askedToLeave() []time.Time {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return slices.Clone(h.leaving)
}

func (h *sayingHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if r.Method == http.MethodPost {
		h.leaving = append(h.leaving, time.Now())
	}
	answer := map[string]any{"waiting": h.waiting, "leased": len(h.workers), "dead": 0, "workers": append([]map[string]any{}, h.workers...)}
	if h.waiting > 0 {
		answer["oldest_waiting_at"] = h.since.UTC().Format(time.RFC3339Nano)
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer) //nolint:errcheck // the controller asks again
}
