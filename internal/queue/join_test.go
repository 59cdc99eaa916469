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

// join opens a worker by the hub's listener or the NATS outside, as one on another machine.
func join(t testing.TB, h *queue.Hub, o queue.Options, change ...func(*queue.JoinOptions)) *queue.Worker {
	t.Helper()
	j := queue.JoinOptions{
		URL: "nats://" + h.ListenAddr(), TokenFile: o.Listener.TokenFile, Outside: o.Outside, HubTimeout: 10 * time.Second, Logger: o.Logger,
		OnLost: func(err error) { t.Errorf("a worker lost its hub: %v", err) },
	}
	for _, c := range change {
		c(&j)
	}
	w, err := queue.Join(t.Context(), j)
	must(t, err)
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// recorder records what is handed in.
func recorder(t testing.TB, h *queue.Hub) <-chan posture.Result {
	recorded := make(chan posture.Result, 100)
	go func() {
		_ = h.ServeResults(t.Context(), func(_ context.Context, r posture.Result) error {
			recorded <- r
			return nil
		})
	}()
	return recorded
}

func TestJoinedWorkerDoesAllThatALocalOneDoes(t *testing.T) {
	defer queue.FailPause(time.Millisecond)()
	o := joinable(t)
	h := open(t, o)
	recorded := recorder(t, h)
	w := join(t, h, o)

	pic := picture(100_000)
	id := accept(t, h, receipt(), pic)
	c := claim(t, w)
	if c.Capture.ID != id || string(c.Capture.Picture) != string(pic) || c.Capture.Device != "pi1" {
		t.Errorf("claimed %s of %s with %d bytes", c.Capture.ID, c.Capture.Device, len(c.Capture.Picture))
	}
	if w.InHand() != 1 {
		t.Errorf("%d in hand", w.InHand())
	}
	must(t, w.HandIn(t.Context(), posture.Result{CaptureID: id, Annotated: picture(100_000)}))
	if r := <-recorded; r.CaptureID != id || len(r.Annotated) != 100_000 {
		t.Errorf("recorded %s with %d bytes", r.CaptureID, len(r.Annotated))
	}
	must(t, c.Acknowledge(t.Context()))

	id = accept(t, h, receipt(), pic)
	must(t, claim(t, w).Release(t.Context(), "not now"))
	must(t, claim(t, w).Fail(t.Context(), "the graph exploded"))
	c = claim(t, w)
	if c.Capture.ID != id || c.Blame() != 1 {
		t.Errorf("claimed %s with blame %d, want %s with 1", c.Capture.ID, c.Blame(), id)
	}
	must(t, c.Bury(t.Context(), "no picture"))
	if d := depth(t, h); d.Waiting != 0 || d.Leased != 0 || d.Dead != 1 {
		t.Errorf("depth: %+v", d)
	}
	accept(t, h, receipt(), pic)
	claim(t, w)
	shut(t, w)
	if c := claim(t, worker(t, h, "local")); c.Blame() != 0 {
		t.Errorf("what a closing worker gave back has blame %d", c.Blame())
	}
}

func TestJoinedWorkersDeathCostsItsLeaseAndOneBlame(t *testing.T) {
	o := joinable(t)
	h := open(t, o)
	accept(t, h, receipt(), picture(10))
	w := join(t, h, o)
	claim(t, w)
	w.Die()
	c := claim(t, join(t, h, o))
	if c.Blame() != 1 {
		t.Errorf("blame %d, want 1", c.Blame())
	}
	must(t, c.Acknowledge(t.Context()))
}

func TestJoinedWorkerMeetsANewerFormat(t *testing.T) {
	o := joinable(t)
	h := open(t, o)
	_, err := h.PutNewer(t.Context())
	must(t, err)
	_, err = join(t, h, o).Claim(t.Context())
	if !errors.As(err, new(*queue.NewerFormatError)) {
		t.Errorf("got %v", err)
	}
}

// reopen starts a hub's successor at the same address.
func reopen(t testing.TB, h *queue.Hub, o *queue.Options) *queue.Hub {
	t.Helper()
	if o.Outside == nil {
		o.Listener.Address = h.ListenAddr()
	}
	shut(t, h)
	return open(t, *o)
}

func TestJoinedWorkerOutlivesItsHub(t *testing.T) {
	o := joinable(t)
	h := open(t, o)
	id := accept(t, h, receipt(), picture(10))
	w := join(t, h, o)
	c := claim(t, w)
	h = reopen(t, h, &o)
	recorded := recorder(t, h)
	must(t, w.HandIn(t.Context(), posture.Result{CaptureID: id}))
	if r := <-recorded; r.CaptureID != id {
		t.Errorf("recorded %s", r.CaptureID)
	}
	must(t, c.Acknowledge(t.Context()))
	if d := depth(t, h); d.Waiting+d.Leased != 0 {
		t.Errorf("depth: %+v", d)
	}
	id = accept(t, h, receipt(), picture(10))
	c = claim(t, w)
	if c.Capture.ID != id || c.Blame() != 0 {
		t.Errorf("claimed %s with blame %d", c.Capture.ID, c.Blame())
	}
	must(t, c.Release(t.Context(), "the end"))
}

func TestWhatIsInHandWhenTheHubRestartsIsNotAnalysedTwiceByItsWorker(t *testing.T) {
	o := joinable(t)
	h := open(t, o)
	id := accept(t, h, receipt(), picture(10))
	w := join(t, h, o)
	c := claim(t, w)
	h = reopen(t, h, &o)
	noClaim(t, w, 5*o.Lease) // it is handed out again, and kept alive
	if d := depth(t, h); d.Waiting != 0 || d.Leased != 1 {
		t.Errorf("depth: %+v", d)
	}
	must(t, c.Release(t.Context(), "the end"))
	if c := claim(t, join(t, h, o)); c.Capture.ID != id || c.Blame() != 0 {
		t.Errorf("claimed %s with blame %d", c.Capture.ID, c.Blame())
	}
}

// After a restart of the hub two workers have the same capture. Each verb of the first must leave the second in peace.
func TestClaimOfAnEarlierRunDisturbsNobody(t *testing.T) {
	defer queue.FailPause(time.Millisecond)()
	for name, verb := range map[string]func(*queue.Claim) error{
		"release": func(c *queue.Claim) error { return c.Release(context.Background(), "the end") },
		"fail":    func(c *queue.Claim) error { return c.Fail(context.Background(), "it went wrong") },
		"ack":     func(c *queue.Claim) error { return c.Acknowledge(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			o := joinable(t)
			h := open(t, o)
			accept(t, h, receipt(), picture(10))
			first := join(t, h, o)
			old := claim(t, first)
			h = reopen(t, h, &o)
			second := join(t, h, o)
			c := claim(t, second)
			if c.Blame() != 0 {
				t.Errorf("after the hub's restart its blame is %d", c.Blame())
			}
			must(t, verb(old))
			noClaim(t, first, 2*o.Lease)
			must(t, c.Release(t.Context(), "the end"))
			if name == "ack" {
				if d := depth(t, h); d.Waiting+d.Leased != 0 {
					t.Errorf("depth: %+v", d)
				}
				return
			}
			if c = claim(t, first); c.Blame() != 0 {
				t.Errorf("at last its blame is %d", c.Blame())
			}
			must(t, c.Acknowledge(t.Context()))
		})
	}
}

func TestJoinWaitsForAHubThatIsAway(t *testing.T) {
	o := joinable(t)
	h := open(t, o)
	o.Listener.Address = h.ListenAddr()
	shut(t, h)
	joined := make(chan error, 1)
	go func() {
		w, err := queue.Join(t.Context(), queue.JoinOptions{
			URL: o.Listener.Address, TokenFile: o.Listener.TokenFile, HubTimeout: 20 * time.Second,
		})
		if err == nil {
			err = w.Close()
		}
		joined <- err
	}()
	select {
	case err := <-joined:
		t.Fatalf("there is no hub, and it says %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	open(t, o)
	must(t, <-joined)
}

func TestJoinGivesUp(t *testing.T) {
	o := joinable(t)
	h := open(t, o)
	text, err := os.ReadFile(o.Listener.TokenFile)
	must(t, err)
	wrong := filepath.Join(t.TempDir(), "wrong")
	must(t, os.WriteFile(wrong, []byte(strings.Replace(string(text), "token: ", "token: x", 1)), 0o600))
	for name, c := range map[string]struct {
		url, file, want string
		patience        time.Duration
	}{
		"no hub":         {"127.0.0.1:1", o.Listener.TokenFile, "no hub was there for 200ms", 200 * time.Millisecond},
		"wrong token":    {h.ListenAddr(), wrong, "refuses the token", time.Minute},
		"no token file":  {h.ListenAddr(), wrong + "?", "reading the token file", time.Minute},
		"another scheme": {"http://127.0.0.1:4222", o.Listener.TokenFile, "give nats://HOST:PORT", time.Minute},
		"a user":         {"nats://me:secret@127.0.0.1", o.Listener.TokenFile, "give nats://HOST:PORT", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := queue.Join(t.Context(), queue.JoinOptions{URL: c.url, TokenFile: c.file, HubTimeout: c.patience})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "me:secret") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestLostHubIsReported(t *testing.T) {
	o := joinable(t)
	h := open(t, o)
	lost := make(chan error, 1)
	w := join(t, h, o, func(j *queue.JoinOptions) {
		j.HubTimeout, j.OnLost = 300*time.Millisecond, func(err error) { lost <- err }
	})
	must(t, w.Ready(t.Context()))
	shut(t, h)
	select {
	case err := <-lost:
		if !strings.Contains(err.Error(), "no hub was there for 300ms") {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nobody notices")
	}
	if w.Ready(t.Context()) == nil {
		t.Error("it says that it is ready")
	}
}

func TestHangingAnalysisElsewhereIsBlamedAlone(t *testing.T) {
	o := joinable(t)
	h := open(t, o)
	innocent, culprit := accept(t, h, receipt(), picture(10)), accept(t, h, receipt(), picture(10))
	hung := make(chan string, 2)
	w := join(t, h, o, func(j *queue.JoinOptions) {
		j.AnalysisTimeout, j.OnHung = 300*time.Millisecond, func(id string) { hung <- id }
	})
	claim(t, w)
	go func() { _ = w.HandIn(t.Context(), posture.Result{CaptureID: innocent}) }() // nobody records it
	claim(t, w)
	if id := <-hung; id != culprit {
		t.Errorf("%s hangs, want %s", id, culprit)
	}
	w.Die()
	other := join(t, h, o)
	blames := map[string]int{}
	for range 2 {
		c := claim(t, other)
		blames[c.Capture.ID] = c.Blame()
		must(t, c.Acknowledge(t.Context()))
	}
	if blames[innocent] != 0 || blames[culprit] != 1 {
		t.Errorf("blames %v, want one of %s", blames, culprit)
	}
}

// A result that no hub takes is held for the time-out, then the worker says that it has lost its hub.
func TestResultThatNoHubTakesIsReported(t *testing.T) {
	o := joinable(t)
	h := open(t, o)
	id := accept(t, h, receipt(), picture(10))
	lost := make(chan error, 1)
	w := join(t, h, o, func(j *queue.JoinOptions) {
		j.HubTimeout, j.OnLost = 500*time.Millisecond, func(err error) { lost <- err }
	})
	claim(t, w)
	shut(t, h)
	ctx, giveUp := context.WithCancel(t.Context())
	handedIn := make(chan error, 1)
	go func() { handedIn <- w.HandIn(ctx, posture.Result{CaptureID: id}) }()
	select {
	case err := <-lost:
		if !strings.Contains(err.Error(), "no hub was there for 500ms") {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nobody notices")
	}
	giveUp()
	if <-handedIn == nil {
		t.Error("it is said to be recorded")
	}
	w.Die()
	h = open(t, o)
	c := claim(t, worker(t, h, "later"))
	if c.Capture.ID != id {
		t.Errorf("claimed %s", c.Capture.ID)
	}
	must(t, c.Acknowledge(t.Context()))
}

func TestTokenThatIsTakenBackEndsItsWorkers(t *testing.T) {
	o := joinable(t)
	h := open(t, o)
	lost := make(chan error, 1)
	join(t, h, o, func(j *queue.JoinOptions) { j.OnLost = func(err error) { lost <- err } })
	o.Listener.Address = h.ListenAddr()
	shut(t, h)
	must(t, os.Remove(o.Listener.TokenFile))
	open(t, o)
	select {
	case err := <-lost:
		if !strings.Contains(err.Error(), "does not take the token any more") {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("nobody notices")
	}
}
