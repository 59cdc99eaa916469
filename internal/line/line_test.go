package line_test

import (
	"context"
	"errors"
	"image"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/line"
	"plumbline/internal/posture"
)

// diary notes what happens to captures, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

type claim struct {
	capture posture.Capture
	*diary
}

func (c claim) Capture() posture.Capture          { return c.capture }
func (c claim) Acknowledge(context.Context) error { c.note(c.capture.ID + " acknowledged"); return nil }
func (c claim) Release(_ context.Context, why string) error {
	c.note(c.capture.ID + " released")
	return nil
}
func (c claim) Fail(_ context.Context, why string) error {
	c.note(c.capture.ID + " failed: " + why)
	return nil
}
func (c claim) Bury(_ context.Context, why string) error {
	c.note(c.capture.ID + " buried: " + why)
	return nil
}

// newLine makes a line of one worker over the given captures; detect and record are the test's.
func newLine(d *diary, captures []string, detect func(*posture.Frame) ([]posture.Pose, error), record func(context.Context, posture.Result) error) *line.Line {
	waiting := make(chan string, len(captures))
	for _, id := range captures {
		waiting <- id
	}
	return &line.Line{
		Claim: func(ctx context.Context) (line.Claim, error) {
			select {
			case id := <-waiting:
				return claim{posture.Capture{ID: id, Device: "pi1", Picture: []byte(id)}, d}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		},
		NewSession: func() (*line.Session, error) {
			return &line.Session{
				Decode: func(picture []byte, _ *image.YCbCr) (*posture.Frame, error) {
					if string(picture) == "broken" {
						return nil, poison{}
					}
					return &posture.Frame{Width: 4, Height: 3}, nil
				},
				Detect: detect,
				Close:  func() error { d.note("session closed"); return nil },
			}, nil
		},
		Record: record, Workers: 1, Grace: 10 * time.Second, Model: "full", ProcessedBy: "here",
		Log: slog.New(slog.DiscardHandler), Now: time.Now,
	}
}

func nobody(*posture.Frame) ([]posture.Pose, error) { return nil, nil }

// runUntilIdle runs the line in a bubble until nothing moves, then ends it.
func runUntilIdle(t *testing.T, l *line.Line, more time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	synctest.Wait()
	time.Sleep(more) // the bubble's clock, not ours
	cancel()
	if err := <-ended; err != nil {
		t.Fatalf("the line ended with %v", err)
	}
}

func TestEveryCaptureFindsItsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		captures []string
		detect   func(*posture.Frame) ([]posture.Pose, error)
		failures int // how often recording fails first
		want     []string
	}{
		"recorded before acknowledged": {[]string{"a"}, nobody, 0,
			[]string{"a recorded", "a acknowledged", "session closed"}},
		"what cannot be decoded is buried": {[]string{"broken"}, nobody, 0,
			[]string{"broken buried: decoding: beyond repair", "session closed"}},
		"a failing analysis is blamed": {[]string{"a"}, func(*posture.Frame) ([]posture.Pose, error) { return nil, errors.New("out of memory") }, 0,
			[]string{"a failed: detecting: out of memory", "session closed"}},
		"recording is repeated": {[]string{"a"}, nobody, 3,
			[]string{"a not recorded", "a not recorded", "a not recorded", "a recorded", "a acknowledged", "session closed"}},
		"a result that can never be recorded is buried": {[]string{"poison"}, nobody, 0,
			[]string{"poison buried: recording: beyond repair", "session closed"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, failures := new(diary), c.failures
				runUntilIdle(t, newLine(d, c.captures, c.detect, func(_ context.Context, r posture.Result) error {
					if failures--; failures >= 0 {
						d.note(r.CaptureID + " not recorded")
						return errors.New("database is down")
					}
					if r.CaptureID == "poison" {
						return poison{}
					}
					d.note(r.CaptureID + " recorded")
					return nil
				}), 5*time.Second)
				if diff := cmp.Diff(c.want, d.read()); diff != "" {
					t.Errorf("the capture's way differs (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// poison is an error that no repetition mends.
type poison struct{}

func (poison) Error() string   { return "beyond repair" }
func (poison) Permanent() bool { return true }

// A hub that stays away past the grace time gets nothing acknowledged: the lease goes back without blame.
func TestWhatCannotBeRecordedIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := new(diary)
		started := time.Now()
		runUntilIdle(t, newLine(d, []string{"a"}, nobody, func(ctx context.Context, _ posture.Result) error {
			<-ctx.Done()
			return ctx.Err()
		}), time.Minute)
		if diff := cmp.Diff([]string{"a released", "session closed"}, d.read()); diff != "" {
			t.Errorf("the capture's way differs (-want +got):\n%s", diff)
		}
		if took := time.Since(started); took != time.Minute+10*time.Second {
			t.Errorf("the line ended after %s; want a minute of work and 10 s of grace", took)
		}
	})
}

// While pictures wait for the hub's commit, which may be far away, the session already analyses the next, but it never holds more
// than 48.
func TestRecordingOverlapsInference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, open := new(diary), make(chan struct{})
		infer := func(*posture.Frame) ([]posture.Pose, error) { d.note("inferred"); return nil, nil }
		var captures []string
		for c := range 60 {
			captures = append(captures, string(rune('a'+c)))
		}
		l := newLine(d, captures, infer, func(_ context.Context, r posture.Result) error {
			d.note("recording " + r.CaptureID)
			<-open
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		synctest.Wait()
		want := slices.Repeat([]string{"inferred"}, 48)
		for _, c := range captures[:48] {
			want = append(want, "recording "+c)
		}
		if diff := cmp.Diff(want, slices.Sorted(slices.Values(d.read()))); diff != "" {
			t.Errorf("with the hub busy (-want +got):\n%s", diff)
		}
		close(open)
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		acknowledged := 0
		for _, line := range d.read() {
			if strings.HasSuffix(line, " acknowledged") {
				acknowledged++
			}
		}
		if acknowledged != len(captures) {
			t.Errorf("%d of %d acknowledged", acknowledged, len(captures))
		}
	})
}
