package queue_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"plumbline/internal/posture"
	"plumbline/internal/queue"
	"plumbline/internal/testkit/nats"
)

// on gives the options of a hub on a server outside, in a folder of its own.
func on(t testing.TB, s *nats.Server) queue.Options {
	o := options(t)
	o.Outside = &queue.Outside{Server: queue.Server{URLs: []string{s.URL()}}}
	return o
}

func sentAgain() queue.Receipt {
	r := receipt()
	r.DUP = true
	return r
}

func TestMessageSentAgainIsRecognisedByTheOtherHub(t *testing.T) {
	s := nats.Start(t, nil)
	one, two := open(t, on(t, s)), open(t, on(t, s))
	for range 20 {
		pic := picture(1000)
		id := accept(t, one, receipt(), pic)
		a, err := two.Accept(t.Context(), sentAgain(), posture.Capture{Device: "pi1", Picture: pic})
		must(t, err)
		if !a.Duplicate || a.ID != id {
			t.Fatalf("%+v, want the duplicate of %s", a, id)
		}
	}
	a, err := two.Accept(t.Context(), sentAgain(), posture.Capture{Device: "pi1", Picture: picture(1000)})
	must(t, err)
	if a.Duplicate {
		t.Errorf("%s is taken for one sent again", a.ID)
	}
	if ids := journalIDs(t, one); len(ids) != 21 {
		t.Errorf("%d entries of 21 captures: one was entered again that had not been read yet", len(ids))
	}
}

func TestWhatADyingHubLeftHalfDoneIsRecognisedByTheOtherHub(t *testing.T) {
	s := nats.Start(t, nil)
	one, two := open(t, on(t, s)), open(t, on(t, s))
	one.BeforeJournal(func(string) error { return errors.New("the end") })
	pic := picture(1000)
	if _, err := one.Accept(t.Context(), receipt(), posture.Capture{Device: "pi1", Topic: "images/pi1", Picture: pic}); err == nil {
		t.Fatal("accepted without a journal entry")
	}
	a, err := two.Accept(t.Context(), sentAgain(), posture.Capture{Device: "pi1", Topic: "images/pi1", Picture: pic})
	must(t, err)
	queued, err := two.QueuedIDs(t.Context())
	must(t, err)
	if !a.Duplicate || len(queued) != 1 || !queued[a.ID] {
		t.Errorf("%+v with %v in the queue, want the duplicate of the one there", a, queued)
	}
	if ids := journalIDs(t, two); len(ids) != 1 || ids[0] != a.ID {
		t.Errorf("journal: %v, want %s", ids, a.ID)
	}
}

func TestRowOfAnotherHubsCaptureHasItsJournalEntry(t *testing.T) {
	s := nats.Start(t, nil)
	one, two := open(t, on(t, s)), open(t, on(t, s))
	one.BeforeJournal(func(string) error { return errors.New("the end") })
	if _, err := one.Accept(t.Context(), receipt(), posture.Capture{Device: "pi1", Topic: "images/pi1", Picture: picture(10)}); err == nil {
		t.Fatal("accepted without a journal entry")
	}
	go func() {
		_ = two.ServeResults(t.Context(), func(_ context.Context, r posture.Result) error {
			if ids := journalIDs(t, two); len(ids) != 1 || ids[0] != r.CaptureID {
				return errors.New("no entry")
			}
			return nil
		})
	}()
	w := worker(t, two, "one")
	c := claim(t, w)
	must(t, w.HandIn(t.Context(), posture.Result{CaptureID: c.Capture.ID}))
	must(t, c.Acknowledge(t.Context()))
}

func TestWorkersOfBothHubsShareTheWork(t *testing.T) {
	s := nats.Start(t, nil)
	one, two := open(t, on(t, s)), open(t, on(t, s))
	first, second := accept(t, one, receipt(), picture(10)), accept(t, two, receipt(), picture(10))
	a, b := claim(t, worker(t, one, "a")), claim(t, worker(t, two, "b"))
	if a.Capture.ID != first || b.Capture.ID != second {
		t.Errorf("claimed %s and %s, want %s and %s", a.Capture.ID, b.Capture.ID, first, second)
	}
	if d := depth(t, one); d.Leased != 2 || d.Waiting != 0 {
		t.Errorf("%+v, want two leased", d)
	}
	must(t, a.Bury(t.Context(), "for the test"))
	must(t, two.Replay(t.Context(), first))
	must(t, b.Acknowledge(t.Context()))
}

// leadRole holds a lease until it is killed.
func leadRole(dir string) error {
	dir, url, _ := strings.Cut(dir, "@")
	url, alone := strings.CutSuffix(url, "#alone")
	o := childOptions(dir)
	o.Outside = &queue.Outside{Server: queue.Server{URLs: []string{url}}, Alone: alone}
	h, err := queue.Open(context.Background(), o)
	if err != nil {
		return err
	}
	return h.Lead(context.Background(), "broker", func(ctx context.Context) error {
		_, err := fmt.Println("leads")
		<-ctx.Done()
		return err
	})
}

