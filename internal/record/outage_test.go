package record_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/record"
	"plumbline/internal/store"
	"plumbline/internal/testkit/postgres"
)

// TestPostgresOutageUnderLoad stops a real PostgreSQL, in order and at once, while results come in. Every result is recorded in
// the end, once, and none was acknowledged without its row.
func TestPostgresOutageUnderLoad(t *testing.T) {
	const senders, each = 16, 60
	server := postgres.ForTest(t, postgres.Options{})
	var told heard
	h := startHub(t, store.Options{URL: server.URL(server.NewDatabase(t))}, func(o *record.Options) {
		o.Listeners = []record.Listener{told.listener()}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	progress := make(chan struct{}, senders*each)
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			for n := range each {
				if err := h.Record(ctx, result(s*each+n)); err != nil {
					t.Errorf("result %d: %v", s*each+n, err)
				}
				progress <- struct{}{}
			}
		})
	}
	for _, stop := range []func() error{server.Stop, server.Kill, server.Stop} {
		for range senders * each / 5 {
			<-progress
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if h.Record(shortly(t), result(0)) == nil { // has a row for long, but who could look?
			t.Error("a result was acknowledged without a database")
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	_, ids := resultsUpTo(senders * each)
	if diff := cmp.Diff(ids, h.ids(t)); diff != "" {
		t.Error(diff)
	}
	h.stop()
	if got := len(told.ids()); got != senders*each {
		t.Errorf("the listener heard of %d rows, want each of %d once", got, senders*each)
	}
}

func shortly(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}
