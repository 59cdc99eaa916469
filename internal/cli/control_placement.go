package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/placement"
	"plumbline/internal/gpu"
)

// decisionsKept is how many placements /status shows with all they were made from: with 1,000 nodes some 300 kB each.
const decisionsKept = 20

// placer gives workers their nodes, in one way or the other, while this process leads.
type placer interface {
	Run(context.Context)
	Last() []placement.Record
	Rebalancer(placement.Leave) *placement.Rebalancer
}

// placing is what there is to know of placement from outside.
type placing struct {
	placer  placer // nil: Kubernetes places
	waiting func() []placement.Waiting
	self    string
	leader  atomic.Pointer[string]
	oldest  oldest
}

// openPlacement starts to stand for election; who leads places.
//
//	Lease --leads--> gate, or pinner --patch--> pods, or the ScaledJob
//	              \-> rebalancer --asks the hub--> workers
func (k *controller) openPlacement(context.Context) error {
	if k.config.Placement == "none" {
		return nil
	}
	p := &k.placed
	p.oldest.read = k.backlogOldest
	if err := p.choose(k.config.Placement, k.config.ScaledJob, placement.Options{
		Cluster: k.watch, Hands: k.client, Changed: k.watch.Changed(), Surroundings: k.placementSurroundings, Rules: k.placementRules,
		Keep: decisionsKept, Log: k.part("placement"), Registerer: k.registry,
	}); err != nil {
		return err
	}
	var err error
	if p.self, err = identity(); err != nil {
		return err
	}
	election := kube.Election{Lease: "plumbline-placement", Identity: p.self, OnLeader: func(who string) { p.leader.Store(&who) }}
	if k.config.ScaledJob != "" {
		election.Lease += "-" + k.config.ScaledJob
	}
	k.stages.start("placement", func(ctx context.Context) error {
		if !k.watch.Synced(ctx) {
			return nil
		}
		return k.client.Lead(ctx, election, k.place)
	})
	return nil
}

func (p *placing) choose(way, scaledJob string, o placement.Options) error {
	if way == "patch" {
		pinner, err := placement.NewPinner(placement.PinnerOptions{Options: o, ScaledJob: scaledJob})
		p.placer = pinner
		return err
	}
	gate, err := placement.NewGate(o)
	if err == nil {
		p.placer, p.waiting = gate, gate.Waiting
	}
	return err
}

// place is what the leader does.
func (k *controller) place(ctx context.Context) {
	k.part("placement").Info("this process places now", "way", k.config.Placement)
	var both sync.WaitGroup
	both.Go(func() { k.placed.placer.Run(ctx) })
	both.Go(func() { k.placed.placer.Rebalancer(k.hub.AskToLeave).Run(ctx) })
	both.Wait()
}

// identity tells this process from others, those on the same host among them.
func identity() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("finding a name for this process: %w", err)
	}
	few := make([]byte, 3)
	_, _ = rand.Read(few) // it never fails
	return host + "_" + hex.EncodeToString(few), nil
}

// placementSurroundings are those that the scaler counts with. What was never read, or can't be seen now, places nothing.
func (k *controller) placementSurroundings(ctx context.Context, t kube.Template) (gpu.Snapshot, error) {
	if err := k.watch.Ready(ctx); err != nil {
		return gpu.Snapshot{}, err
	}
	if last, _ := k.loads.state(); last.At.IsZero() {
		return gpu.Snapshot{}, k.loads.ready(ctx)
	}
	s := k.surroundings(t)
	s.Oldest = k.placed.oldest.get(ctx)
	return s, nil
}

// placementRules are those that the scaler goes by: the flags', with the metadata of the ScaledJob's trigger over them. The
// scaler says what is wrong with that.
func (k *controller) placementRules(scaledJob string) gpu.Rules {
	s, ok := k.watch.ScaledJob(scaledJob)
	if !ok {
		return k.rules
	}
	metadata, _ := k.trigger(s)
	t, err := k.triggerDefaults().With(metadata)
	if err != nil {
		return k.rules
	}
	return t.Rules
}

func (k *controller) backlogOldest(ctx context.Context) (time.Time, error) {
	b, err := k.backlog(ctx)
	return b.Oldest, err
}

// oldest is since when a capture waits, asked of the hub once a second at most. While the hub is away nothing is known to wait,
// and no node of the fallback is taken.
type oldest struct {
	read func(context.Context) (time.Time, error)
	mu   sync.Mutex
	at   time.Time // of the reading
	last time.Time
}

func (o *oldest) get(ctx context.Context) time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.at) > time.Second {
		last, err := o.read(ctx)
		if err != nil {
			last = time.Time{}
		}
		o.at, o.last = time.Now(), last
	}
	return o.last
}

// placementReport is the part of the status that tells of placement.
type placementReport struct {
	Leader  string              `json:"leader,omitempty"` // who places; only it knows what follows
	Leading bool                `json:"leading"`          // this process does
	Gated   []placement.Waiting `json:"gated"`            // pods that wait for a node, and why
	Placed  []placement.Record  `json:"placed"`           // the last decisions, the newest first
}

func (k *controller) reportPlacement() placementReport {
	p, r := &k.placed, placementReport{Gated: []placement.Waiting{}, Placed: []placement.Record{}}
	if p.placer == nil {
		return r
	}
	if who := p.leader.Load(); who != nil {
		r.Leader, r.Leading = *who, *who == p.self
	}
	r.Placed = append(r.Placed, p.placer.Last()...)
	if p.waiting != nil && r.Leading {
		r.Gated = append(r.Gated, p.waiting()...)
	}
	return r
}

// write shows it to people.
func (r placementReport) write(to io.Writer) {
	if r.Leader != "" && !r.Leading {
		fmt.Fprintf(to, "\n%s places; ask it what it decided\n", r.Leader)
		return
	}
	fmt.Fprintln(to, "\nPLACED\tPOD\tNODE\tBECAUSE")
	for _, d := range r.Placed {
		why := d.Why
		if d.Error != "" {
			why = "REFUSED: " + d.Error
		}
		fmt.Fprintf(to, "%s\t%s\t%s\t%s\n", d.At.Format(time.TimeOnly), d.Decision.Pod, d.Decision.Node, why)
	}
	if len(r.Gated) > 0 {
		fmt.Fprintln(to, "\nGATED SINCE\tPOD\tBECAUSE")
	}
	for _, w := range r.Gated {
		fmt.Fprintf(to, "%s\t%s\t%s\n", w.Since.UTC().Format(time.TimeOnly), w.Pod, w.Why)
	}
}
