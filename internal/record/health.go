package record

import (
	"log/slog"
	"sync"
	"time"
)

// health remembers whether recording works and logs when that changes: an outage is two lines, not thousands.
type health struct {
	log   *slog.Logger
	mutex sync.Mutex
	why   error // of the outage, nil when there is none
	since time.Time
}

func (h *health) set(why error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	switch {
	case why != nil && h.why == nil:
		h.since = time.Now()
		h.log.Error("recording waits", slog.Any("error", why))
	case why == nil && h.why != nil:
		h.log.Info("recording goes on", slog.Duration("after", time.Since(h.since).Round(time.Millisecond)))
	}
	h.why = why
}

func (h *health) err() error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.why
}
