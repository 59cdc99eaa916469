package queue_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/posture"
	"plumbline/internal/queue"
)

func gather(t testing.TB, r *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	must(t, err)
	values := map[string]float64{}
	for _, f := range families {
		m := f.GetMetric()[0]
		switch {
		case m.GetCounter() != nil:
			values[f.GetName()] = m.GetCounter().GetValue()
		case m.GetGauge() != nil:
			values[f.GetName()] = m.GetGauge().GetValue()
		case m.GetHistogram() != nil:
			values[f.GetName()] = float64(m.GetHistogram().GetSampleCount())
		}
	}
	return values
}

func TestMetricsFollowTheQueue(t *testing.T) {
	defer queue.FailPause(time.Millisecond)()
	o := options(t)
	r := prometheus.NewPedanticRegistry()
	o.Registerer = r
	h := open(t, o)
	pic := picture(1000)
	for range 4 {
		accept(t, h, receipt(), pic)
	}
	again(t, h, receipt(), pic)
	must(t, h.Refuse(t.Context(), receipt(), queue.DeadLetter{Picture: []byte("x")}))
	if _, err := h.Accept(t.Context(), receipt(), posture.Capture{}); err == nil {
		t.Error("accepted nothing")
	}
	w := worker(t, h, "one")
	must(t, claim(t, w).Release(t.Context(), "not now"))
	must(t, claim(t, w).Bury(t.Context(), "broken"))
	must(t, claim(t, w).Acknowledge(t.Context()))
	claim(t, w)

	got := gather(t, r)
	for name, want := range map[string]float64{
		"plumbline_queue_accepted_total":        4,
		"plumbline_queue_accept_seconds":        4,
		"plumbline_queue_duplicates_total":      1,
		"plumbline_queue_accept_failures_total": 1,
		"plumbline_queue_refused_total":         1,
		"plumbline_queue_released_total":        1,
		"plumbline_queue_failed_total":          0,
		"plumbline_queue_buried_total":          1,
		"plumbline_queue_hung_total":            0,
		"plumbline_queue_waiting":               1,
		"plumbline_queue_leased":                1,
		"plumbline_queue_dead_letters":          2,
		"plumbline_queue_max_bytes":             64 << 20,
	} {
		if value, found := got[name]; !found || value != want {
			t.Errorf("%s is %v (there: %v), want %v", name, value, found, want)
		}
	}
	if got["plumbline_queue_oldest_waiting_seconds"] <= 0 || got["plumbline_queue_bytes"] < 2000 {
		t.Errorf("age %v s, %v bytes", got["plumbline_queue_oldest_waiting_seconds"], got["plumbline_queue_bytes"])
	}
	shut(t, h)
	o.Registerer = r // a second hub may register when the first is closed
	open(t, o)
}

func TestReadyWhenOpen(t *testing.T) {
	must(t, open(t, options(t)).Ready(t.Context()))
}

func TestLowDiskRefusesInTime(t *testing.T) {
	h := open(t, options(t))
	h.SetFreeDisk(func(string) (int64, error) { return 10 << 20, nil })
	if _, err := h.Accept(t.Context(), receipt(), posture.Capture{Picture: picture(1)}); err == nil || !strings.Contains(err.Error(), "10 MiB are free") {
		t.Errorf("accepted with a disk that is nearly full: %v", err)
	}
	if err := h.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "10 MiB are free") {
		t.Errorf("ready with a disk that is nearly full: %v", err)
	}
	h.SetFreeDisk(func(string) (int64, error) { return 10 << 30, nil })
	accept(t, h, receipt(), picture(1))
	must(t, h.Ready(t.Context()))
}

func TestDefaultLimitIsAShareOfTheDisk(t *testing.T) {
	o := options(t)
	o.MaxQueueBytes = 0
	h := open(t, o)
	free := depth(t, h).MaxBytes
	if free < 1<<20 {
		t.Fatalf("limit %d bytes", free)
	}
	shut(t, h)
	open(t, o)
}

