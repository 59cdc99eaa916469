package queue_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline/internal/posture"
	"plumbline/internal/queue"
)

// journalIDs are the ids of the journal in its order.
func journalIDs(t testing.TB, h *queue.Hub) []string {
	t.Helper()
	var ids []string
	for e, err := range h.Journal(t.Context()) {
		must(t, err)
		ids = append(ids, e.ID)
	}
	return ids
}

func again(t testing.TB, h *queue.Hub, r queue.Receipt, pic []byte) queue.Acceptance {
	t.Helper()
	r.DUP = true
	a, err := h.Accept(t.Context(), r, posture.Capture{Device: "pi1", Picture: pic})
	must(t, err)
	return a
}

func TestMessageSentAgainIsRecognised(t *testing.T) {
	h := open(t, options(t))
	pic := picture(1000)
	id := accept(t, h, receipt(), pic)
	other := receipt()
	other.PacketID++
	elsewhere := receipt()
	elsewhere.Topic = "images/pi2"
	for name, c := range map[string]struct {
		receipt   queue.Receipt
		picture   []byte
		duplicate bool
	}{
		"the same":               {receipt(), pic, true},
		"another packet id":      {other, pic, false},
		"another topic":          {elsewhere, pic, false},
		"another picture":        {receipt(), picture(1000), false},
		"the same for the third": {receipt(), pic, true},
	} {
		t.Run(name, func(t *testing.T) {
			a := again(t, h, c.receipt, c.picture)
			if a.Duplicate != c.duplicate || (a.ID == id) != c.duplicate {
				t.Errorf("got %+v, first was %s, want duplicate: %v", a, id, c.duplicate)
			}
		})
	}
}

func TestEqualPicturesWithoutDUPAreTwoCaptures(t *testing.T) {
	h := open(t, options(t))
	pic := picture(1000)
	first, second := accept(t, h, receipt(), pic), accept(t, h, receipt(), pic)
	if first >= second {
		t.Errorf("ids %s, %s don't grow", first, second)
	}
	if a := again(t, h, receipt(), pic); a.ID != second {
		t.Errorf("sent again: taken for %s, want the newer, %s", a.ID, second)
	}
}

func TestMessageSentAgainIsRecognisedAfterARestartAndWhenDone(t *testing.T) {
	o := options(t)
	h := open(t, o)
	pic := picture(1000)
	id := accept(t, h, receipt(), pic)
	must(t, claim(t, worker(t, h, "one")).Acknowledge(t.Context()))
	shut(t, h)

	h = open(t, o)
	if a := again(t, h, receipt(), pic); !a.Duplicate || a.ID != id {
		t.Errorf("got %+v, want a duplicate of %s", a, id)
	}
	if d := depth(t, h); d.Waiting != 0 {
		t.Errorf("%d wait", d.Waiting)
	}
}

func TestMessageSentAgainIsForgottenAfterADay(t *testing.T) {
	h := open(t, options(t))
	pic := picture(1000)
	id := accept(t, h, receipt(), pic)
	h.SetNow(func() time.Time { return time.Now().Add(24*time.Hour - time.Minute) })
	if a := again(t, h, receipt(), pic); a.ID != id {
		t.Errorf("within the day: %+v, want %s", a, id)
	}
	h.SetNow(func() time.Time { return time.Now().Add(24*time.Hour + time.Minute) })
	if a := again(t, h, receipt(), pic); a.Duplicate {
		t.Errorf("after the day: %+v", a)
	}
}

func TestRetainedMessageIsNoNewCaptureHoweverOld(t *testing.T) {
	o := options(t)
	h := open(t, o)
	pic := picture(1000)
	accept(t, h, receipt(), picture(10))
	id := accept(t, h, receipt(), pic)
	shut(t, h)
	h = open(t, o)
	h.SetNow(func() time.Time { return time.Now().Add(10 * 24 * time.Hour) })
	retained := queue.Receipt{Topic: "images/pi1", PacketID: 99, QoS: 1, Retained: true}
	a, err := h.Accept(t.Context(), retained, posture.Capture{Picture: pic})
	must(t, err)
	if !a.Duplicate || a.ID != id {
		t.Errorf("got %+v, want a duplicate of %s", a, id)
	}
	retained.Topic = "images/pi2"
	a, err = h.Accept(t.Context(), retained, posture.Capture{Picture: pic})
	must(t, err)
	if a.Duplicate {
		t.Error("a retained picture of another topic is taken for a duplicate")
	}
}

