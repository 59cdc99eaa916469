package simulate

import (
	"container/heap"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"plumbline/internal/gpu"
)

// Outcome is one run of a scenario under one policy and seed.
type Outcome struct {
	Policy        gpu.Policy      `json:"policy"`
	Seed          uint64          `json:"seed"`
	Responses     []time.Duration `json:"-"`              // of each capture, from its arrival to its acknowledgement, in the order of the latter
	Unfinished    int             `json:"unfinished"`     // captures that were not acknowledged when the limit came
	MaxBacklog    int             `json:"max_backlog"`    // captures accepted and not acknowledged
	OverThreshold int             `json:"over_threshold"` // placements on a GPU that truly was over the threshold
	Placed        int             `json:"placed"`
	Took          time.Duration   `json:"took_ns"` // from the first arrival to the last acknowledgement
	Backlog       []Point         `json:"-"`       // as it changed
}

// Point is a backlog at a time since the first arrival.
type Point struct {
	At    time.Duration
	Count int
}

// epoch is when a simulation begins; any moment would do.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Run plays the scenario, which must be valid, under one policy.
func Run(ctx context.Context, s Scenario, p gpu.Policy, seed uint64) (Outcome, error) {
	return run(ctx, s, p, seed, func(int) {})
}

// run calls step with the number of captures that were just done.
func run(ctx context.Context, s Scenario, p gpu.Policy, seed uint64, step func(int)) (Outcome, error) {
	w := newWorld(s, p, seed)
	w.step = step
	for w.events.Len() > 0 && w.out.Unfinished > 0 {
		if err := ctx.Err(); err != nil {
			return w.out, err
		}
		e := heap.Pop(&w.events).(event)
		if e.at > s.Limit {
			break
		}
		w.now = e.at
		e.do()
	}
	if n := len(w.out.Backlog); n > 0 {
		w.out.Took = w.out.Backlog[n-1].At
	}
	return w.out, nil
}

