package gpu_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"plumbline/internal/gpu"
)

// every gives a sample every 15 s for the last so long.
func every(node string, utilization float64, since time.Duration) []gpu.Sample {
	var all []gpu.Sample
	for ago := time.Duration(0); ago <= since; ago += 15 * time.Second {
		all = append(all, gpu.Sample{Node: node, Utilization: utilization, At: now.Add(-ago)})
	}
	return all
}

// TestRebalance has a node `hot` with one worker since ten minutes, and a node `cool`.
func TestRebalance(t *testing.T) {
	type situation struct {
		hot, cool []gpu.Sample
		workers   []gpu.Worker
		asked     map[string]time.Time
		rules     gpu.Rules
	}
	ownWorker := gpu.Worker{Pod: "w", Node: "hot", PlacedAt: now.Add(-10 * time.Minute)}
	leaves := []gpu.Leave{{Pod: "w", Node: "hot", Foreign: 0.9, Target: "cool", Expected: 0.7}}
	for name, c := range map[string]struct {
		change func(*situation)
		want   []gpu.Leave
	}{
		"over for the window": {func(*situation) {}, leaves},
		"only by its own share": {func(s *situation) {
			s.hot = every("hot", 1, 2*time.Minute) // less the worker's 0.3
		}, nil},
		"its measured share is small": {func(s *situation) {
			s.hot, s.workers[0].Load = every("hot", 1, 2*time.Minute), 0.1
		}, leaves},
		"not for the whole window":           {func(s *situation) { s.hot = every("hot", 1.2, 105*time.Second) }, nil},
		"once not over":                      {func(s *situation) { s.hot[4].Utilization = 1 }, nil},
		"a gap in the samples":               {func(s *situation) { s.hot = append(s.hot[:1:1], s.hot[6:]...) }, nil},
		"unknown now":                        {func(s *situation) { s.hot = s.hot[5:] }, nil},
		"nobody is better by the hysteresis": {func(s *situation) { s.cool = every("cool", 0.75, 0) }, nil},
		"the better one is full": {func(s *situation) {
			s.workers = append(s.workers, gpu.Worker{Pod: "o", Node: "cool", PlacedAt: now.Add(-time.Hour)})
		}, nil},
		"the better one is unknown":    {func(s *situation) { s.cool = nil }, nil},
		"just asked":                   {func(s *situation) { s.asked = map[string]time.Time{"hot": now.Add(-119 * time.Second)} }, nil},
		"asked before the window":      {func(s *situation) { s.asked = map[string]time.Time{"hot": now.Add(-2 * time.Minute)} }, leaves},
		"no worker of ours runs there": {func(s *situation) { s.workers[0].EndedAt = now }, nil},
		"two workers: the younger one": {func(s *situation) {
			s.hot = every("hot", 1.5, 2*time.Minute)
			s.workers = append(s.workers, gpu.Worker{Pod: "young", Node: "hot", PlacedAt: now.Add(-5 * time.Minute)})
		}, []gpu.Leave{{Pod: "young", Node: "hot", Foreign: 0.9, Target: "cool", Expected: 0.7}}},
		"two nodes, one slot elsewhere": {func(s *situation) {
			s.cool = append(s.cool, every("warm", 1.2, 2*time.Minute)...)
			s.workers = append(s.workers, gpu.Worker{Pod: "o", Node: "warm", PlacedAt: now.Add(-time.Hour), Load: 0.3})
			s.workers[0].Load, s.rules.WorkerLoad = 0.3, 0 // so that only the slot is in the way
		}, leaves},
		"switched off": {func(s *situation) { s.rules.RebalanceWindow = 0 }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := situation{
				hot: every("hot", 1.2, 2*time.Minute), cool: every("cool", 0.7, 0), // 1.2: so that 0.9 is left; a real sample ends at 1
				workers: []gpu.Worker{ownWorker}, rules: gpu.DefaultRules(),
			}
			c.change(&s)
			history := append(append([]gpu.Sample(nil), s.cool...), s.hot...)
			var names []gpu.Node
			for _, n := range []string{"hot", "cool", "warm"} {
				names = append(names, gpu.Node{Name: n, Ready: true, GPU: true})
			}
			got := gpu.Rebalance(history, s.asked, gpu.Snapshot{At: now, Nodes: names, Samples: history, Workers: s.workers}, s.rules)
			if diff := cmp.Diff(c.want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRises(t *testing.T) {
	at := func(s int) time.Time { return now.Add(time.Duration(s) * time.Second) }
	sample := func(s int, u float64) gpu.Sample { return gpu.Sample{Node: "n", At: at(s), Utilization: u} }
	w := func(pod string, s int) gpu.Worker { return gpu.Worker{Pod: pod, Node: "n", PlacedAt: at(s)} }
	over := func(w gpu.Worker, s int) gpu.Worker { w.EndedAt = at(s); return w }
	for name, c := range map[string]struct {
		samples []gpu.Sample
		workers []gpu.Worker
		want    map[string]float64
	}{
		"one":                     {[]gpu.Sample{sample(15, 0.6), sample(0, 0.2)}, []gpu.Worker{w("a", 5)}, map[string]float64{"a": 0.4}},
		"the nearest samples":     {[]gpu.Sample{sample(-15, 0.9), sample(0, 0.2), sample(15, 0.6), sample(30, 0.9)}, []gpu.Worker{w("a", 5)}, map[string]float64{"a": 0.4}},
		"two share":               {[]gpu.Sample{sample(0, 0.2), sample(15, 0.6)}, []gpu.Worker{w("a", 5), w("b", 7)}, map[string]float64{"a": 0.2, "b": 0.2}},
		"it fell":                 {[]gpu.Sample{sample(0, 0.4), sample(15, 0.2)}, []gpu.Worker{w("a", 5)}, map[string]float64{"a": 0}},
		"at the limit":            {[]gpu.Sample{sample(0, 0.4), sample(15, 1)}, []gpu.Worker{w("a", 5)}, map[string]float64{}},
		"another ended meanwhile": {[]gpu.Sample{sample(0, 0.4), sample(15, 0.4)}, []gpu.Worker{w("a", 5), over(w("b", -50), 9)}, map[string]float64{}},
		"another ended before":    {[]gpu.Sample{sample(0, 0.1), sample(15, 0.4)}, []gpu.Worker{w("a", 5), over(w("b", -50), -9)}, map[string]float64{"a": 0.3}},
		"ended before it showed":  {[]gpu.Sample{sample(0, 0.4), sample(15, 0.4)}, []gpu.Worker{over(w("a", 5), 9)}, map[string]float64{}},
		"nothing before":          {[]gpu.Sample{sample(15, 0.4)}, []gpu.Worker{w("a", 5)}, map[string]float64{}},
		"nothing after":           {[]gpu.Sample{sample(0, 0.4)}, []gpu.Worker{w("a", 5)}, map[string]float64{}},
		"too long before":         {[]gpu.Sample{sample(-100, 0.1), sample(15, 0.4)}, []gpu.Worker{w("a", 5)}, map[string]float64{}},
		"not started":             {[]gpu.Sample{sample(0, 0.1), sample(15, 0.4)}, []gpu.Worker{{Pod: "a", Node: "n", PlacedAt: at(5), Pending: true}}, map[string]float64{}},
		"no number":               {[]gpu.Sample{sample(0, 0.1), sample(10, math.NaN()), sample(15, 0.4)}, []gpu.Worker{w("a", 5)}, map[string]float64{"a": 0.3}},
		"the whole window": {[]gpu.Sample{sample(0, 0.2), {Node: "n", At: at(10), Window: 10 * time.Second, Utilization: 0.3}, {Node: "n", At: at(20), Window: 10 * time.Second, Utilization: 0.6}},
			[]gpu.Worker{w("a", 5)}, map[string]float64{"a": 0.4}}, // the sample at 10 s shows half of it, and is passed over
	} {
		t.Run(name, func(t *testing.T) {
			got := gpu.Rises(c.samples, c.workers, time.Minute)
			if diff := cmp.Diff(c.want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A worker comes and goes between samples, while the rest of the load wavers.
func TestLearnLoad(t *testing.T) {
	history := func(n int, load, waver, most float64, window time.Duration) (samples []gpu.Sample, workers []gpu.Worker) {
		rng := rand.New(rand.NewPCG(1, 1))
		for i := range n {
			at := now.Add(time.Duration(i) * 15 * time.Second)
			u := 0.3 + waver*rng.NormFloat64() + load*float64(i%2)
			samples = append(samples, gpu.Sample{Node: "n", Utilization: min(max(u, 0), most), At: at, Window: window})
			if i%2 == 1 {
				workers = append(workers, gpu.Worker{Pod: fmt.Sprint(i), Node: "n", PlacedAt: at.Add(-12 * time.Second), EndedAt: at.Add(2 * time.Second)})
			}
		}
		return samples, workers
	}
	for name, c := range map[string]struct {
		n                       int
		load, waver, most, want float64
		window                  time.Duration
	}{
		"nothing yet":          {0, 0.6, 0, 1, 0.3, 0},
		"one rise counts some": {2, 0.6, 0, 1, 0.36, 0},
		"more":                 {400, 0.6, 0, 1, 0.6, 0},
		"less":                 {400, 0.1, 0, 1, 0.1, 0},
		"nothing at all":       {400, 0, 0, 1, 0, 0},
		"others waver":         {4000, 0.2, 0.1, 1, 0.2, 0},
		"over a window":        {400, 0.2, 0, 1, 0.2, 10 * time.Second},
		"at the limit":         {400, 0.9, 0, 1, 0.7, 0}, // from 0.3 to 1: at least 0.7
	} {
		samples, workers := history(c.n, c.load, c.waver, c.most, c.window)
		if got := gpu.LearnLoad(samples, workers, 0.3, time.Minute); math.Abs(got-c.want) > 0.01 {
			t.Errorf("%s: %g, not %g", name, got, c.want)
		}
	}
}

// From 90 % a GPU can show no more than 10 % of a worker, which says nothing of its load.
func TestLearnLoadIsNotLoweredByTheLimit(t *testing.T) {
	var samples []gpu.Sample
	var workers []gpu.Worker
	for i := range 100 {
		at := now.Add(time.Duration(i) * 15 * time.Second)
		samples = append(samples, gpu.Sample{Node: "n", Utilization: []float64{0.9, 1}[i%2], At: at})
		if i%2 == 1 {
			workers = append(workers, gpu.Worker{Pod: fmt.Sprint(i), Node: "n", PlacedAt: at.Add(-time.Second), EndedAt: at.Add(time.Second)})
		}
	}
	if got := gpu.LearnLoad(samples, workers, 0.3, time.Minute); math.Abs(got-0.3) > 1e-9 {
		t.Errorf("%g", got)
	}
}

func TestBetter(t *testing.T) {
	c := func(score float64, fallback bool) gpu.Candidate {
		return gpu.Candidate{Score: score, Fallback: fallback}
	}
	for name, x := range map[string]struct {
		a, b gpu.Candidate
		want bool
	}{
		"by the hysteresis": {c(0.2, false), c(0.3, false), true},
		"by less":           {c(0.21, false), c(0.3, false), false},
		"equal":             {c(0.3, false), c(0.3, false), false},
		"regular":           {c(0.7, false), c(0.1, true), true},
		"fallback":          {c(0.1, true), c(0.7, false), false},
	} {
		if got := gpu.Better(x.a, x.b, 0.1); got != x.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if gpu.Better(c(0.3, false), c(0.3, false), 0) {
		t.Error("an equal is better without hysteresis")
	}
}

func TestExplain(t *testing.T) {
	s, r := one(), gpu.DefaultRules()
	s.Nodes = append(s.Nodes, gpu.Node{Name: "m", Ready: true, GPU: true}, gpu.Node{Name: "o", Ready: true, GPU: true})
	s.Samples = append(s.Samples, gpu.Sample{Node: "m", Utilization: 0.4, At: now})
	for want, change := range map[string]func(){
		"n: GPU at 30 %, measured 5s ago; next m: GPU at 40 %, measured 0s ago": func() {},
		"m: GPU at 40 %, measured 0s ago; no other node is fit":                 func() { s.Nodes[0].Cordoned = true },
		"none of 3 nodes is fit (1 cordoned, 2 unknown): n: cordoned; m: no GPU sample; o: no GPU sample": func() {
			s.Nodes[0].Cordoned, s.Samples = true, nil
		},
		// Who was never to take a worker comes last: it explains nothing.
		"none of 3 nodes is fit (1 tainted, 2 unknown): m: no GPU sample; o: no GPU sample; n: taint not tolerated: a=b:NoSchedule": func() {
			s.Nodes[0].Untolerated, s.Samples = []string{"a=b:NoSchedule"}, nil
		},
		"no node is known": func() { s.Nodes = nil },
	} {
		keep, nodes := s, append([]gpu.Node(nil), s.Nodes...)
		change()
		if got := gpu.Decide("pod", 0, s, r).Explain(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
		s, s.Nodes = keep, nodes
	}
}
