package queue_test

import (
	"testing"
	"time"

	"plumbline/internal/queue"
	"plumbline/internal/testkit/nats"
)

// counted waits until a hub counts so many captures as waiting and leased, and has the same by id.
func counted(t *testing.T, h *queue.Hub, waiting, leased int) {
	t.Helper()
	var d queue.Depth
	defer func() {
		if t.Failed() {
			t.Logf("the depth is %+v", d)
		}
	}()
	eventually(t, "the right depth", func() bool {
		d = depth(t, h)
		return d.Waiting == waiting && d.Leased == leased && len(sorted(t, h.LeasedIDs)) == leased
	})
}

// What a worker gives back at its end waits, also when no other worker is there to claim it: somebody must see that one
// is wanted.
func TestWhatAWorkerGaveBackWaits(t *testing.T) {
	o := joinable(t)
	o.Lease = time.Minute
	h := open(t, o)
	for range 5 {
		accept(t, h, receipt(), picture(10))
	}
	w := join(t, h, o)
	claim(t, w)
	claim(t, w)
	counted(t, h, 3, 2)
	shut(t, w)
	counted(t, h, 5, 0)
	again := claim(t, join(t, h, o))
	counted(t, h, 4, 1)
	must(t, again.Acknowledge(t.Context()))
	counted(t, h, 4, 0)
}

// What a worker held that died waits when its leases have run out; what a live one holds is leased for as long as it beats.
func TestWhatADeadWorkerHeldWaits(t *testing.T) {
	o := joinable(t)
	o.Lease = 1500 * time.Millisecond // beats of a third of it come in time on a busy machine as well
	h := open(t, o)
	for range 5 {
		accept(t, h, receipt(), picture(10))
	}
	dies, lives := join(t, h, o), join(t, h, o)
	claim(t, dies)
	claim(t, dies)
	kept := claim(t, lives)
	for until := time.Now().Add(3 * o.Lease); time.Now().Before(until); {
		if d := depth(t, h); d.Waiting != 2 || d.Leased != 3 {
			t.Fatalf("%+v while three are held", d)
		}
	}
	claim(t, dies) // dies before its first heartbeat
	dies.Die()
	counted(t, h, 4, 1)
	must(t, kept.Acknowledge(t.Context()))
	counted(t, h, 4, 0)
}

// Of several hubs each knows the leases, also one that began later and one whose connection broke.
func TestEachHubKnowsTheLeases(t *testing.T) {
	s := nats.Start(t, nil)
	o := on(t, s)
	one := open(t, o)
	for range 5 {
		accept(t, one, receipt(), picture(10))
	}
	dies, lives := join(t, one, o), join(t, one, o)
	claim(t, dies)
	claim(t, lives)
	two := open(t, on(t, s))
	counted(t, one, 3, 2)
	counted(t, two, 3, 2)
	dies.Die()
	counted(t, one, 4, 1)
	counted(t, two, 4, 1)
	s.Stop()
	s.Start()
	for _, h := range []*queue.Hub{one, two} {
		eventually(t, "readiness", func() bool { return h.Ready(t.Context()) == nil })
	}
	counted(t, one, 4, 1)
	counted(t, two, 4, 1)
}

// Without the right to listen to workers each claim counts, until it is claimed anew.
func TestLeasesWithoutTheRightToListen(t *testing.T) {
	s := nats.Configured(t, `
		accounts: { A: { jetstream: enabled, users: [ { user: hub, password: secret, permissions: { publish: ">", subscribe: { deny: "$JS.ACK.>" } } } ] } }
		max_payload: 4MB
		jetstream: {}`)
	o := on(t, s)
	o.Outside.User, o.Outside.Password = "hub", "secret"
	h := open(t, o)
	for range 3 {
		accept(t, h, receipt(), picture(10))
	}
	w := worker(t, h, "one")
	claim(t, w)
	claim(t, w)
	shut(t, w)
	counted(t, h, 1, 2)
}
