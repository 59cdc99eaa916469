package record_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/posture"
	"plumbline/internal/record"
	"plumbline/internal/store"
	"plumbline/internal/testkit/pgbouncer"
	"plumbline/internal/testkit/postgres"
	"plumbline/internal/testkit/slowlink"
)

// far is a database of the server at the other end of a link.
func far(t testing.TB, server *postgres.Server, delay time.Duration) (store.Options, *slowlink.Link) {
	t.Helper()
	link := slowlink.New(t, server.Address(), delay)
	return store.Options{URL: strings.Replace(server.URL(server.NewDatabase(t)), server.Address(), link.Address(), 1)}, link
}

// TestRoundTripsOfABatch: a batch of any size costs the recorder two round trips, one to look for rows that are there and one to
// write, so that a long way is paid for by the batch and not by the row.
func TestRoundTripsOfABatch(t *testing.T) {
	database, link := far(t, postgres.ForTest(t, postgres.Options{}), 0)
	h := startHub(t, database, nil)
	noErrors(t, h.recordAll(t.Context(), result(100_000))) // connects
	for _, size := range []int{1, 20, 200} {
		results, _ := resultsUpTo(size)
		for i := range results {
			results[i].CaptureID = result(size*1000 + i).CaptureID
		}
		turns, batches := link.Turns(), len(h.rows.appended())
		noErrors(t, h.recordAll(t.Context(), results...))
		turns, batches = link.Turns()-turns, len(h.rows.appended())-batches
		if batches > 20 || turns != 2*int64(batches) {
			t.Errorf("%d results in %d batches took %d round trips, want two for each batch", size, batches, turns)
		}
	}
}

// TestFarDatabaseUnderLoad: with 50 ms each way the recorder keeps up with far more than a hub analyses, by larger batches.
func TestFarDatabaseUnderLoad(t *testing.T) {
	const offered, each = 64, 5
	database, link := far(t, postgres.ForTest(t, postgres.Options{}), 50*time.Millisecond)
	h := startHub(t, database, nil)
	var all sync.WaitGroup
	for s := range offered {
		all.Go(func() {
			for n := range each {
				if err := h.Record(t.Context(), result(s*each+n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	_, want := resultsUpTo(offered * each)
	if diff := cmp.Diff(want, h.ids(t)); diff != "" {
		t.Error(diff)
	}
	if batches := h.rows.appended(); len(batches) > offered*each/10 {
		t.Errorf("%d results went in %d batches, %d round trips: a batch should grow while the one before it is on its way", offered*each, len(batches), link.Turns())
	}
}

// TestCutWhileCommitting: the server commits, and the connection breaks before its answer arrives. The result is recorded once, and told once.
func TestCutWhileCommitting(t *testing.T) {
	database, link := far(t, postgres.ForTest(t, postgres.Options{}), time.Millisecond)
	var told heard
	var said bytes.Buffer
	h := startHub(t, database, func(o *record.Options) {
		o.Listeners = []record.Listener{told.listener()}
		o.Log = slog.New(slog.NewTextHandler(&said, nil))
	})
	results, want := resultsUpTo(30)
	var cuts int
	var mutex sync.Mutex
	link.OnAnswer(func(answer []byte) bool { // the first answers that tell of a written row
		mutex.Lock()
		defer mutex.Unlock()
		cut := bytes.Contains(answer, []byte("INSERT 0 ")) && cuts < 3
		if cut {
			cuts++
		}
		return cut
	})
	noErrors(t, h.recordAll(t.Context(), results...))
	if diff := cmp.Diff(want, h.ids(t)); diff != "" {
		t.Error(diff)
	}
	h.stop()
	if got := told.ids(); len(got) != len(want) || cuts == 0 {
		t.Errorf("%d cuts; %d results were told, want each of %d once", cuts, len(got), len(want))
	}
	if log := said.String(); !strings.Contains(log, "recording waits") || !strings.Contains(log, "recording goes on") || strings.Contains(log, postgres.Password) {
		t.Errorf("the log says %s", log)
	}
}

// TestStalledLink: a link that stands still for a while delays results and loses none.
func TestStalledLink(t *testing.T) {
	database, link := far(t, postgres.ForTest(t, postgres.Options{}), 0)
	h := startHub(t, database, func(o *record.Options) { o.Patience = 300 * time.Millisecond })
	results, want := resultsUpTo(100)
	noErrors(t, h.recordAll(t.Context(), results[:50]...))
	link.Stall()
	ended := make(chan []error, 1)
	go func() { ended <- h.recordAll(context.WithoutCancel(t.Context()), results[50:]...) }()
	for deadline := time.Now().Add(20 * time.Second); h.Ready() == nil; {
		if time.Now().After(deadline) {
			t.Fatal("the recorder does not notice that nothing passes")
		}
		<-time.After(10 * time.Millisecond)
	}
	link.Resume()
	noErrors(t, <-ended)
	if diff := cmp.Diff(want, h.ids(t)); diff != "" {
		t.Error(diff)
	}
	if err := h.Ready(); err != nil {
		t.Errorf("after the stall: %v", err)
	}
}

// TestPoolerStartsAgainUnderLoad: a transaction pooler that dies under load costs time only.
func TestPoolerStartsAgainUnderLoad(t *testing.T) {
	server := postgres.ForTest(t, postgres.Options{})
	pooler := pgbouncer.ForTest(t, server, pgbouncer.Options{})
	h := startHub(t, store.Options{URL: pooler.URL(server.NewDatabase(t))}, nil)
	results, want := resultsUpTo(400)
	recorded := make(chan struct{}, len(results))
	var all sync.WaitGroup
	for s := range 8 {
		all.Go(func() {
			for n := s; n < len(results); n += 8 {
				if err := h.Record(t.Context(), results[n]); err != nil {
					t.Error(err)
				}
				recorded <- struct{}{}
			}
		})
	}
	for range 3 {
		for range 80 {
			<-recorded
		}
		if err := pooler.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := pooler.Start(); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	if diff := cmp.Diff(want, h.ids(t)); diff != "" {
		t.Error(diff)
	}
}

// BenchmarkFarDatabase is what so many workers get recorded in a second by a database here and one 50 ms away each way, and
// the share of 100 results offered a second that is recorded as they come.
func BenchmarkFarDatabase(b *testing.B) {
	server, err := postgres.New(postgres.Options{Settings: map[string]string{"fsync": "on"}})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	for name, delay := range map[string]time.Duration{"here": 0, "far": 50 * time.Millisecond} {
		b.Run("capacity/"+name, func(b *testing.B) {
			o, _ := far(b, server, delay)
			benchmark(b, startHub(b, o, nil), 64)
		})
		b.Run("offered=100/"+name, func(b *testing.B) {
			o, _ := far(b, server, delay)
			offer(b, startHub(b, o, nil), 10*time.Millisecond)
		})
	}
}

// offer hands in a result at each tick, whether or not those before are recorded.
func offer(b *testing.B, h *hub, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var all sync.WaitGroup
	b.ResetTimer()
	for n := range b.N {
		<-tick.C
		all.Go(func() {
			r := result(n)
			r.Assessment.Pose, r.Annotated = &posture.Pose{}, make([]byte, 60_000)
			if err := h.Record(context.Background(), r); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(b.N)/float64(len(h.rows.appended())), "rows/batch")
}