func TestMessageSentAgainWaitsForTheFirstOne(t *testing.T) {
	h := open(t, options(t))
	pic := picture(1000)
	stored, enter := make(chan string, 1), make(chan struct{})
	h.BeforeJournal(func(id string) error {
		stored <- id
		<-enter
		return nil
	})
	var both sync.WaitGroup
	both.Go(func() {
		_, err := h.Accept(t.Context(), receipt(), posture.Capture{Picture: pic})
		if err != nil {
			t.Error(err)
		}
	})
	id := <-stored
	both.Go(func() {
		r := receipt()
		r.DUP = true
		a, err := h.Accept(t.Context(), r, posture.Capture{Picture: pic})
		if err != nil || a.ID != id || !a.Duplicate {
			t.Errorf("sent again: %+v, %v; want %s", a, err, id)
		}
	})
	close(enter)
	both.Wait()
	if ids := journalIDs(t, h); len(ids) != 1 {
		t.Errorf("journal: %v", ids)
	}
}

func TestAcceptanceIsNotConfirmedBeforeTheJournal(t *testing.T) {
	h := open(t, options(t))
	broken := errors.New("disk on fire")
	fail := true
	h.BeforeJournal(func(string) error {
		if fail {
			return broken
		}
		return nil
	})
	pic := picture(1000)
	_, err := h.Accept(t.Context(), receipt(), posture.Capture{Picture: pic})
	if !errors.Is(err, broken) {
		t.Fatalf("accepted without journal: %v", err)
	}
	if _, err = h.Accept(t.Context(), receipt(), posture.Capture{Picture: picture(5)}); !errors.Is(err, broken) {
		t.Errorf("another accepted while one can't be finished: %v", err)
	}
	fail = false
	a := again(t, h, receipt(), pic)
	if !a.Duplicate {
		t.Error("sent again, it became a second capture")
	}
	if ids := journalIDs(t, h); len(ids) != 1 || ids[0] != a.ID {
		t.Errorf("journal %v, want %s", ids, a.ID)
	}
	if d := depth(t, h); d.Waiting != 1 {
		t.Errorf("%d wait, want 1", d.Waiting)
	}
}

func TestNothingIsRecordedWithoutItsJournalEntry(t *testing.T) {
	h := open(t, options(t))
	stored, enter := make(chan string, 1), make(chan struct{})
	h.BeforeJournal(func(id string) error {
		stored <- id
		<-enter
		return nil
	})
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		if _, err := h.Accept(t.Context(), receipt(), posture.Capture{Picture: picture(10)}); err != nil {
			t.Error(err)
		}
	})
	id := <-stored
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	recorded := make(chan string, 2) // the result is handed in twice
	all.Go(func() {
		err := h.ServeResults(ctx, func(ctx context.Context, r posture.Result) error {
			for e, err := range h.Journal(ctx) {
				if err == nil && e.ID == r.CaptureID {
					recorded <- r.CaptureID
					return nil
				}
			}
			return errors.New("a row without its journal entry")
		})
		if err != nil {
			t.Error(err)
		}
	})
	w := worker(t, h, "quick")
	c := claim(t, w)
	short, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	if err := w.HandIn(short, posture.Result{CaptureID: id}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before its journal entry: %v, want that it waits", err)
	}
	close(enter)
	must(t, w.HandIn(t.Context(), posture.Result{CaptureID: id}))
	if got := <-recorded; got != id {
		t.Errorf("recorded %s, want %s", got, id)
	}
	must(t, c.Acknowledge(t.Context()))
}

func TestStartAddsMissingJournalEntries(t *testing.T) {
	o := options(t)
	h := open(t, o)
	accept(t, h, receipt(), picture(10))
	h.BeforeJournal(func(string) error { return errors.New("the process ends here") })
	pic := picture(1000)
	if _, err := h.Accept(t.Context(), receipt(), posture.Capture{Picture: pic}); err == nil {
		t.Fatal("accepted")
	}
	shut(t, h)
	h = open(t, o)
	ids := journalIDs(t, h)
	if len(ids) != 2 {
		t.Fatalf("journal: %v", ids)
	}
	if a := again(t, h, receipt(), pic); a.ID != ids[1] {
		t.Errorf("sent again: %+v, want %s", a, ids[1])
	}
	if d := depth(t, h); d.Waiting != 2 {
		t.Errorf("%d wait", d.Waiting)
	}
}

