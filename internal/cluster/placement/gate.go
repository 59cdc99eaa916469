package placement

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/gpu"
	"plumbline/internal/wording"
)

const (
	every         = time.Second           // a look at least
	apart         = 50 * time.Millisecond // two looks at least, so that a burst of changes is one look
	patchesAtOnce = 16
	retryAfter    = 5 * time.Second // a pod that Kubernetes refused to place or to evict
	quiet         = 2 * time.Second // a pod waits this long before an Event says why
	sayAgain      = 5 * time.Minute // why a pod waits, where nothing has changed
)

// Gate places gated pods. Run it where this process leads.
//
//	gated pods (oldest first) -> gpu.Decide -> one patch: affinity, gate, note on the pod -> Event
//	placed pods whose node went, or that nobody binds -> eviction -> their Job makes a new gated one
type Gate struct {
	Records
	o     Options
	m     *metrics
	notes *notes

	unknown string // why the load could not be read at the last look; of Run's goroutine only

	mu      sync.Mutex
	assumed map[string]gpu.Worker // by pod UID: placed by us, and not seen yet in what the cluster shows
	waiting map[string]*wait      // by pod UID
	retry   map[string]time.Time  // by pod UID: not before
	avoid   map[string]avoided    // by node
}

// wait is why a pod still waits.
type wait struct {
	first    time.Time // when it was first seen
	why      string    // for people
	kind     string    // changes when the reason does, and not with every figure in it
	saidKind string
	said     time.Time
}

type avoided struct {
	until time.Time
	why   string
}

// NewGate prepares to place.
func NewGate(o Options) (*Gate, error) {
	o = o.withDefaults()
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, fmt.Errorf("registering the metrics of placement: %w", err)
	}
	g := &Gate{o: o, m: m, Records: Records{keep: o.Keep}, notes: newNotes(o.Hands.NotePod, o.Log, m)}
	g.forget()
	return g, nil
}

// forget drops what may be old when this process leads again: everything that matters stands on the pods.
func (g *Gate) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.assumed, g.waiting, g.retry, g.avoid = map[string]gpu.Worker{}, map[string]*wait{}, map[string]time.Time{}, map[string]avoided{}
}

// Run places until the context ends.
func (g *Gate) Run(ctx context.Context) {
	g.forget()
	g.m.leading.Set(1)
	defer g.m.leading.Set(0)
	var writing sync.WaitGroup
	writing.Go(func() { g.notes.run(ctx) })
	defer writing.Wait()
	clock := time.NewTicker(every)
	defer clock.Stop()
	for ctx.Err() == nil {
		g.look(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(apart):
		}
		select {
		case <-ctx.Done():
		case <-clock.C:
		case <-g.o.Changed:
		}
	}
}

// look does what there is to do now.
func (g *Gate) look(ctx context.Context) {
	pods, now := g.o.Cluster.Pods(), time.Now()
	g.settle(pods, now)
	g.evictLost(ctx, pods, now)
	var gated []kube.Pod
	for _, p := range pods {
		if p.Gated && !p.Deleting && p.Ended.IsZero() {
			gated = append(gated, p)
		}
	}
	g.m.gated.Set(float64(len(gated)))
	gated = slices.DeleteFunc(gated, func(p kube.Pod) bool { return g.isBusy(p, now) })
	if len(gated) > 0 {
		g.place(ctx, gated)
	}
}

// settle forgets what is no longer needed: what the cluster shows by now is not assumed any more.
func (g *Gate) settle(pods []kube.Pod, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	gated, there := map[string]bool{}, map[string]bool{}
	for _, p := range pods {
		there[p.UID] = true
		gated[p.UID] = p.Gated
		if p.Gated && g.waiting[p.UID] == nil {
			g.waiting[p.UID] = &wait{first: now}
		}
	}
	for uid := range g.assumed {
		if !gated[uid] {
			delete(g.assumed, uid)
		}
	}
	for uid := range g.waiting {
		if !gated[uid] {
			delete(g.waiting, uid)
		}
	}
	for uid, until := range g.retry {
		if !there[uid] || now.After(until) {
			delete(g.retry, uid)
		}
	}
	for node, a := range g.avoid {
		if now.After(a.until) {
			delete(g.avoid, node)
		}
	}
}

// isBusy says whether there is nothing to decide for a gated pod now: it was placed and the cluster does not show it yet,
// Kubernetes has just refused, or another's gate has yet to go, and the load should be looked at after that.
func (g *Gate) isBusy(p kube.Pod, now time.Time) bool {
	g.mu.Lock()
	_, placed := g.assumed[p.UID]
	_, refused := g.retry[p.UID]
	g.mu.Unlock()
	if len(p.OtherGates) > 0 && !placed {
		g.stays(p, now, "gates", "waits for other scheduling gates first: "+strings.Join(p.OtherGates, ", "))
		return true
	}
	return placed || refused
}

