package queue_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"plumbline/internal/posture"
	"plumbline/internal/queue"
)

// options are those of a small hub in a folder of the test's own.
func options(t testing.TB) queue.Options {
	t.Helper()
	log := io.Discard
	if testing.Verbose() {
		log = t.Output()
	}
	o := queue.Options{
		Dir: t.TempDir(), MaxQueueBytes: 64 << 20, MaxPicture: 1 << 20, Lease: 300 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	}
	place(t, &o)
	return o
}

func open(t testing.TB, o queue.Options) *queue.Hub {
	t.Helper()
	h, err := queue.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, h) })
	return h
}

func shut(t testing.TB, h interface{ Close() error }) {
	t.Helper()
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}

func worker(t testing.TB, h *queue.Hub, name string) *queue.Worker {
	t.Helper()
	w, err := h.NewWorker(name)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func receipt() queue.Receipt { return queue.Receipt{Topic: "images/pi1", PacketID: 7, QoS: 1} }

func picture(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b) // never fails
	return b
}

func accept(t testing.TB, h *queue.Hub, r queue.Receipt, pic []byte) string {
	t.Helper()
	a, err := h.Accept(t.Context(), r, posture.Capture{Device: "pi1", Topic: r.Topic, Picture: pic})
	if err != nil {
		t.Fatal(err)
	}
	if a.Duplicate {
		t.Fatalf("capture %s is taken for one sent again", a.ID)
	}
	return a.ID
}

func claim(t testing.TB, w *queue.Worker) *queue.Claim {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := w.Claim(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func depth(t testing.TB, h *queue.Hub) queue.Depth {
	t.Helper()
	d, err := h.Depth(t.Context())
	must(t, err)
	return d
}

func TestCaptureFromAcceptToAcknowledge(t *testing.T) {
	h := open(t, options(t))
	sent := posture.Capture{
		Device: "pi1", Topic: "images/pi1", Source: "a \"name\"\r\nof: the device's\xff own.jpg",
		ReceivedAt: time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC),
		TakenAt:    time.Date(2026, 3, 1, 11, 59, 59, 0, time.UTC), Picture: picture(50_000),
	}
	a, err := h.Accept(t.Context(), receipt(), sent)
	must(t, err)

	c := claim(t, worker(t, h, "one"))
	got := c.Capture
	if got.ID != a.ID || got.Device != sent.Device || got.Topic != sent.Topic || !got.ReceivedAt.Equal(sent.ReceivedAt) ||
		!got.TakenAt.Equal(sent.TakenAt) || string(got.Picture) != string(sent.Picture) {
		t.Errorf("claimed %+v, want what was accepted", got)
	}
	if want := "a \"name\"\r\nof: the device's� own.jpg"; got.Source != want {
		t.Errorf("source %q, want %q", got.Source, want)
	}
	if d := depth(t, h); d.Waiting != 0 || d.Leased != 1 {
		t.Errorf("while claimed: %+v", d)
	}
	must(t, c.Acknowledge(t.Context()))
	if d := depth(t, h); d.Waiting != 0 || d.Leased != 0 || d.Bytes != 0 {
		t.Errorf("after acknowledging: %+v", d)
	}
	if err := c.Release(t.Context(), "again"); !errors.Is(err, queue.ErrSettled) {
		t.Errorf("second verb: %v, want ErrSettled", err)
	}
}

func TestResultIsRecordedBeforeHandInReturns(t *testing.T) {
	h := open(t, options(t))
	id := accept(t, h, receipt(), picture(100))
	recorded := make(chan posture.Result, 1)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- h.ServeResults(ctx, func(_ context.Context, r posture.Result) error {
			recorded <- r
			return nil
		})
	}()
	w := worker(t, h, "one")
	c := claim(t, w)
	must(t, w.HandIn(t.Context(), posture.Result{CaptureID: id, Device: "pi1", Annotated: []byte("jpeg")}))
	select {
	case r := <-recorded:
		if r.CaptureID != id || string(r.Annotated) != "jpeg" {
			t.Errorf("recorded %+v", r)
		}
	default:
		t.Error("handed in, but nothing was recorded")
	}
	must(t, c.Acknowledge(t.Context()))
	cancel()
	must(t, <-served)
}
