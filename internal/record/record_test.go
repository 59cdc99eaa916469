package record_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/album"
	"plumbline/internal/posture"
	"plumbline/internal/record"
	"plumbline/internal/store"
)

func TestRecordStoresPictureThenRow(t *testing.T) {
	h := startHub(t, store.Options{}, nil)
	want := result(1)
	h.rows.before = func(results []posture.Result) error {
		f, err := h.album.OpenPicture(results[0].Device, results[0].Filename)
		if err != nil {
			t.Errorf("at the row's commit the picture is not there: %v", err)
			return nil
		}
		return f.Close()
	}
	noErrors(t, h.recordAll(context.Background(), want))
	got, err := h.rows.Recent(context.Background(), store.Query{})
	if err != nil || len(got) != 1 {
		t.Fatalf("%d rows, %v", len(got), err)
	}
	want.Annotated, want.Filename = nil, "20261122T101531.000Z_01JDABCDEFGHJKMNPQRS000001.jpg"
	if diff := cmp.Diff(want, got[0].Result); diff != "" {
		t.Error(diff)
	}
}

func TestRecordWithoutPictures(t *testing.T) {
	none := result(2)
	none.Annotated = nil
	h := startHub(t, store.Options{}, nil)
	noErrors(t, h.recordAll(context.Background(), none))
	without := startHub(t, store.Options{}, func(o *record.Options) { o.Pictures = nil })
	noErrors(t, without.recordAll(context.Background(), result(1)))
	for _, h := range []*hub{h, without} {
		got, err := h.rows.Recent(context.Background(), store.Query{})
		if err != nil || len(got) != 1 || got[0].Filename != "" {
			t.Errorf("%v, %v; want one row without a file", got, err)
		}
	}
}

func TestWaitingResultsShareTransactions(t *testing.T) {
	h := startHub(t, store.Options{}, func(o *record.Options) { o.MaxBatch = 40 })
	results, ids := resultsUpTo(100)
	noErrors(t, h.recordAll(context.Background(), results...))
	if diff := cmp.Diff(ids, h.ids(t)); diff != "" {
		t.Error(diff)
	}
	batches := h.rows.appended()
	for _, n := range batches {
		if n > 40 {
			t.Errorf("a batch of %d, at most 40 are allowed", n)
		}
	}
	if len(batches) > 50 {
		t.Errorf("%d transactions for 100 results that waited together", len(batches))
	}
}

func TestRepeatedResultChangesNothing(t *testing.T) {
	var told heard
	h := startHub(t, store.Options{}, func(o *record.Options) { o.Listeners = []record.Listener{told.listener()} })
	changed := result(1)
	changed.Annotated = []byte("another picture")
	noErrors(t, h.recordAll(context.Background(), result(1)))
	noErrors(t, h.recordAll(context.Background(), changed, changed))
	noErrors(t, h.recordAll(context.Background(), result(2), result(2), result(2)))
	f, err := h.album.OpenPicture("pi1", album.Filename(changed))
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, 100)
	n, _ := f.Read(content)
	f.Close()
	if string(content[:n]) != "picture of 1" {
		t.Errorf("the picture became %q", content[:n])
	}
	h.stop()
	if diff := cmp.Diff([]string{result(1).CaptureID, result(2).CaptureID}, told.ids()); diff != "" {
		t.Errorf("the listener heard: %s", diff)
	}
}

