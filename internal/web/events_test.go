package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"plumbline/internal/posture"
	"plumbline/internal/web"
)

type message struct{ name, id, data string }

// stream reads /events of a server at url.
type stream struct {
	t    *testing.T
	body *bufio.Scanner
	stop func()
}

func watch(t *testing.T, url string) *stream {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(stop)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("status %d, type %q", answer.StatusCode, got)
	}
	body := bufio.NewScanner(answer.Body)
	body.Buffer(nil, 1<<20)
	return &stream{t: t, body: body, stop: stop}
}

// next is the next message; ok is false at the stream's end.
func (s *stream) next() (m message, ok bool) {
	for s.body.Scan() {
		line := s.body.Text()
		if line == "" {
			return m, true
		}
		name, value, _ := strings.Cut(line, ": ")
		*map[string]*string{"event": &m.name, "id": &m.id, "data": &m.data}[name] = value
	}
	return m, false
}

// find is the next message of a kind.
func (s *stream) find(name string) message {
	s.t.Helper()
	for {
		m, ok := s.next()
		if !ok {
			s.t.Fatalf("the stream ended before a %s event: %v", name, s.body.Err())
		}
		if m.name == name {
			return m
		}
	}
}

func TestEventsComeInOrderToEveryWatcher(t *testing.T) {
	l := &ledger{}
	s := open(t, l)
	url := listen(t, s)
	one, two := watch(t, url), watch(t, url)
	hello := one.find("hello")
	if two.find("hello") != hello || hello.data != fmt.Sprintf("%q", hello.id) {
		t.Errorf("hello %v", hello)
	}
	const n = 20
	for i := range n {
		record(l, s, seen(fmt.Sprintf("pi%d", i), n-i, posture.Bad))
	}
	for _, watcher := range []*stream{one, two} {
		last := hello.id
		for i := range n {
			m := watcher.find("result")
			var live struct{ Device, Card, Row, Say, At string }
			if err := json.Unmarshal([]byte(m.data), &live); err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf("pi%d", i); live.Device != want || m.id == last || !strings.HasPrefix(live.Card, `<li class="card bad"`) ||
				!strings.HasPrefix(live.Row, `<li class="row bad"`) || !strings.HasPrefix(live.Say, want+": bad posture") {
				t.Fatalf("event %d: %+v", i, m)
			}
			last = m.id
		}
		if page := get(t, s, "/").Body.String(); !strings.Contains(page, `data-seq="`+last+`"`) {
			t.Errorf("the page was not made at %s", last)
		}
	}
}

func TestHeartbeatTellsTheQueue(t *testing.T) {
	depth := make(chan int, 8)
	s := open(t, &ledger{}, func(o *web.Options) {
		o.Heartbeat = time.Millisecond
		o.Queue = func(context.Context) (web.Depth, error) { return web.Depth{Waiting: <-depth}, nil }
	})
	watcher := watch(t, listen(t, s))
	for n := range 3 {
		depth <- n
		if got, want := watcher.find("queue").data, fmt.Sprintf(`{"waiting":%d,"leased":0,"dead":0}`, n); got != want {
			t.Errorf("heartbeat %s, want %s", got, want)
		}
	}
	close(depth)
}

func TestSlowWatchersAreDropped(t *testing.T) {
	registry := prometheus.NewRegistry()
	l := &ledger{}
	held := make(chan struct{})
	s := open(t, l, func(o *web.Options) {
		o.Registerer = registry
		o.Queue = func(ctx context.Context) (web.Depth, error) { <-held; return web.Depth{}, nil } // the watcher is kept busy
	})
	watcher := watch(t, listen(t, s))
	watcher.find("hello")
	for i := range 100 { // never blocks, although nobody reads
		record(l, s, seen("pi1", 100-i, posture.Good))
	}
	want := "# HELP plumbline_http_watchers_dropped_total Event streams ended because their client read too slowly.\n" +
		"# TYPE plumbline_http_watchers_dropped_total counter\nplumbline_http_watchers_dropped_total 1\n"
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "plumbline_http_watchers_dropped_total"); err != nil {
		t.Error(err)
	}
	close(held)
	for {
		if _, ok := watcher.next(); !ok {
			break
		}
	}
	if err := watcher.body.Err(); err != nil {
		t.Errorf("the stream did not end but broke: %v", err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	s := open(t, &ledger{})
	l, err := s.Listen()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, l) }()
	watcher := watch(t, "http://"+l.Addr().String())
	watcher.find("hello")
	start := time.Now()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("ending with somebody watching: %v", err)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %s", took)
	}
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		c.Close()
		t.Error("it still listens")
	}
}