// leads starts Lead and tells on a channel when it leads and when no longer.
func leads(ctx context.Context, h *queue.Hub) (began, ended chan time.Time) {
	began, ended = make(chan time.Time, 10), make(chan time.Time, 10)
	go func() {
		_ = h.Lead(ctx, "broker", func(ctx context.Context) error {
			began <- time.Now()
			<-ctx.Done()
			ended <- time.Now()
			return ctx.Err()
		})
	}()
	return began, ended
}

func within(t testing.TB, what string, c <-chan time.Time, d time.Duration) time.Time {
	t.Helper()
	select {
	case at := <-c:
		return at
	case <-time.After(d):
		t.Fatalf("%s: not within %s", what, d)
		return time.Time{}
	}
}

func TestOneHubLeadsAndTheNextFollowsAtOnce(t *testing.T) {
	t.Parallel()
	s := nats.Start(t, nil)
	one, two := open(t, on(t, s)), open(t, on(t, s))
	first, stop := context.WithCancel(t.Context())
	began, ended := leads(first, one)
	within(t, "the first leads", began, 10*time.Second)
	follows, _ := leads(t.Context(), two)
	select {
	case <-follows:
		t.Fatal("two lead")
	case <-time.After(7 * time.Second): // longer than a lease lasts without a renewal
	}
	stop()
	left := within(t, "the first ends", ended, time.Second)
	if at := within(t, "the second follows", follows, 2*time.Second); at.Before(left) {
		t.Error("two led at the same time")
	}
}

func TestLeaseEndsInTimeWhenNATSIsAway(t *testing.T) {
	t.Parallel()
	s := nats.Start(t, nil)
	h := open(t, on(t, s))
	began, ended := leads(t.Context(), h)
	within(t, "leads", began, 10*time.Second)
	s.Stop()
	within(t, "stops leading", ended, 4500*time.Millisecond)
	s.Start()
	within(t, "leads again", began, 10*time.Second)
}

func TestHubWithRowsOfItsOwnIsAlone(t *testing.T) {
	t.Parallel()
	s := nats.Start(t, nil)
	alone, shared := on(t, s), on(t, s)
	alone.Outside.Alone = true
	h := open(t, alone)
	for name, o := range map[string]queue.Options{"a hub with shared rows": shared, "another with its own": on(t, s)} {
		o.Outside.Alone = o.Dir != shared.Dir
		second, err := queue.Open(t.Context(), o)
		if err == nil {
			shut(t, second)
			t.Fatalf("%s is let in", name)
		}
		if !strings.Contains(err.Error(), "--database-url") {
			t.Errorf("%s: %v, want what helps", name, err)
		}
	}
	shut(t, h)
	start := time.Now()
	shut(t, open(t, shared))
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it waited %s for a hub that had closed", took)
	}
}

// leading starts a process that holds the lease.
func leading(t *testing.T, arguments string) *exec.Cmd {
	t.Helper()
	cmd := child(t, "lead", arguments)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "leads\n" {
		t.Fatalf("it said %q, %v", line, err)
	}
	return cmd
}

func kill(t *testing.T, cmd *exec.Cmd) time.Time {
	t.Helper()
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // killed
	return time.Now()
}

func TestSecondHubTakesOverWhenTheFirstIsKilled(t *testing.T) {
	t.Parallel()
	s := nats.Start(t, nil)
	cmd := leading(t, t.TempDir()+"@"+s.URL())
	o := on(t, s)
	o.MaxQueueBytes = 1 << 30
	began, _ := leads(t.Context(), open(t, o))
	killed := kill(t, cmd)
	at := within(t, "the second leads", began, 10*time.Second)
	t.Logf("it led %s after the kill", at.Sub(killed))
}

func TestHubWithRowsOfItsOwnFollowsOneThatWasKilled(t *testing.T) {
	t.Parallel()
	s := nats.Start(t, nil)
	cmd := leading(t, t.TempDir()+"@"+s.URL()+"#alone")
	o := on(t, s)
	o.Outside.Alone, o.MaxQueueBytes = true, 1<<30
	if h, err := queue.Open(t.Context(), o); err == nil {
		shut(t, h)
		t.Fatal("two hubs with rows of their own")
	}
	kill(t, cmd)
	open(t, o) // waits until the other one was silent for long enough
}

func TestHubStartedAnewLeadsAtOnce(t *testing.T) {
	t.Parallel()
	s := nats.Start(t, nil)
	o := on(t, s)
	o.MaxQueueBytes = 1 << 30
	kill(t, leading(t, o.Dir+"@"+s.URL()))
	began, _ := leads(t.Context(), open(t, o))
	within(t, "it leads again", began, 2*time.Second)
}