func TestListenersHearInTheOrderOfTheRows(t *testing.T) {
	var told heard
	release := make(chan struct{})
	stuck := record.Listener{Name: "stuck", Tell: func(ctx context.Context, _ posture.Result) { <-release }}
	h := startHub(t, store.Options{}, func(o *record.Options) { o.Listeners = []record.Listener{stuck, told.listener()} })
	results, _ := resultsUpTo(200)
	noErrors(t, h.recordAll(context.Background(), results...)) // although one listener is stuck
	close(release)
	h.stop()
	entries, err := h.rows.Recent(context.Background(), store.Query{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := len(entries) - 1; i >= 0; i-- {
		want = append(want, entries[i].CaptureID)
	}
	if diff := cmp.Diff(want, told.ids()); diff != "" {
		t.Error(diff)
	}
	if r := told.results[0]; r.Annotated != nil || r.Filename != album.Filename(r) {
		t.Errorf("a listener got %d bytes of picture and the name %q", len(r.Annotated), r.Filename)
	}
}

func TestPoisonRowsStopNobodyElse(t *testing.T) {
	h := startHub(t, store.Options{}, nil)
	results, _ := resultsUpTo(60)
	bad := map[int]bool{0: true, 17: true, 18: true, 59: true}
	for n := range bad {
		results[n].Device = "no\x00name"
	}
	results[18].CaptureID += "\x00"
	errs := h.recordAll(context.Background(), results...)
	for n, err := range errs {
		if bad[n] != (err != nil) || bad[n] != record.Permanent(err) {
			t.Errorf("result %d: %v", n, err)
		}
	}
	if got := len(h.ids(t)); got != 56 {
		t.Errorf("%d rows, want 56", got)
	}
	if err := h.Ready(); err != nil {
		t.Errorf("refused results are no outage: %v", err)
	}
}

var errOutage = errors.New("the database is away")

func TestOutageIsWaitedFor(t *testing.T) {
	h := startHub(t, store.Options{}, nil)
	var failures sync.WaitGroup
	failures.Add(3)
	left := 3
	h.rows.before = func([]posture.Result) error { // called by the one writer
		if left == 0 {
			return nil
		}
		left--
		failures.Done()
		return errOutage
	}
	var all sync.WaitGroup
	results, ids := resultsUpTo(20)
	all.Go(func() { noErrors(t, h.recordAll(context.Background(), results...)) })
	failures.Wait()
	all.Wait()
	if diff := cmp.Diff(ids, h.ids(t)); diff != "" {
		t.Error(diff)
	}
	if err := h.Ready(); err != nil {
		t.Errorf("after the outage: %v", err)
	}
}

func TestNothingIsAcknowledgedInAnOutage(t *testing.T) {
	h := startHub(t, store.Options{}, nil)
	h.rows.before = func([]posture.Result) error { return errOutage }
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	err := h.Record(ctx, result(1))
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errOutage) || record.Permanent(err) {
		t.Errorf("got %v, want the context's end and the outage behind it", err)
	}
	if err := h.Ready(); !errors.Is(err, errOutage) {
		t.Errorf("Ready says %v", err)
	}
}

func TestCommitWhoseAnswerWasLostIsNewsOnce(t *testing.T) {
	var told heard
	h := startHub(t, store.Options{}, func(o *record.Options) { o.Listeners = []record.Listener{told.listener()} })
	lost := false
	h.rows.after = func([]posture.Result) error {
		if lost {
			return nil
		}
		lost = true
		return errors.New("connection lost after the commit")
	}
	noErrors(t, h.recordAll(context.Background(), result(1)))
	h.stop()
	if diff := cmp.Diff([]string{result(1).CaptureID}, told.ids()); diff != "" {
		t.Error(diff)
	}
}

func TestJournalComesFirst(t *testing.T) {
	var mutex sync.Mutex
	journal, tries := map[string]bool{}, 0
	h := startHub(t, store.Options{}, func(o *record.Options) {
		o.EnsureJournaled = func(_ context.Context, id string) error {
			mutex.Lock()
			defer mutex.Unlock()
			if tries++; tries == 1 {
				return errOutage
			}
			journal[id] = true
			return nil
		}
	})
	h.rows.before = func(results []posture.Result) error {
		mutex.Lock()
		defer mutex.Unlock()
		for _, r := range results {
			if !journal[r.CaptureID] {
				t.Errorf("%s is committed before it is journaled", r.CaptureID)
			}
		}
		return nil
	}
	results, ids := resultsUpTo(30)
	noErrors(t, h.recordAll(context.Background(), results...))
	if diff := cmp.Diff(ids, h.ids(t)); diff != "" {
		t.Error(diff)
	}
}

// fullDisk is an album that has no space for one device's pictures.
type fullDisk struct{ *album.Album }

func (d fullDisk) Keep(ctx context.Context, device, name string, jpeg []byte) error {
	if device == "pi0" {
		return fmt.Errorf("storing a picture: %w", album.ErrDiskFull)
	}
	return d.Album.Keep(ctx, device, name, jpeg)
}

func TestPictureThatCannotBeStoredHasNoRow(t *testing.T) {
	h := startHub(t, store.Options{}, func(o *record.Options) { o.Pictures = fullDisk{o.Pictures.(*album.Album)} })
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	results, _ := resultsUpTo(9)
	for n, err := range h.recordAll(ctx, results...) {
		if full := n%3 == 0; full != errors.Is(err, album.ErrDiskFull) || full != (err != nil) {
			t.Errorf("result %d: %v", n, err)
		}
	}
	if got := len(h.ids(t)); got != 6 {
		t.Errorf("%d rows, want 6", got)
	}
}

func TestStopAnswersEverybody(t *testing.T) {
	h := startHub(t, store.Options{}, nil)
	entered, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	h.rows.before = func([]posture.Result) error {
		once.Do(func() { close(entered) })
		<-goOn
		return nil
	}
	atWork, waiting := make(chan error, 1), make(chan error, 1)
	go func() { atWork <- h.Record(context.Background(), result(1)) }()
	<-entered
	go func() { waiting <- h.Record(context.Background(), result(2)) }()
	stopped := make(chan struct{})
	go func() { h.stop(); close(stopped) }()
	close(goOn)
	<-stopped
	if err := <-atWork; err != nil {
		t.Errorf("the batch at work: %v", err)
	}
	// Whether the second was taken before the end is chance; what it was told must be true.
	err := <-waiting
	if has, _ := h.rows.Has(context.Background(), result(2).CaptureID); has != (err == nil) || err != nil && !errors.Is(err, record.ErrStopped) {
		t.Errorf("the waiting one: %v, its row: %v", err, has)
	}
	if err := h.Record(context.Background(), result(3)); !errors.Is(err, record.ErrStopped) {
		t.Errorf("after the end: %v", err)
	}
}

func TestWhoHasGoneIsNotRecorded(t *testing.T) {
	h := startHub(t, store.Options{}, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Record(ctx, result(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := h.album.OpenPicture("pi1", album.Filename(result(1))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its picture: %v", err)
	}
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	h := startHub(t, store.Options{}, func(o *record.Options) { o.Registerer = registry })
	bad := result(3)
	bad.CaptureID = ""
	h.recordAll(context.Background(), result(1), result(2), bad)
	h.recordAll(context.Background(), result(1))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		if f.GetMetric()[0].GetCounter() != nil && len(f.GetMetric()[0].GetLabel()) == 0 {
			got[f.GetName()] = f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	want := map[string]float64{"plumbline_record_rows_total": 2, "plumbline_record_repeated_total": 1,
		"plumbline_record_refused_total": 1, "plumbline_record_failed_attempts_total": 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
