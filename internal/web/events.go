package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// watcherBuffer is how many events a client may be behind; at more it is dropped. Some seconds' worth at full load.
	watcherBuffer = 64
	// maxWatchers bounds what open pages can cost.
	maxWatchers = 200
	// eventTimeout is how long one write to a client may take.
	eventTimeout = 10 * time.Second
)

// event is one result for the page. Its text is made once, by the first watcher that sends it.
type event struct {
	render func() []byte
	seq    string
}

// hub hands events to those who watch.
//
// Every event has a sequence number, and the page says with which it was made. A new stream begins with the number of the
// moment it joined: a page that finds another number than its own has missed something and reads itself anew. So nothing
// is lost between loading and watching, after a drop, or over a restart (whose epoch differs), and no history is kept.
type hub struct {
	epoch   string
	metrics *metrics

	mu       sync.Mutex
	count    uint64
	watchers map[*watcher]struct{}
	closed   bool
}

// watcher is one open stream. gone is closed when the hub has given it up.
type watcher struct {
	events chan *event
	gone   chan struct{}
}

func newHub(now time.Time, m *metrics) *hub {
	return &hub{epoch: strconv.FormatInt(now.UnixNano(), 36), metrics: m, watchers: map[*watcher]struct{}{}}
}

// seq is the number of the newest event.
func (h *hub) seq() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seqLocked()
}

func (h *hub) seqLocked() string { return h.epoch + "-" + strconv.FormatUint(h.count, 10) }

func (h *hub) publish(render func() []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count++
	e := &event{render: sync.OnceValue(render), seq: h.seqLocked()}
	for w := range h.watchers {
		select {
		case w.events <- e:
		default:
			h.metrics.dropped.Inc()
			h.dropLocked(w)
		}
	}
}

// join adds a watcher and tells the number of the last event that it will not get; ok is false when there is no room or
// the hub is closing.
func (h *hub) join() (w *watcher, seq string, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.watchers) >= maxWatchers {
		return nil, "", false
	}
	w = &watcher{events: make(chan *event, watcherBuffer), gone: make(chan struct{})}
	h.watchers[w] = struct{}{}
	h.metrics.watchers.Inc()
	return w, h.seqLocked(), true
}

func (h *hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dropLocked(w)
}

func (h *hub) dropLocked(w *watcher) {
	if _, ok := h.watchers[w]; !ok {
		return
	}
	delete(h.watchers, w)
	close(w.gone)
	h.metrics.watchers.Dec()
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for w := range h.watchers {
		h.dropLocked(w)
	}
}

// streamEvents answers with server-sent events: "hello" (the sequence number), then "result" as they come and "queue" as
// a heartbeat, each with JSON.
func (s *Server) streamEvents(w http.ResponseWriter, r *http.Request) {
	watcher, seq, ok := s.hub.join()
	if !ok {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many are watching", http.StatusServiceUnavailable)
		return
	}
	defer s.hub.leave(watcher)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy that gathers an answer before it passes it on would show nothing
	stream := &stream{w: w, control: http.NewResponseController(w)}
	stream.send("hello", seq, []byte(strconv.Quote(seq)))
	stream.send("queue", "", s.depthJSON(r.Context()))
	s.follow(r.Context(), watcher, stream)
}

// follow sends until the client or the hub ends it.
func (s *Server) follow(ctx context.Context, watcher *watcher, stream *stream) {
	heartbeat := time.NewTicker(s.o.Heartbeat)
	defer heartbeat.Stop()
	for stream.err == nil {
		select {
		case <-ctx.Done():
			return
		case <-watcher.gone:
			return
		case e := <-watcher.events:
			stream.send("result", e.seq, e.render())
		case <-heartbeat.C:
			stream.send("queue", "", s.depthJSON(ctx))
		}
	}
}

// depthJSON is the queue's depth; null while it is not known, never an old one.
func (s *Server) depthJSON(ctx context.Context) []byte {
	depth, err := s.o.Queue(ctx)
	if err != nil {
		return []byte("null")
	}
	text, _ := json.Marshal(depth) // three integers
	return text
}

// stream writes events; after the first error it writes nothing more.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	err     error
}

// send writes one event. JSON has no line break outside strings' escapes, so that one data line holds it.
func (s *stream) send(name, id string, data []byte) {
	if s.err != nil {
		return
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(eventTimeout)) // a recorder in a test has no deadline to set
	if id != "" {
		id = "id: " + id + "\n"
	}
	if _, s.err = fmt.Fprintf(s.w, "event: %s\n%sdata: %s\n\n", name, id, data); s.err == nil {
		s.err = s.control.Flush()
	}
}
