package queue_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"plumbline/internal/posture"
	"plumbline/internal/queue"

	"plumbline/internal/testkit/nats"
)

// documented is the server's configuration as docs/nats.md shows it.
func documented(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/nats.md")
	must(t, err)
	_, rest, found := strings.Cut(string(text), "```conf\n")
	conf, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("docs/nats.md has no configuration")
	}
	return conf
}

func TestDocumentedRightsSuffice(t *testing.T) {
	s := nats.Configured(t, documented(t))
	o := on(t, s)
	o.Outside.User, o.Outside.Password = "hub", "change-me"
	o.MaxPicture = 8 << 20
	h := open(t, o)
	recorded := &rows{ids: map[string]int{}}
	go func() { _ = h.ServeResults(t.Context(), recorded.record) }()
	w := worker(t, h, "one")
	buried, released := accept(t, h, receipt(), picture(8<<20)), accept(t, h, receipt(), picture(10))
	must(t, claim(t, w).Bury(t.Context(), "for the test"))
	must(t, claim(t, w).Release(t.Context(), "for the test"))
	must(t, claim(t, w.Elsewhere(t.TempDir())).Acknowledge(t.Context()))
	must(t, h.Replay(t.Context(), buried))
	c := claim(t, w)
	must(t, w.HandIn(t.Context(), posture.Result{CaptureID: c.Capture.ID}))
	must(t, c.Bury(t.Context(), "again"))
	must(t, h.Drop(t.Context(), buried, "for the test"))
	a, err := h.Accept(t.Context(), sentAgain(), posture.Capture{Device: "pi1", Topic: "images/pi1", Picture: picture(10)})
	must(t, err)
	if a.Duplicate || a.ID == released {
		t.Errorf("%+v is taken for one sent again", a)
	}
	must(t, h.Ready(t.Context()))
	began, _ := leads(t.Context(), h)
	within(t, "it leads", began, 5*time.Second)

	heard := make(chan posture.Result, 1)
	other := on(t, s)
	other.Outside.User, other.Outside.Password, other.MaxPicture = "hub", "change-me", 8<<20
	second := open(t, other)
	go func() { _ = second.Shared(t.Context(), func(r posture.Result) { heard <- r }) }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for tooLate := time.After(10 * time.Second); ; {
		must(t, h.Share(posture.Result{CaptureID: c.Capture.ID, Device: "pi1"}))
		select {
		case r := <-heard:
			if r.CaptureID != c.Capture.ID || r.Device != "pi1" {
				t.Errorf("heard %+v", r)
			}
			return
		case <-tick.C: // it may not listen yet
		case <-tooLate:
			t.Fatal("the other hub hears nothing")
		}
	}
}

func TestHubsAgreeOnTheFirstValue(t *testing.T) {
	s := nats.Start(t, nil)
	for _, proposal := range []string{"first", "second"} {
		h := open(t, on(t, s))
		if got, err := h.Agree(t.Context(), "mqtt-client-id", proposal); err != nil || got != "first" {
			t.Errorf("agreed on %q, %v; want first", got, err)
		}
	}
	if got, err := open(t, options(t)).Agree(t.Context(), "x", "own"); err != nil || got != "own" {
		t.Errorf("a hub of its own agreed on %q, %v", got, err)
	}
}

func TestDocumentedRightsOfAWorkerSuffice(t *testing.T) {
	s := nats.Configured(t, documented(t))
	o, other := on(t, s), on(t, s)
	o.Outside.User, o.Outside.Password = "hub", "change-me"
	other.Outside.User, other.Outside.Password = "worker", "change-me-too"
	h := open(t, o)
	recorded := &rows{ids: map[string]int{}}
	go func() { _ = h.ServeResults(t.Context(), recorded.record) }()
	for range 3 {
		accept(t, h, receipt(), picture(10))
	}
	w, err := queue.Join(t.Context(), queue.JoinOptions{Outside: other.Outside, Logger: other.Logger})
	must(t, err)
	must(t, claim(t, w).Bury(t.Context(), "for the test"))
	eventually(t, "the hub hears of the worker", func() bool { all := h.Workers(); return len(all) == 1 && all[0].Claimed })
	c := claim(t, w)
	must(t, c.Release(t.Context(), "for the test"))
	c = claim(t, w)
	must(t, w.HandIn(t.Context(), posture.Result{CaptureID: c.Capture.ID}))
	must(t, c.Acknowledge(t.Context()))
	claim(t, w)
	shut(t, w) // gives it back, and nobody claims it
	counted(t, h, 1, 0)
	if err := openOnce(t, other); err == nil {
		t.Error("a worker's rights are enough for a hub")
	}
	if d := depth(t, h); d.Dead != 1 || d.Waiting != 1 {
		t.Errorf("%+v, want one dead and one waiting", d)
	}
}
