package queue_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/queue"
	"plumbline/internal/testkit/nats"
)

// joinAs opens a worker with a name and a node, and a channel that tells when it is asked to leave.
func joinAs(t *testing.T, h *queue.Hub, o queue.Options, name string) (*queue.Worker, <-chan string) {
	asked := make(chan string, 10)
	w := join(t, h, o, func(j *queue.JoinOptions) {
		j.Name, j.Node, j.OnLeave = name, "node of "+name, func() { asked <- name }
	})
	return w, asked
}

// names are who is present, and who of them has claimed.
func names(h *queue.Hub) map[string]bool {
	all := map[string]bool{}
	for _, p := range h.Workers() {
		all[p.Name] = p.Claimed
	}
	return all
}

func TestHubKnowsWhoWorksAndAsksToLeave(t *testing.T) {
	o := joinable(t)
	h := open(t, o)
	began := time.Now()
	busy, askedBusy := joinAs(t, h, o, "busy")
	idle, askedIdle := joinAs(t, h, o, "idle")
	worker(t, h, "local")
	id := accept(t, h, receipt(), picture(10))
	c := claim(t, busy)
	eventually(t, "both are present, and one has claimed", func() bool {
		return cmp.Equal(names(h), map[string]bool{"busy": true, "idle": false})
	})
	for _, p := range h.Workers() {
		if p.Node != "node of "+p.Name || p.Since.Before(began.Add(-time.Second)) || p.Heard.Before(began) || p.Leaving {
			t.Errorf("%+v", p)
		}
		if hand := map[string][]string{"busy": {id}}[p.Name]; !cmp.Equal(p.InHand, hand) {
			t.Errorf("%s has %v in hand, want %v", p.Name, p.InHand, hand)
		}
	}
	if err := h.AskToLeave("nobody"); !errors.Is(err, queue.ErrNoSuchWorker) {
		t.Errorf("asking nobody: %v", err)
	}
	must(t, h.AskToLeave("busy"))
	select {
	case <-askedBusy:
	case <-time.After(10 * time.Second):
		t.Fatal("it was not asked to leave")
	}
	must(t, c.Acknowledge(t.Context()))
	shut(t, busy)
	eventually(t, "who closes is not present any more", func() bool { return cmp.Equal(names(h), map[string]bool{"idle": false}) })
	if len(askedIdle) > 0 || len(askedBusy) > 0 {
		t.Error("somebody else was asked, or the same one twice")
	}
	idle.Die()
	h.SetNow(func() time.Time { return time.Now().Add(13 * time.Second) })
	if all := h.Workers(); len(all) > 0 {
		t.Errorf("who died is still present: %+v", all)
	}
}

// A worker's beat is answered by one of two hubs, and it is asked to leave at the other one.
func TestEachHubKnowsTheWorkersAndCanAskThem(t *testing.T) {
	s := nats.Start(t, nil)
	hubs := []*queue.Hub{open(t, on(t, s)), open(t, on(t, s))}
	for i, name := range []string{"first", "second", "third", "fourth"} {
		_, asked := joinAs(t, hubs[0], on(t, s), name)
		for _, h := range hubs {
			eventually(t, "both hubs know it", func() bool { _, known := names(h)[name]; return known })
		}
		must(t, hubs[i%2].AskToLeave(name))
		select {
		case <-asked:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s was not asked to leave", name)
		}
	}
}
