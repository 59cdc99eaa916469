package queue_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumbline/internal/posture"
	"plumbline/internal/queue"
)

// noClaim checks that nothing can be claimed for a while.
func noClaim(t testing.TB, w *queue.Worker, during time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	if c, err := w.Claim(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("claimed %+v, %v; want nothing", c, err)
	}
}

func TestCapturesAreClaimedInOrderAndOnce(t *testing.T) {
	h := open(t, options(t))
	first, second := accept(t, h, receipt(), picture(10)), accept(t, h, receipt(), picture(10))
	one, two := worker(t, h, "one"), worker(t, h, "two")
	if c := claim(t, one); c.Capture.ID != first {
		t.Errorf("first claim is %s, want %s", c.Capture.ID, first)
	}
	if c := claim(t, two); c.Capture.ID != second {
		t.Errorf("second claim is %s, want %s", c.Capture.ID, second)
	}
	noClaim(t, one, 50*time.Millisecond)
}

func TestHeartbeatsKeepTheLease(t *testing.T) {
	o := options(t)
	h := open(t, o)
	accept(t, h, receipt(), picture(10))
	c := claim(t, worker(t, h, "slow"))
	noClaim(t, worker(t, h, "other").Elsewhere(t.TempDir()), 4*o.Lease)
	must(t, c.Acknowledge(t.Context()))
}

func TestDeadWorkersCaptureReturnsWithBlame(t *testing.T) {
	h := open(t, options(t))
	id := accept(t, h, receipt(), picture(10))
	for blame := range 3 {
		w := worker(t, h, "mortal")
		c := claim(t, w)
		if c.Capture.ID != id || c.Blame() != blame {
			t.Fatalf("claimed %s with blame %d, want %s with %d", c.Capture.ID, c.Blame(), id, blame)
		}
		h.LetDie(w)
	}
}

