package queue_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/posture"
	"plumbline/internal/queue"
)

func letters(t testing.TB, h *queue.Hub) []queue.DeadLetter {
	t.Helper()
	var all []queue.DeadLetter
	for d, err := range h.DeadLetters(t.Context()) {
		must(t, err)
		all = append(all, d)
	}
	return all
}

// bury makes a dead letter of a fresh capture.
func bury(t testing.TB, h *queue.Hub, pic []byte) string {
	t.Helper()
	id := accept(t, h, receipt(), pic)
	w := worker(t, h, "gravedigger")
	must(t, claim(t, w).Bury(t.Context(), "not a JPEG at all"))
	shut(t, w)
	return id
}

func TestBuriedCaptureIsListedShownAndReplayed(t *testing.T) {
	h := open(t, options(t))
	pic := picture(1000)
	id := bury(t, h, pic)

	list := letters(t, h)
	if len(list) != 1 || list[0].ID != id || list[0].Picture != nil {
		t.Fatalf("listed %+v, want %s without its picture", list, id)
	}
	d, err := h.DeadLetter(t.Context(), id)
	must(t, err)
	if d.Reason != "not a JPEG at all" || d.Device != "pi1" || d.Topic != "images/pi1" || d.Attempts != 1 ||
		d.Refused || !bytes.Equal(d.Picture, pic) || d.Size != 1000 || d.ReceivedAt.IsZero() || d.BuriedAt.IsZero() {
		t.Errorf("letter: %+v", d)
	}
	d.Picture = nil
	if diff := cmp.Diff(d, list[0]); diff != "" {
		t.Errorf("shown differs from listed: %s", diff)
	}

	must(t, h.Replay(t.Context(), id))
	c := claim(t, worker(t, h, "one"))
	if c.Capture.ID != id || !bytes.Equal(c.Capture.Picture, pic) {
		t.Errorf("replayed as %s", c.Capture.ID)
	}
	if len(letters(t, h)) != 0 {
		t.Error("replayed, but still a dead letter")
	}
	if ids := journalIDs(t, h); len(ids) != 1 {
		t.Errorf("journal: %v", ids)
	}
	if a := again(t, h, receipt(), pic); a.ID != id {
		t.Errorf("sent again after all: %+v", a)
	}
}

func TestDroppedLetterIsNoted(t *testing.T) {
	h := open(t, options(t))
	id := bury(t, h, picture(10))
	must(t, h.Drop(t.Context(), id, "a finger on the lens"))
	if _, err := h.DeadLetter(t.Context(), id); !errors.Is(err, queue.ErrNoSuchLetter) {
		t.Errorf("after dropping: %v", err)
	}
	if err := h.Drop(t.Context(), id, "again"); !errors.Is(err, queue.ErrNoSuchLetter) {
		t.Errorf("dropping twice: %v", err)
	}
	ids, err := h.DroppedIDs(t.Context())
	must(t, err)
	if !ids[id] || len(ids) != 1 {
		t.Errorf("dropped: %v, want %s", ids, id)
	}
}

func TestRefusedPayloadIsKeptAndKnown(t *testing.T) {
	h := open(t, options(t))
	letter := queue.DeadLetter{Device: "pi1", Reason: "neither base64 nor a picture", Picture: []byte("hello")}
	must(t, h.Refuse(t.Context(), receipt(), letter))
	r := receipt()
	r.DUP = true
	must(t, h.Refuse(t.Context(), r, letter))
	list := letters(t, h)
	if len(list) != 1 || !list[0].Refused || list[0].Reason != letter.Reason || list[0].Attempts != 0 {
		t.Fatalf("letters: %+v, want one", list)
	}
	if ids := journalIDs(t, h); len(ids) != 1 || ids[0] != list[0].ID {
		t.Errorf("journal: %v, want %s", ids, list[0].ID)
	}
	if err := h.Replay(t.Context(), list[0].ID); !errors.Is(err, queue.ErrNotReplayable) {
		t.Errorf("replayed what never was a picture: %v", err)
	}
}

func TestOversizedPayloadIsKeptInPart(t *testing.T) {
	h := open(t, options(t))
	whole := picture(3 << 20)
	must(t, h.Refuse(t.Context(), receipt(), queue.DeadLetter{Device: "pi1", Reason: "too large", Picture: whole}))
	// The caller may have read and hashed more than it kept.
	must(t, h.Refuse(t.Context(), receipt(), queue.DeadLetter{
		Device: "pi1", Reason: "far too large", Picture: whole[:100], Size: 4 << 20, SHA256: strings.Repeat("ab", 32),
	}))
	for i, want := range []struct{ size, kept int }{{3 << 20, 64 << 10}, {4 << 20, 100}} {
		d, err := h.DeadLetter(t.Context(), letters(t, h)[i].ID)
		must(t, err)
		if int(d.Size) != want.size || !bytes.Equal(d.Picture, whole[:want.kept]) || d.Whole() {
			t.Errorf("letter %d: %d bytes of %d kept, whole: %v; want %+v", i, len(d.Picture), d.Size, d.Whole(), want)
		}
	}
}

