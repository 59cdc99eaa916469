package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	books "plumbline/internal/ledger"
	"plumbline/internal/web"
)

// taker counts how often a ledger was taken.
type taker struct {
	mu     sync.Mutex
	taken  int
	inside int
	most   int // at the same time
	err    error
	slow   chan struct{} // closed where it shall take no time
}

func (k *taker) take(context.Context) (books.Report, error) {
	k.mu.Lock()
	k.taken++
	k.inside++
	k.most = max(k.most, k.inside)
	r := books.Report{AsOf: noon, Balanced: true, Counts: books.Counts{Accepted: k.taken}, Missing: []books.Missing{}, Surplus: []books.Surplus{}}
	k.mu.Unlock()
	<-k.slow
	k.mu.Lock()
	defer k.mu.Unlock()
	k.inside--
	return r, k.err
}

func withLedger(k *taker) func(*web.Options) { return func(o *web.Options) { o.Ledger = k.take } }

func accepted(t *testing.T, h http.Handler) int {
	t.Helper()
	w := get(t, h, "/api/v1/ledger")
	var r books.Report
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	return r.Accepted
}

// However many ask, one ledger is taken at a time, and those who asked meanwhile get the same one.
func TestLedgerIsTakenForOneAtATime(t *testing.T) {
	k := &taker{slow: make(chan struct{})}
	s := open(t, &ledger{}, withLedger(k))
	time.AfterFunc(50*time.Millisecond, func() { close(k.slow) })
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() { get(t, s, "/api/v1/ledger") })
	}
	asking.Wait()
	if k.taken != 1 || k.most != 1 {
		t.Errorf("taken %d times, %d at once; want once for all", k.taken, k.most)
	}
	if n := accepted(t, s.AdminHandler()); n != 2 {
		t.Errorf("the hub's owner got ledger %d, want a fresh one", n)
	}
}

// The page shows the last ledger that somebody asked for, and never takes one.
func TestPageShowsTheLastLedger(t *testing.T) {
	k := &taker{slow: make(chan struct{})}
	close(k.slow)
	s := open(t, &ledger{}, withLedger(k))
	if text := get(t, s, "/").Body.String(); strings.Contains(text, "accounted for") || k.taken > 0 {
		t.Errorf("before anybody asked: %d taken", k.taken)
	}
	accepted(t, s)
	if text := get(t, s, "/").Body.String(); !strings.Contains(text, "accounted for: 1,") || k.taken != 1 {
		t.Errorf("%d taken, and the page says nothing of the ledger", k.taken)
	}
}

func TestLedgerThatFails(t *testing.T) {
	k := &taker{slow: make(chan struct{}), err: errors.New("postgres://me:secret@there is away")}
	close(k.slow)
	s := open(t, &ledger{}, withLedger(k))
	if w := get(t, s, "/api/v1/ledger"); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(t, s.AdminHandler(), "/api/v1/ledger"); w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "is away") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(t, open(t, &ledger{}), "/api/v1/ledger"); w.Code != http.StatusNotFound {
		t.Errorf("a hub without a ledger answers %d", w.Code)
	}
}