func TestHungAnalysisLosesItsLeaseAndIsReported(t *testing.T) {
	o := options(t)
	o.AnalysisTimeout = 200 * time.Millisecond
	hung := make(chan string, 1)
	o.OnHung = func(id string) { hung <- id }
	h := open(t, o)
	id := accept(t, h, receipt(), picture(10))
	claim(t, worker(t, h, "hanging"))
	select {
	case got := <-hung:
		if got != id {
			t.Errorf("reported %s, want %s", got, id)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("not reported")
	}
	if c := claim(t, worker(t, h, "other").Elsewhere(t.TempDir())); c.Capture.ID != id || c.Blame() != 1 {
		t.Errorf("claimed %s with blame %d", c.Capture.ID, c.Blame())
	}
}

func TestDeadLetterOfAHangingCaptureNamesTheTimeLimit(t *testing.T) {
	o := options(t)
	o.AnalysisTimeout = 50 * time.Millisecond
	hung := make(chan string)
	o.OnHung = func(id string) { hung <- id }
	h := open(t, o)
	accept(t, h, receipt(), picture(10))
	for range 5 {
		claim(t, worker(t, h, "hanging").Elsewhere(t.TempDir()))
		<-hung
	}
	noClaim(t, worker(t, h, "last").Elsewhere(t.TempDir()), 3*o.Lease)
	const want = "given up after 5 attempts; the last one: its analysis took longer than 50ms"
	if all := letters(t, h); len(all) != 1 || all[0].Reason != want {
		t.Errorf("dead letters: %+v, want one with %q", all, want)
	}
}

func TestOnlyTheHangingCaptureIsBlamedForTheEndOfItsProcess(t *testing.T) {
	o := options(t)
	o.AnalysisTimeout = 200 * time.Millisecond
	hung := make(chan string, 2)
	o.OnHung = func(id string) { hung <- id }
	h := open(t, o)
	innocent, culprit := accept(t, h, receipt(), picture(10)), accept(t, h, receipt(), picture(10))
	w := worker(t, h, "one")
	c := claim(t, w)
	go func() { _ = w.HandIn(t.Context(), posture.Result{CaptureID: innocent}) }() // nobody records it
	claim(t, w)
	if id := <-hung; id != culprit {
		t.Errorf("%s hangs, want %s", id, culprit)
	}
	files, err := os.ReadDir(filepath.Join(o.Dir, "claims"))
	must(t, err)
	if len(files) != 1 {
		t.Fatalf("%d claims would be blamed, want 1", len(files))
	}
	text, err := os.ReadFile(filepath.Join(o.Dir, "claims", files[0].Name()))
	must(t, err)
	if !strings.Contains(string(text), culprit) {
		t.Errorf("blamed: %s, want %s", text, culprit)
	}
	must(t, c.Release(t.Context(), "the end"))
}

func TestSlowRecorderIsNoHungAnalysis(t *testing.T) {
	o := options(t)
	o.AnalysisTimeout = 200 * time.Millisecond
	o.OnHung = func(id string) { t.Errorf("%s is said to hang", id) }
	h := open(t, o)
	id := accept(t, h, receipt(), picture(10))
	commit := make(chan struct{})
	go func() {
		_ = h.ServeResults(t.Context(), func(context.Context, posture.Result) error {
			<-commit
			return nil
		})
	}()
	w := worker(t, h, "one")
	c := claim(t, w)
	handedIn := make(chan error, 1)
	go func() { handedIn <- w.HandIn(t.Context(), posture.Result{CaptureID: id}) }()
	ctx, cancel := context.WithTimeout(t.Context(), 4*o.AnalysisTimeout)
	defer cancel()
	if c, err := worker(t, h, "other").Elsewhere(t.TempDir()).Claim(ctx); err == nil {
		t.Errorf("while it is being recorded, %s was claimed again", c.Capture.ID)
	}
	if files, err := os.ReadDir(filepath.Join(o.Dir, "claims")); err != nil || len(files) > 0 {
		t.Errorf("it would be blamed for an end of the process: %d files in claims (%v)", len(files), err)
	}
	close(commit)
	must(t, <-handedIn)
	must(t, c.Acknowledge(t.Context()))
}

func TestReleaseIsWithoutBlame(t *testing.T) {
	o := options(t)
	h := open(t, o)
	accept(t, h, receipt(), picture(10))
	w := worker(t, h, "one")
	for range 3 * 5 {
		c := claim(t, w)
		if c.Blame() != 0 {
			t.Fatalf("blame %d", c.Blame())
		}
		must(t, c.Release(t.Context(), "not now"))
	}
	shut(t, h)
	h = open(t, o)
	if c := claim(t, worker(t, h, "after a restart")); c.Blame() != 0 {
		t.Errorf("blame %d", c.Blame())
	}
}

func TestClosingWorkerGivesBackWithoutBlame(t *testing.T) {
	h := open(t, options(t))
	accept(t, h, receipt(), picture(10))
	for range 7 {
		w := worker(t, h, "leaving")
		if c := claim(t, w); c.Blame() != 0 {
			t.Fatalf("blame %d", c.Blame())
		}
		shut(t, w)
	}
}

func TestClosingHubGivesBackWithoutBlame(t *testing.T) {
	o := options(t)
	h := open(t, o)
	accept(t, h, receipt(), picture(10))
	claim(t, worker(t, h, "one"))
	shut(t, h)
	if c := claim(t, worker(t, open(t, o), "two")); c.Blame() != 0 {
		t.Errorf("blame %d", c.Blame())
	}
}

func TestClaimGivenUpLeavesTheCaptureWithoutBlame(t *testing.T) {
	h := open(t, options(t))
	w := worker(t, h, "one")
	for name, inTime := range map[string]bool{"as it arrives": true, "before it arrives": false} {
		t.Run(name, func(t *testing.T) {
			ctx, giveUp := context.WithCancel(t.Context())
			ended := make(chan *queue.Claim, 1)
			go func() {
				c, _ := w.Claim(ctx)
				ended <- c
			}()
			if inTime {
				accept(t, h, receipt(), picture(10))
			}
			giveUp()
			c := <-ended
			if !inTime {
				accept(t, h, receipt(), picture(10)) // JetStream still has the claim's request
			}
			if c == nil {
				c = claim(t, w)
			}
			if c.Blame() != 0 {
				t.Errorf("blame %d", c.Blame())
			}
			must(t, c.Acknowledge(t.Context()))
		})
	}
}

func TestBlameUsedUpMakesADeadLetter(t *testing.T) {
	defer queue.FailPause(time.Millisecond)()
	o := options(t)
	h := open(t, o)
	id := accept(t, h, receipt(), picture(1000))
	w := worker(t, h, "one")
	for blame := range 5 {
		c := claim(t, w)
		if c.Blame() != blame {
			t.Fatalf("blame %d, want %d", c.Blame(), blame)
		}
		must(t, c.Fail(t.Context(), "the graph exploded"))
		if blame == 2 { // blame outlives a restart
			shut(t, h)
			h = open(t, o)
			w = worker(t, h, "one")
		}
	}
	noClaim(t, w, 100*time.Millisecond)
	d, err := h.DeadLetter(t.Context(), id)
	must(t, err)
	if d.Attempts != 5 || !strings.Contains(d.Reason, "the graph exploded") || !d.Whole() {
		t.Errorf("dead letter: %d attempts, %q, whole: %v", d.Attempts, d.Reason, d.Whole())
	}
	if d := depth(t, h); d.Waiting+d.Leased != 0 || d.Dead != 1 {
		t.Errorf("depth: %+v", d)
	}
	must(t, h.Replay(t.Context(), id))
	if c := claim(t, w); c.Blame() != 0 {
		t.Errorf("replayed with blame %d", c.Blame())
	}
}

func TestNewerFormatIsGivenBackWithoutBlame(t *testing.T) {
	defer queue.FailPause(time.Millisecond)()
	h := open(t, options(t))
	id, err := h.PutNewer(t.Context())
	must(t, err)
	for range 7 {
		w := worker(t, h, "old")
		_, err := w.Claim(t.Context())
		var newer *queue.NewerFormatError
		if !errors.As(err, &newer) || newer.Found != 2 || newer.Known != 1 {
			t.Fatalf("got %v, want a NewerFormatError", err)
		}
		shut(t, w)
	}
	ids, err := h.QueuedIDs(t.Context())
	must(t, err)
	if !ids[id] {
		t.Error("it left the queue")
	}
}

func TestBlamedCaptureIsInHandAlone(t *testing.T) {
	defer queue.FailPause(time.Millisecond)()
	h := open(t, options(t))
	suspect := accept(t, h, receipt(), picture(10))
	one, two := worker(t, h, "one"), worker(t, h, "two")
	must(t, claim(t, one).Fail(t.Context(), "suspicious"))
	c := claim(t, one)
	if c.Capture.ID != suspect {
		t.Fatalf("claimed %s, want %s", c.Capture.ID, suspect)
	}
	other := accept(t, h, receipt(), picture(10))
	noClaim(t, two, 300*time.Millisecond)
	must(t, c.Acknowledge(t.Context()))
	if c := claim(t, two); c.Capture.ID != other || c.Blame() != 0 {
		t.Errorf("claimed %s with blame %d, want %s with none", c.Capture.ID, c.Blame(), other)
	}
}