func TestLongReasonsFit(t *testing.T) {
	h := open(t, options(t))
	id := accept(t, h, receipt(), picture(1<<20))
	must(t, claim(t, worker(t, h, "one")).Bury(t.Context(), strings.Repeat("worse and \"worse\" ", 1<<16)))
	d, err := h.DeadLetter(t.Context(), id)
	must(t, err)
	if !d.Whole() || len(d.Reason) > 8<<10 {
		t.Errorf("whole: %v, reason of %d bytes", d.Whole(), len(d.Reason))
	}
	long, deep := receipt(), strings.Repeat("\x01/", 30_000)
	long.Topic += deep
	must(t, h.Refuse(t.Context(), long, queue.DeadLetter{Reason: strings.Repeat("\x00bad", 1<<16), Picture: picture(1 << 20)}))
	pic := picture(1 << 20)
	sent := posture.Capture{Device: deep, Source: strings.Repeat("\xff", 1<<16), Picture: pic}
	a, err := h.Accept(t.Context(), long, sent)
	must(t, err)
	if b := again(t, h, long, pic); b.ID != a.ID {
		t.Errorf("sent again: %+v, want %s", b, a.ID)
	}
	long.Topic += "x"
	if b := again(t, h, long, pic); b.Duplicate {
		t.Error("long topics that differ are taken for one")
	}
}

func TestNoSuchLetter(t *testing.T) {
	h := open(t, options(t))
	for name, id := range map[string]string{
		"never given":   "01ARZ3NDEKTSV4RRFFQ69G5FAV",
		"a wildcard":    "*",
		"no id at all":  "../x",
		"nothing there": "",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := h.DeadLetter(t.Context(), id); !errors.Is(err, queue.ErrNoSuchLetter) {
				t.Errorf("show: %v", err)
			}
			if err := h.Drop(t.Context(), id, "x"); !errors.Is(err, queue.ErrNoSuchLetter) {
				t.Errorf("drop: %v", err)
			}
			if err := h.Replay(t.Context(), id); !errors.Is(err, queue.ErrNoSuchLetter) {
				t.Errorf("replay: %v", err)
			}
		})
	}
}

func TestStartFinishesWhatACrashLeftHalfDone(t *testing.T) {
	o := options(t)
	h := open(t, o)
	buried, dropped := bury(t, h, picture(10)), bury(t, h, picture(20))
	letter, err := h.DeadLetter(t.Context(), buried)
	must(t, err)
	must(t, h.PutQueue(t.Context(), letter)) // as if its acknowledgement had been lost
	letter, err = h.DeadLetter(t.Context(), dropped)
	must(t, err)
	must(t, h.PutDropped(t.Context(), letter)) // as if the letter had not been removed yet
	shut(t, h)

	h = open(t, o)
	queued, err := h.QueuedIDs(t.Context())
	must(t, err)
	dead, err := h.DeadIDs(t.Context())
	must(t, err)
	gone, err := h.DroppedIDs(t.Context())
	must(t, err)
	if len(queued) != 0 || len(dead) != 1 || !dead[buried] || len(gone) != 1 || !gone[dropped] {
		t.Errorf("queued %v, dead %v, dropped %v", queued, dead, gone)
	}
}

func TestFullDeadLettersLoseNothing(t *testing.T) {
	defer queue.FailPause(time.Millisecond)()
	o := options(t)
	o.MaxQueueBytes = 16 << 20 // four dead letters of the largest size fit
	o.MaxBlame = 2
	h := open(t, o)
	letter := queue.DeadLetter{Reason: "no picture", Picture: picture(1 << 20)}
	var err error
	kept := -1
	for err == nil {
		err = h.Refuse(t.Context(), receipt(), letter)
		kept++
	}
	if kept != 4 || !strings.Contains(err.Error(), "dead letters are full") {
		t.Fatalf("%d kept, then: %v", kept, err)
	}
	if err := h.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "dead letters are full") {
		t.Errorf("ready: %v", err)
	}

	id := accept(t, h, receipt(), picture(1<<20))
	w := worker(t, h, "one")
	for blame := range 2 {
		c := claim(t, w)
		if c.Capture.ID != id || c.Blame() != blame {
			t.Fatalf("claimed %s with blame %d, want %s with %d", c.Capture.ID, c.Blame(), id, blame)
		}
		if err := c.Bury(t.Context(), "broken"); err == nil {
			t.Fatal("buried where there is no room")
		}
	}
	other := accept(t, h, receipt(), picture(10)) // must not wait for the one that can't be buried
	c := claim(t, w)
	if c.Capture.ID != other {
		t.Errorf("claimed %s, want %s", c.Capture.ID, other)
	}
	must(t, c.Acknowledge(t.Context()))

	for d, err := range h.DeadLetters(t.Context()) {
		must(t, err)
		must(t, h.Drop(t.Context(), d.ID, "room is needed"))
		break
	}
	must(t, h.Ready(t.Context()))
	noClaim(t, w, time.Second)
	if _, err := h.DeadLetter(t.Context(), id); err != nil {
		t.Errorf("not buried when there was room: %v", err)
	}
}

func TestReplayUnderWayAtTheEndOfARunIsFinished(t *testing.T) {
	o := options(t)
	h := open(t, o)
	id := accept(t, h, receipt(), picture(10))
	must(t, claim(t, worker(t, h, "one")).Bury(t.Context(), "for the test"))
	must(t, h.ReplayHalf(t.Context(), id))
	shut(t, h)
	h = open(t, o)
	if d := depth(t, h); d.Waiting != 1 || d.Dead != 0 {
		t.Errorf("%+v, want it in the queue only", d)
	}
}

func TestWorkerThatDiedBetweenDeadLetterAndAcknowledgementLeavesOneOfThem(t *testing.T) {
	h := open(t, options(t))
	accept(t, h, receipt(), picture(10))
	w := worker(t, h, "mortal")
	must(t, claim(t, w).BuryHalf(t.Context()))
	h.LetDie(w)
	noClaim(t, worker(t, h, "other"), time.Second)
	if d := depth(t, h); d.Waiting+d.Leased != 0 || d.Dead != 1 {
		t.Errorf("%+v, want it among the dead letters only", d)
	}
}