func TestStartAddsTheMissingEntryOfARefusedPayload(t *testing.T) {
	o := options(t)
	h := open(t, o)
	h.BeforeJournal(func(string) error { return errors.New("the process ends here") })
	letter := queue.DeadLetter{Device: "pi1", Reason: "no picture", Picture: []byte("no picture")}
	if err := h.Refuse(t.Context(), receipt(), letter); err == nil {
		t.Fatal("confirmed")
	}
	shut(t, h)
	h = open(t, o)
	r := receipt()
	r.DUP = true
	must(t, h.Refuse(t.Context(), r, letter))
	if ids := journalIDs(t, h); len(ids) != 1 {
		t.Errorf("journal: %v", ids)
	}
	if d := depth(t, h); d.Dead != 1 {
		t.Errorf("%d dead letters", d.Dead)
	}
}

func TestFullQueueRefusesAndForgetsNothing(t *testing.T) {
	o := options(t)
	o.MaxQueueBytes = 1 << 20
	h := open(t, o)
	var ids []string
	var err error
	for err == nil {
		var a queue.Acceptance
		if a, err = h.Accept(t.Context(), receipt(), posture.Capture{Picture: picture(100_000)}); err == nil {
			ids = append(ids, a.ID)
		}
	}
	if len(ids) != 10 || !strings.Contains(err.Error(), "no room") {
		t.Fatalf("%d accepted, then: %v", len(ids), err)
	}
	if err := h.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "full") {
		t.Errorf("ready while full: %v", err)
	}
	if got := journalIDs(t, h); len(got) != len(ids) {
		t.Errorf("%d in the journal, %d accepted", len(got), len(ids))
	}
	w := worker(t, h, "one")
	for _, id := range ids {
		c := claim(t, w)
		if c.Capture.ID != id {
			t.Fatalf("claimed %s, want %s", c.Capture.ID, id)
		}
		must(t, c.Acknowledge(t.Context()))
	}
	if err := h.Ready(t.Context()); err != nil {
		t.Errorf("not ready when empty again: %v", err)
	}
	accept(t, h, receipt(), picture(100_000))
}

func TestSmallerLimitKeepsWhatWaits(t *testing.T) {
	o := options(t)
	h := open(t, o)
	for range 20 {
		accept(t, h, receipt(), picture(100_000))
	}
	shut(t, h)
	o.MaxQueueBytes = 1 << 20
	h = open(t, o)
	if d := depth(t, h); d.Waiting != 20 {
		t.Errorf("%d of 20 wait", d.Waiting)
	}
	if _, err := h.Accept(t.Context(), receipt(), posture.Capture{Picture: picture(1)}); err == nil {
		t.Error("accepted above the limit")
	}
}

func TestAcceptRefuses(t *testing.T) {
	h := open(t, options(t))
	for name, c := range map[string]posture.Capture{
		"nothing":        {},
		"too much":       {Picture: picture(1<<20 + 1)},
		"an id not ours": {ID: "../../etc/passwd", Picture: picture(1)},
	} {
		t.Run(name, func(t *testing.T) {
			if a, err := h.Accept(t.Context(), receipt(), c); err == nil {
				t.Errorf("accepted as %s", a.ID)
			}
		})
	}
	accept(t, h, receipt(), picture(1<<20)) // the limit itself
}

func TestClosedHubAcceptsNothing(t *testing.T) {
	h := open(t, options(t))
	shut(t, h)
	if _, err := h.Accept(t.Context(), receipt(), posture.Capture{Picture: picture(1)}); !errors.Is(err, queue.ErrClosed) {
		t.Error(err)
	}
	if err := h.Ready(t.Context()); !errors.Is(err, queue.ErrClosed) {
		t.Error(err)
	}
}

func TestAcceptanceOutlivesItsSender(t *testing.T) {
	h := open(t, options(t))
	ctx, gone := context.WithCancel(t.Context())
	gone()
	if _, err := h.Accept(ctx, receipt(), posture.Capture{Picture: picture(1)}); err != nil {
		t.Error(err)
	}
}
