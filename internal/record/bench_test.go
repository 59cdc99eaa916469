package record_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"plumbline/internal/album"
	"plumbline/internal/posture"
	"plumbline/internal/record"
	"plumbline/internal/store"
	"plumbline/internal/testkit/postgres"
)

// BenchmarkRecord is one result with a 60 kB picture from so many workers, until it is acknowledged.
func BenchmarkRecord(b *testing.B) {
	server, err := postgres.New(postgres.Options{Settings: map[string]string{"fsync": "on"}})
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	for name, fresh := range map[string]func() store.Options{
		"SQLite":     func() store.Options { return store.Options{} },
		"PostgreSQL": func() store.Options { return store.Options{URL: server.URL(server.NewDatabase(b))} },
	} {
		for _, workers := range []int{1, 4, 64} {
			for pictures, change := range map[string]func(*record.Options){
				"none":   func(o *record.Options) { o.Pictures = nil },
				"kept":   nil,
				"synced": func(o *record.Options) { o.Pictures = syncedAlbum(b) },
			} {
				b.Run(fmt.Sprintf("%s/workers=%d/pictures=%s", name, workers, pictures), func(b *testing.B) {
					benchmark(b, startHub(b, fresh(), change), workers)
				})
			}
		}
	}
}

func syncedAlbum(b *testing.B) *album.Album {
	a, err := album.Open(album.Options{Dir: b.TempDir(), Sync: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { a.Close() })
	return a
}

func benchmark(b *testing.B, h *hub, workers int) {
	full := result(1)
	full.Assessment.Pose = &posture.Pose{}
	full.Annotated = make([]byte, 60_000)
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range workers {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				r := full
				r.CaptureID = fmt.Sprintf("%026d", n)
				if err := h.Record(context.Background(), r); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(b.N)/float64(len(h.rows.appended())), "rows/batch")
}
