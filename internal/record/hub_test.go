package record_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/album"
	"plumbline/internal/posture"
	"plumbline/internal/record"
	"plumbline/internal/store"
)

var start = time.Date(2026, 11, 22, 10, 15, 30, 0, time.UTC)

func result(n int) posture.Result {
	return posture.Result{
		CaptureID: fmt.Sprintf("01JDABCDEFGHJKMNPQRS%06d", n), Device: fmt.Sprintf("pi%d", n%3), Model: "full", Width: 640, Height: 480,
		ReceivedAt: start.Add(time.Duration(n) * time.Second), AnalyzedAt: start.Add(time.Duration(n+1) * time.Second),
		Assessment: posture.Assessment{Status: posture.Good, Profile: "learnopencv", Angles: &posture.Angles{Neck: 20, Torso: 5}},
		Annotated:  []byte("picture of " + fmt.Sprint(n)), Filename: "the worker's word does not count",
	}
}

// rows is a real table whose work a test can watch and disturb.
type rows struct {
	*store.Store
	before, after func(results []posture.Result) error // called by the one writer; nil: nothing

	mutex   sync.Mutex
	batches []int
}

func (r *rows) Append(ctx context.Context, results []posture.Result) ([]posture.Result, error) {
	r.mutex.Lock()
	r.batches = append(r.batches, len(results))
	r.mutex.Unlock()
	if r.before != nil {
		if err := r.before(results); err != nil {
			return nil, err
		}
	}
	added, err := r.Store.Append(ctx, results)
	if err == nil && r.after != nil {
		err = r.after(results)
	}
	return added, err
}

func (r *rows) appended() []int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return append([]int{}, r.batches...)
}

func openStore(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	if o.URL == "" {
		o.Path = filepath.Join(t.TempDir(), "plumbline.db")
	}
	s, err := store.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// hub is a running recorder with a real table and album.
type hub struct {
	*record.Recorder
	rows  *rows
	album *album.Album
	stop  func() // ends Run and waits for it; may be called twice
}

func startHub(t testing.TB, database store.Options, change func(*record.Options)) *hub {
	t.Helper()
	pictures, err := album.Open(album.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{rows: &rows{Store: openStore(t, database)}, album: pictures}
	o := record.Options{Rows: h.rows, Pictures: pictures, Filename: album.Filename, Registerer: prometheus.NewPedanticRegistry()}
	if change != nil {
		change(&o)
	}
	if h.Recorder, err = record.New(o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		pictures.Close()
	})
	t.Cleanup(h.stop)
	return h
}

// recordAll records the results at the same time and returns their errors.
func (h *hub) recordAll(ctx context.Context, results ...posture.Result) []error {
	errs := make([]error, len(results))
	var all sync.WaitGroup
	for i, r := range results {
		all.Go(func() { errs[i] = h.Record(ctx, r) })
	}
	all.Wait()
	return errs
}

func (h *hub) ids(t testing.TB) []string {
	t.Helper()
	var ids []string
	for id, err := range h.rows.CaptureIDs(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

func resultsUpTo(n int) (results []posture.Result, ids []string) {
	for i := range n {
		results = append(results, result(i))
		ids = append(ids, results[i].CaptureID)
	}
	return results, ids
}

func noErrors(t *testing.T, errs []error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// heard notes what a listener is told.
type heard struct {
	mutex   sync.Mutex
	results []posture.Result
}

func (h *heard) listener() record.Listener {
	return record.Listener{Name: "test", Tell: func(_ context.Context, r posture.Result) {
		h.mutex.Lock()
		defer h.mutex.Unlock()
		h.results = append(h.results, r)
	}}
}

func (h *heard) ids() []string {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	var ids []string
	for _, r := range h.results {
		ids = append(ids, r.CaptureID)
	}
	return ids
}
