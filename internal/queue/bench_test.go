package queue_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"plumbline/internal/posture"
	"plumbline/internal/queue"
)

const benchPicture = 50_000 // bytes; a 640x480 JPEG

func benchOptions(b *testing.B, s queue.Sync) queue.Options {
	o := options(b)
	o.Sync, o.MaxQueueBytes = s, 8<<30
	return o
}

// BenchmarkAccept is the rate at which 16 devices' pictures are committed to queue and journal.
func BenchmarkAccept(b *testing.B) {
	for _, s := range []queue.Sync{queue.SyncAlways, queue.SyncInterval} {
		for _, publishers := range []int{1, 16} {
			b.Run(fmt.Sprintf("sync=%s/publishers=%d", s, publishers), func(b *testing.B) {
				h := open(b, benchOptions(b, s))
				pic := picture(benchPicture)
				b.SetBytes(benchPicture)
				b.ReportAllocs()
				b.ResetTimer()
				fill(b, h, b.N, publishers, pic)
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accepts/s")
			})
		}
	}
}

// fill accepts n pictures from some publishers.
func fill(b *testing.B, h *queue.Hub, n, publishers int, pic []byte) {
	b.Helper()
	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			for range (n + publishers - 1 - p) / publishers {
				if _, err := h.Accept(b.Context(), receipt(), posture.Capture{Device: "pi1", Picture: pic}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkClaim is the rate of claim, result handed in and acknowledgement, with a recorder that takes no time.
func BenchmarkClaim(b *testing.B) {
	for _, s := range []queue.Sync{queue.SyncAlways, queue.SyncInterval} {
		for _, workers := range []int{1, 4} {
			b.Run(fmt.Sprintf("sync=%s/workers=%d", s, workers), func(b *testing.B) {
				h := open(b, benchOptions(b, s))
				fill(b, h, b.N, 16, picture(benchPicture))
				served := make(chan error, 1)
				ctx, cancel := context.WithCancel(b.Context())
				go func() {
					served <- h.ServeResults(ctx, func(context.Context, posture.Result) error { return nil })
				}()
				b.ReportAllocs()
				b.ResetTimer()
				drain(b, h, b.N, workers)
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "captures/s")
				cancel()
				must(b, <-served)
			})
		}
	}
}

// drain takes n captures through some workers.
func drain(b *testing.B, h *queue.Hub, n, workers int) {
	b.Helper()
	result := fullResult()
	result.Annotated = picture(benchPicture)
	var all sync.WaitGroup
	for i := range workers {
		w := worker(b, h, fmt.Sprint(i))
		all.Go(func() {
			for range (n + workers - 1 - i) / workers {
				if err := once(b.Context(), w, result); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func once(ctx context.Context, w *queue.Worker, r posture.Result) error {
	c, err := w.Claim(ctx)
	if err != nil {
		return err
	}
	r.CaptureID = c.Capture.ID
	if err := w.HandIn(ctx, r); err != nil {
		return err
	}
	return c.Acknowledge(ctx)
}

// BenchmarkOpen is a start with a journal of 100,000 entries within the last day.
func BenchmarkOpen(b *testing.B) {
	o := benchOptions(b, queue.SyncInterval)
	h := open(b, o)
	fill(b, h, 100_000, 16, []byte("tiny"))
	drainIDs(b, h)
	shut(b, h)
	b.ResetTimer()
	for b.Loop() {
		h, err := queue.Open(b.Context(), o)
		must(b, err)
		b.StopTimer()
		shut(b, h)
		b.StartTimer()
	}
}

// drainIDs empties the queue without results.
func drainIDs(b *testing.B, h *queue.Hub) {
	b.Helper()
	w := worker(b, h, "one")
	for range depth(b, h).Waiting {
		c := claim(b, w)
		must(b, c.Acknowledge(b.Context()))
	}
}

// BenchmarkWorkElsewhere is what the queue costs a picture of 50 kB when workers join by the listener, over TLS: claimed,
// handed in with another 50 kB and acknowledged, with nothing analysed.
func BenchmarkWorkElsewhere(b *testing.B) {
	for _, workers := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("%d workers", workers), func(b *testing.B) {
			o := benchOptions(b, queue.SyncAlways)
			o.Listener = queue.Listener{Address: "127.0.0.1:0", TokenFile: filepath.Join(o.Dir, "token")}
			h := open(b, o)
			fill(b, h, b.N, 16, picture(benchPicture))
			recorded := func(context.Context, posture.Result) error { return nil }
			go func() { _ = h.ServeResults(b.Context(), recorded) }()
			joined := make([]*queue.Worker, workers)
			for i := range joined {
				joined[i] = join(b, h, o)
			}
			result := fullResult()
			result.Annotated = picture(benchPicture)
			b.ResetTimer()
			var all sync.WaitGroup
			for i, w := range joined {
				all.Go(func() {
					for range (b.N + workers - 1 - i) / workers {
						if err := once(b.Context(), w, result); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "captures/s")
		})
	}
}