// place decides for each pod in turn, each with what was decided before it, and has the patches written beside that.
func (g *Gate) place(ctx context.Context, gated []kube.Pod) {
	v := g.newView(ctx)
	var patches sync.WaitGroup
	defer patches.Wait()
	free := make(chan struct{}, patchesAtOnce)
	for _, p := range gated {
		if ctx.Err() != nil {
			return
		}
		if why, none := v.none[kindOfPod(p)]; none {
			g.stays(p, v.at, why.kind, why.why)
			continue
		}
		s, err := v.snapshot(p.Template)
		if err != nil {
			g.loadUnknown(gated, err)
			return
		}
		g.unknown = ""
		r := g.decide(p, s, v)
		if r.Decision.Node == "" {
			v.none[kindOfPod(p)] = &wait{kind: kindOf(r.Decision.Ranking), why: r.Why}
			g.stays(p, v.at, kindOf(r.Decision.Ranking), r.Why)
			continue
		}
		free <- struct{}{}
		patches.Go(func() { g.write(ctx, p, r); <-free })
	}
}

func (g *Gate) loadUnknown(gated []kube.Pod, err error) {
	g.m.errors.WithLabelValues("load").Inc()
	g.m.decisions.WithLabelValues("unknown").Inc()
	g.sayUnknown(len(gated), err)
	for _, p := range gated {
		g.stays(p, time.Now(), "load", "no node is taken whose load is unknown, and the load can't be read: "+wording.OneLine(err))
	}
}

// sayUnknown logs that nothing is placed, once for each reason and not with every figure in it.
func (g *Gate) sayUnknown(gated int, err error) {
	kind := strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, err.Error())
	if g.unknown != kind {
		g.o.Log.Warn("nothing is placed: the nodes' load can't be read", "gated", gated, "error", err)
	}
	g.unknown = kind
}

// decide chooses a node and counts the pod there at once.
func (g *Gate) decide(p kube.Pod, s gpu.Snapshot, v *view) Record {
	d := gpu.Decide(p.Name, drawOf(p.UID), s, g.o.Rules(p.ScaledJob))
	r := Record{ID: identify(p.UID, v.at), At: v.at, Why: d.Explain(), Decision: d}
	g.m.refusals(d.Ranking)
	if d.Node == "" {
		g.m.decisions.WithLabelValues("none").Inc()
		return r
	}
	w := gpu.Worker{Pod: p.Name, Node: d.Node, PlacedAt: v.at, Pending: true}
	v.add(w)
	g.mu.Lock()
	g.assumed[p.UID] = w
	g.mu.Unlock()
	return r
}

// write places the pod in Kubernetes.
func (g *Gate) write(ctx context.Context, p kube.Pod, r Record) {
	err := g.o.Hands.Place(ctx, p, kube.Placing{Node: r.Decision.Node, Decision: r.ID, At: r.At})
	if err != nil {
		g.mu.Lock()
		delete(g.assumed, p.UID)
		g.retry[p.UID] = time.Now().Add(retryAfter)
		g.mu.Unlock()
		r.Error = err.Error()
		g.add(r)
		if ctx.Err() == nil {
			g.m.errors.WithLabelValues("place").Inc()
			g.m.decisions.WithLabelValues("refused").Inc()
			g.o.Log.Warn("a pod could not be placed; it is tried again unless another has placed it", "pod", p.Name, "node", r.Decision.Node, "error", err)
		}
		return
	}
	g.add(r)
	g.placed(p, r)
}

func (g *Gate) placed(p kube.Pod, r Record) {
	outcome := "placed"
	if c, ok := r.Decision.Ranking.Find(r.Decision.Node); ok && c.Fallback {
		outcome = "fallback"
	}
	g.m.decisions.WithLabelValues(outcome).Inc()
	g.mu.Lock()
	if w := g.waiting[p.UID]; w != nil {
		g.m.wait.Observe(time.Since(w.first).Seconds())
	}
	g.mu.Unlock()
	g.o.Log.Info("pod placed", "pod", p.Name, "node", r.Decision.Node, "decision", r.ID, "why", r.Why)
	g.notes.add(p, kube.Note{Reason: "Placed", Message: r.Why + " (decision " + r.ID + ")"})
}

// stays notes why a pod stays gated, and says so in an Event when the kind of reason is new.
func (g *Gate) stays(p kube.Pod, now time.Time, kind, why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.waiting[p.UID]
	if w == nil {
		return
	}
	w.kind, w.why = kind, why
	if now.Sub(w.first) < quiet || w.saidKind == kind && now.Sub(w.said) < sayAgain {
		return
	}
	w.saidKind, w.said = kind, now
	g.o.Log.Info("pod stays gated", "pod", p.Name, "why", why)
	g.notes.add(p, kube.Note{Warning: true, Reason: "StaysGated", Message: why})
}

// kindOf is the same for as long as nodes are refused for the same kinds of reasons.
func kindOf(k gpu.Ranking) string {
	var kinds []string
	for kind := range k.RefusedByKind() {
		kinds = append(kinds, string(kind))
	}
	slices.Sort(kinds)
	return strings.Join(kinds, " ")
}
