package placement_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/placement"
	"plumbline/internal/gpu"
)

// town is a cluster in memory. What is written shows at once, or only when it is told to.
type town struct {
	mu      sync.Mutex
	rules   gpu.Rules
	nodes   []gpu.Node
	loads   map[string]float64
	silent  error // the load can't be read
	pods    []kube.Pod
	scaled  []kube.ScaledJob
	late    bool // what is placed does not show
	full    bool // the scheduler binds nothing
	refuse  map[string]error
	changed chan struct{}
	log     *slog.Logger

	placed  []string // pod>node, in the order of the calls
	evicted []string
	pinned  []string
	notes   []string // pod: reason
	texts   []string
	left    []string
}

func newTown(loads map[string]float64) *town {
	t := &town{rules: gpu.DefaultRules(), loads: loads, refuse: map[string]error{}, changed: make(chan struct{}, 1)}
	for name := range loads {
		t.nodes = append(t.nodes, gpu.Node{Name: name, Ready: true, GPU: true})
	}
	slices.SortFunc(t.nodes, func(a, b gpu.Node) int { return map[bool]int{true: -1, false: 1}[a.Name < b.Name] })
	return t
}

// born adds a gated pod.
func (t *town) born(name string, change ...func(*kube.Pod)) {
	p := kube.Pod{Name: name, UID: "uid of " + name, Namespace: "default", ScaledJob: "posture", Created: time.Now(), Gated: true}
	for _, c := range change {
		c(&p)
	}
	t.mu.Lock()
	t.pods = append(t.pods, p)
	t.mu.Unlock()
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

func (t *town) options() placement.Options {
	return placement.Options{
		Cluster: t, Hands: t, Surroundings: t.Surroundings, Changed: t.changed,
		Rules: func(string) gpu.Rules { return t.rules }, Log: t.log,
	}
}

// lead runs the gate until the end of the test.
func (t *town) lead(tb testing.TB) *placement.Gate {
	tb.Helper()
	g, err := placement.NewGate(t.options())
	if err != nil {
		tb.Fatal(err)
	}
	ctx, end := context.WithCancel(tb.Context())
	done := make(chan struct{})
	go func() { g.Run(ctx); close(done) }()
	tb.Cleanup(func() { end(); <-done })
	return g
}

// after lets fake time pass and everything come to rest.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (t *town) see(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
}

func (t *town) Surroundings(_ context.Context, template kube.Template) (gpu.Snapshot, error) {
	s := gpu.Snapshot{At: time.Now(), Nodes: t.Nodes(template), Workers: t.Workers()}
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, u := range t.loads {
		s.Samples = append(s.Samples, gpu.Sample{Node: name, Utilization: u, At: s.At})
	}
	return s, t.silent
}

func (t *town) Pods() []kube.Pod {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.pods)
}

func (t *town) Nodes(kube.Template) []gpu.Node {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.nodes)
}

func (t *town) Workers() []gpu.Worker {
	var out []gpu.Worker
	for _, p := range t.Pods() {
		if w, ok := p.Worker(); ok {
			out = append(out, w)
		}
	}
	return out
}

func (t *town) ScaledJob(name string) (kube.ScaledJob, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.scaled, func(s kube.ScaledJob) bool { return s.Name == name })
	if i < 0 {
		return kube.ScaledJob{}, false
	}
	return t.scaled[i], true
}

func (t *town) Place(_ context.Context, p kube.Pod, to kube.Placing) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.placed = append(t.placed, p.Name+">"+to.Node)
	if err := t.refuse[p.Name]; err != nil {
		return err
	}
	i := slices.IndexFunc(t.pods, func(o kube.Pod) bool { return o.UID == p.UID })
	if i < 0 || !t.pods[i].Gated {
		return errors.New("not gated any more")
	}
	if !t.late {
		t.pods[i].Gated, t.pods[i].Node, t.pods[i].PlacedAt, t.pods[i].Decision = false, to.Node, to.At, to.Decision
		t.pods[i].Bound = !t.full
	}
	return nil
}

func (t *town) Evict(_ context.Context, p kube.Pod) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.IndexFunc(t.pods, func(o kube.Pod) bool { return o.UID == p.UID }); i >= 0 && t.pods[i].Bound {
		return fmt.Errorf("pod %s runs", p.Name)
	}
	t.evicted = append(t.evicted, p.Name)
	t.pods = slices.DeleteFunc(t.pods, func(o kube.Pod) bool { return o.UID == p.UID })
	return nil
}

func (t *town) Pin(_ context.Context, s kube.ScaledJob, to kube.Placing) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pinned = append(t.pinned, to.Node)
	for i := range t.scaled {
		if t.scaled[i].Name == s.Name {
			t.scaled[i].Pinned, t.scaled[i].Gradual = to.Node, true
		}
	}
	return nil
}

func (t *town) NotePod(_ context.Context, p kube.Pod, n kube.Note) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes = append(t.notes, p.Name+": "+n.Reason)
	t.texts = append(t.texts, n.Message)
	return nil
}

func (t *town) NoteScaledJob(_ context.Context, s kube.ScaledJob, n kube.Note) error {
	return t.NotePod(context.Background(), kube.Pod{Name: s.Name}, n)
}

func (t *town) leave(_ context.Context, worker string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = append(t.left, worker)
	return nil
}