func TestOpenRefuses(t *testing.T) {
	file := t.TempDir() + "/file"
	must(t, os.WriteFile(file, nil, 0o600))
	for name, c := range map[string]struct {
		change func(*queue.Options)
		want   string
	}{
		"no folder":        {func(o *queue.Options) { o.Dir = "" }, "no folder"},
		"a file":           {func(o *queue.Options) { o.Dir = file }, "folder"},
		"another sync":     {func(o *queue.Options) { o.Sync = "sometimes" }, `"sometimes"`},
		"a short journal":  {func(o *queue.Options) { o.JournalAge = time.Hour }, "journal"},
		"a negative limit": {func(o *queue.Options) { o.MaxQueueBytes = -1 }, "limit"},
		"no blame allowed": {func(o *queue.Options) { o.MaxBlame = -1 }, "blame"},
		"huge pictures":    {func(o *queue.Options) { o.MaxPicture = 32 << 20 }, "31 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			c.change(&o)
			h, err := queue.Open(t.Context(), o)
			if err == nil {
				shut(t, h)
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want it to speak of %s", err, c.want)
			}
		})
	}
}

// listening are this process's own sockets that listen, as Linux lists them.
func listening(t testing.TB) (inodes []string) {
	t.Helper()
	own := map[string]bool{}
	files, err := filepath.Glob("/proc/self/fd/*")
	must(t, err)
	for _, f := range files {
		if link, err := os.Readlink(f); err == nil {
			own[link] = true
		}
	}
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		text, err := os.ReadFile(table)
		must(t, err)
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line) // 3: state, 0A is listening; 9: inode
			if len(f) > 9 && f[3] == "0A" && own["socket:["+f[9]+"]"] {
				inodes = append(inodes, f[9])
			}
		}
	}
	return inodes
}

func TestNothingListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	if got := listening(t); len(got) != 1 {
		t.Fatalf("this test sees %d listening sockets, want its own", len(got))
	}
	must(t, l.Close())
	open(t, options(t))
	if got := listening(t); len(got) != 0 {
		t.Errorf("%d sockets listen", len(got))
	}
}

func TestHandInSaysWhatIsTooLarge(t *testing.T) {
	h := open(t, options(t))
	w := worker(t, h, "one")
	err := w.HandIn(t.Context(), posture.Result{CaptureID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Annotated: picture(2 << 20)})
	if err == nil || !strings.Contains(err.Error(), "the limit is") {
		t.Errorf("got %v", err)
	}
}

// refused is an error that lies in the result itself.
type refused struct{ error }

func (refused) Permanent() bool { return true }

func TestHandInReturnsTheRecordersError(t *testing.T) {
	for name, c := range map[string]struct {
		err       error
		permanent bool
	}{
		"passing":   {fs.ErrPermission, false},
		"permanent": {refused{fs.ErrPermission}, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, options(t))
			id := accept(t, h, receipt(), picture(1))
			go func() {
				_ = h.ServeResults(t.Context(), func(context.Context, posture.Result) error { return c.err })
			}()
			w := worker(t, h, "one")
			held := claim(t, w)
			err := w.HandIn(t.Context(), posture.Result{CaptureID: id})
			if err == nil || !strings.Contains(err.Error(), fs.ErrPermission.Error()) {
				t.Errorf("got %v", err)
			}
			var p interface{ Permanent() bool }
			if got := errors.As(err, &p) && p.Permanent(); got != c.permanent {
				t.Errorf("permanent: %t, want %t", got, c.permanent)
			}
			must(t, held.Release(t.Context(), "the recorder can't"))
		})
	}
}

func TestClosingWorkerEndsClaims(t *testing.T) {
	h := open(t, options(t))
	w := worker(t, h, "one")
	ended := make(chan error, 1)
	go func() {
		_, err := w.Claim(t.Context())
		ended <- err
	}()
	shut(t, w)
	if err := <-ended; !errors.Is(err, queue.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}