// event is something that happens; those of one moment happen in the order in which they were planned.
type event struct {
	at    time.Duration
	order int
	do    func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

// world is the state of a run. Arrivals wait in queue until a Job that starts takes them.
type world struct {
	scenario Scenario
	policy   gpu.Policy
	rules    gpu.Rules
	loads    *Loads
	draws    *rand.Rand

	now     time.Duration
	events  events
	planned int
	begin   time.Duration // of the arrivals

	nodes   []gpu.Node
	index   map[string]int
	samples []gpu.Sample
	running []int      // Jobs that run, by node
	placed  []int      // Jobs that are there in any state, by node
	waiting [][]string // Jobs that a node has no room for yet, by node
	bound   []int      // Jobs that run or start, by node
	workers map[string]*gpu.Worker
	order   []string // of the workers, so that nothing depends on a map's order
	history []gpu.Sample
	step    func(int)
	queue   []time.Duration // when each waiting capture arrived
	booked  int             // captures that Jobs which start are going to take
	out     Outcome
}

func newWorld(s Scenario, p gpu.Policy, seed uint64) *world {
	w := &world{
		scenario: s, policy: p, rules: s.Rules, loads: s.LoadsOf(seed), draws: generator(seed, streamDraws), begin: s.Scrape,
		index: map[string]int{}, samples: make([]gpu.Sample, s.Nodes), running: make([]int, s.Nodes), placed: make([]int, s.Nodes), bound: make([]int, s.Nodes), waiting: make([][]string, s.Nodes),
		workers: map[string]*gpu.Worker{}, out: Outcome{Policy: p, Seed: seed, Unfinished: s.Pictures},
	}
	w.setRules()
	phases := generator(seed, streamPhases)
	for i := range s.Nodes {
		name := s.NodeName(i)
		w.nodes, w.index[name] = append(w.nodes, gpu.Node{Name: name, Ready: true, GPU: true}), i
		w.plan(time.Duration(phases.Int64N(int64(s.Scrape))), func() { w.scrape(i) })
	}
	w.planArrivals(generator(seed, streamArrivals))
	w.plan(w.begin, w.poll)
	return w
}

func (w *world) setRules() {
	s := &w.scenario
	if s.Room == 0 {
		s.Room = s.Rules.Slots
	}
	w.rules.Policy = w.policy
	switch w.policy {
	case Oracle:
		w.rules.Policy, w.rules.WorkerLoad = gpu.LeastLoaded, s.WorkerLoad
	case Scripts:
		w.rules.Policy, w.rules.Slots = gpu.Original, s.Pictures
	}
}

func (w *world) plan(at time.Duration, do func()) {
	w.planned++
	heap.Push(&w.events, event{at, w.planned, do})
}

// planArrivals begins when each node has been measured once.
func (w *world) planArrivals(rng *rand.Rand) {
	at := w.begin
	for range w.scenario.Pictures {
		if w.scenario.Rate > 0 {
			at += time.Duration(rng.ExpFloat64() / w.scenario.Rate * float64(time.Second))
		}
		w.plan(at, func() {
			w.queue = append(w.queue, w.now)
			w.backlog(1)
		})
	}
}

func (w *world) backlog(change int) {
	count := change
	if n := len(w.out.Backlog); n > 0 {
		count += w.out.Backlog[n-1].Count
	}
	w.out.Backlog = append(w.out.Backlog, Point{w.now - w.begin, count})
	w.out.MaxBacklog = max(w.out.MaxBacklog, count)
}

// load is what a perfect instrument would read on a node.
func (w *world) load(node int) float64 {
	return w.loads.At(node, w.now) + w.scenario.WorkerLoad*float64(w.running[node])
}

func (w *world) scrape(node int) {
	w.samples[node] = gpu.Sample{Node: w.nodes[node].Name, Utilization: min(1, w.load(node)), At: epoch.Add(w.now)}
	w.learn(node)
	w.forget(node)
	w.plan(w.now+w.scenario.Scrape, func() { w.scrape(node) })
}

// lookBack is how long Jobs and samples are kept to learn from.
const lookBack = 10 * time.Minute

// learn adds a sample to the history and takes its lesson.
func (w *world) learn(node int) {
	if !w.scenario.Learn || w.policy == Oracle {
		return
	}
	w.history = append(w.history, w.samples[node])
	for len(w.history) > 0 && w.history[0].At.Before(epoch.Add(w.now-lookBack)) {
		w.history = w.history[1:]
	}
	w.rules.WorkerLoad = gpu.LearnLoad(w.history, w.snapshot().Workers, w.scenario.Rules.WorkerLoad, w.rules.MaxAge)
}

// forget drops the Jobs of a node that its sample no longer shows, or that nothing more can be learnt from.
func (w *world) forget(node int) {
	kept, since := w.order[:0], epoch.Add(w.now)
	if w.scenario.Learn {
		since = since.Add(-lookBack)
	}
	for _, pod := range w.order {
		if j := w.workers[pod]; j.Ended() && w.index[j.Node] == node && !j.EndedAt.After(since) {
			delete(w.workers, pod)
			continue
		}
		kept = append(kept, pod)
	}
	w.order = kept
}

// poll does what scaler and placement do together: as many Jobs as captures want and free slots allow, each placed at once.
func (w *world) poll() {
	w.plan(w.now+w.scenario.Poll, w.poll)
	size := w.scenario.JobSize
	for wanted := (len(w.queue) - w.booked + size - 1) / size; wanted > 0; wanted-- {
		k := gpu.Rank(w.snapshot(), w.rules)
		c, ok := k.Choose(w.rules.Policy, w.draws.Uint64())
		if !ok {
			return
		}
		w.place(w.index[c.Node])
	}
}

func (w *world) snapshot() gpu.Snapshot {
	s := gpu.Snapshot{At: epoch.Add(w.now), Nodes: w.nodes, Samples: w.samples, Workers: make([]gpu.Worker, 0, len(w.order))}
	for _, pod := range w.order {
		s.Workers = append(s.Workers, *w.workers[pod])
	}
	if len(w.queue) > 0 {
		s.Oldest = epoch.Add(w.queue[0])
	}
	if w.policy == Oracle {
		s.Samples = make([]gpu.Sample, len(w.nodes))
		for i, n := range w.nodes {
			s.Samples[i] = gpu.Sample{Node: n.Name, Utilization: min(1, w.load(i)), At: s.At}
		}
	}
	return s
}

func (w *world) place(node int) {
	truly := w.loads.At(node, w.now) + w.scenario.WorkerLoad*float64(w.placed[node])
	if truly >= w.rules.Threshold {
		w.out.OverThreshold++
	}
	w.out.Placed++
	w.placed[node]++
	w.booked += w.scenario.JobSize
	pod := fmt.Sprintf("job-%d", w.out.Placed)
	w.workers[pod] = &gpu.Worker{Pod: pod, Node: w.nodes[node].Name, PlacedAt: epoch.Add(w.now), Pending: true}
	w.order = append(w.order, pod)
	w.waiting[node] = append(w.waiting[node], pod)
	w.bind(node)
}

// bind lets the kubelet start what fits.
func (w *world) bind(node int) {
	for len(w.waiting[node]) > 0 && w.bound[node] < w.scenario.Room {
		pod := w.waiting[node][0]
		w.waiting[node] = w.waiting[node][1:]
		w.bound[node]++
		w.plan(w.now+w.scenario.ColdStart, func() { w.start(pod, node) })
	}
}

// start lets a Job take its captures. How long they take is settled by the load that it meets.
func (w *world) start(pod string, node int) {
	w.booked -= w.scenario.JobSize
	n := min(w.scenario.JobSize, len(w.queue))
	taken := w.queue[:n]
	w.queue = w.queue[n:]
	each := w.scenario.Duration(w.load(node))
	w.running[node]++
	j := w.workers[pod]
	j.Pending, j.StartedAt = false, epoch.Add(w.now)
	w.plan(w.now+time.Duration(n)*each, func() { w.end(pod, node, taken) })
}

func (w *world) end(pod string, node int, taken []time.Duration) {
	w.running[node]--
	w.placed[node]--
	w.bound[node]--
	w.bind(node)
	w.workers[pod].EndedAt = epoch.Add(w.now)
	for _, arrived := range taken {
		w.out.Responses = append(w.out.Responses, w.now-arrived)
		w.out.Unfinished--
		w.backlog(-1)
	}
	w.step(len(taken))
}
