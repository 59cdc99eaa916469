package gpu_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/gpu"
)

// one is a snapshot of a node n that is fit.
func one() gpu.Snapshot {
	return gpu.Snapshot{At: now, Nodes: []gpu.Node{{Name: "n", Ready: true, GPU: true}}, Samples: []gpu.Sample{{Node: "n", Utilization: 0.3, At: now.Add(-5 * time.Second)}}}
}

func worker(placed time.Duration) gpu.Worker {
	return gpu.Worker{Pod: "w", Node: "n", PlacedAt: now.Add(placed)}
}

func TestWhyANodeIsRefused(t *testing.T) {
	machine := func(cpu, memory float64, age time.Duration) func(*gpu.Snapshot, *gpu.Rules) {
		return func(s *gpu.Snapshot, _ *gpu.Rules) {
			s.Machines = []gpu.Machine{{Node: "other", CPU: 0.1, Memory: 0.1, At: now}, {Node: "n", CPU: cpu, Memory: memory, At: now.Add(-age)}}
		}
	}
	for name, c := range map[string]struct {
		change func(*gpu.Snapshot, *gpu.Rules)
		want   string // "" is fit
	}{
		"fit":            {func(*gpu.Snapshot, *gpu.Rules) {}, ""},
		"not ready":      {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Nodes[0].Ready = false }, "not ready"},
		"cordoned":       {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Nodes[0].Cordoned = true }, "cordoned"},
		"tainted":        {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Nodes[0].Untolerated = []string{"a=b:NoSchedule"} }, "taint not tolerated: a=b:NoSchedule"},
		"excluded":       {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Nodes[0].Excluded = "nodeSelector arch=arm64" }, "nodeSelector arch=arm64"},
		"nameless":       {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Nodes[0].Name = "" }, "has no name"},
		"no sample":      {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Samples = nil }, "no GPU sample"},
		"no GPU":         {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Samples, s.Nodes[0].GPU = nil, false }, "no GPU"},
		"NaN":            {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Samples[0].Utilization = math.NaN() }, "GPU sample says nothing: NaN is no utilization"},
		"infinite":       {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Samples[0].Utilization = math.Inf(1) }, "GPU sample says nothing: +Inf is no utilization"},
		"negative":       {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Samples[0].Utilization = -0.1 }, "GPU sample says nothing: -0.1 is no utilization"},
		"timeless":       {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Samples[0].At = time.Time{} }, "GPU sample does not say when it was measured"},
		"stale":          {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Samples[0].At = now.Add(-61 * time.Second) }, "GPU sample is 1m1s old, at most 1m0s"},
		"just fresh":     {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Samples[0].At = now.Add(-60 * time.Second) }, ""},
		"from tomorrow":  {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Samples[0].At = now.Add(24 * time.Hour) }, "GPU sample is 24h0m0s in the future: the clocks differ"},
		"clocks waver":   {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Samples[0].At = now.Add(2 * time.Second) }, ""},
		"busy":           {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Samples[0].Utilization = 0.8 }, "GPU at 80 %, threshold 80 %"},
		"full":           {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Workers = []gpu.Worker{worker(-time.Minute)} }, "holds 1 of 1 workers"},
		"CPU busy":       {machine(0.95, 0.1, 0), "CPU at 95 %, threshold 90 %"},
		"memory full":    {machine(0.1, 0.99, 0), "memory at 99 %, threshold 95 %"},
		"CPU fits":       {machine(0.5, 0.5, 0), ""},
		"CPU stale":      {machine(0.1, 0.1, 2*time.Minute), "CPU sample is 2m0s old, at most 1m0s"},
		"CPU unknown":    {machine(math.NaN(), 0.1, 0), "CPU load is not known"},
		"memory unknown": {machine(0.1, -1, 0), "memory in use is not known"},
		"CPU of others only": {func(s *gpu.Snapshot, _ *gpu.Rules) {
			s.Machines = []gpu.Machine{{Node: "other", CPU: 0.1, Memory: 0.1, At: now}}
		}, "no sample of CPU and memory, while other nodes have them"},
		"CPU measured by nobody any more": {func(s *gpu.Snapshot, _ *gpu.Rules) {
			s.Machines = []gpu.Machine{{Node: "n", CPU: 0.99, Memory: 0.1, At: now.Add(-time.Hour)}}
		}, ""},
		"CPU not looked at": {func(s *gpu.Snapshot, r *gpu.Rules) {
			machine(0.99, 0.99, 0)(s, r)
			r.CPUThreshold, r.MemoryThreshold = 0, 0
		}, ""},
		"filled since the sample": {func(s *gpu.Snapshot, r *gpu.Rules) {
			r.Slots, s.Workers = 3, []gpu.Worker{{Pod: "a", Node: "n", PlacedAt: now}, {Pod: "b", Node: "n", PlacedAt: now}}
		}, "GPU at 30 % 5s ago, by now about 90 % with workers of ours, threshold 80 %"},
		"one duplicate not ready": {func(s *gpu.Snapshot, _ *gpu.Rules) { s.Nodes = append(s.Nodes, gpu.Node{Name: "n"}) }, "not ready"},
		"older duplicate sample": {func(s *gpu.Snapshot, _ *gpu.Rules) {
			s.Samples = append(s.Samples, gpu.Sample{Node: "n", Utilization: 0.9, At: now.Add(-10 * time.Second)})
		}, ""},
		"younger duplicate sample": {func(s *gpu.Snapshot, _ *gpu.Rules) {
			s.Samples = append(s.Samples, gpu.Sample{Node: "n", Utilization: 0.9, At: now})
		}, "GPU at 90 %, threshold 80 %"},
		"duplicate sample of the same moment": {func(s *gpu.Snapshot, _ *gpu.Rules) {
			s.Samples = append(s.Samples, gpu.Sample{Node: "n", Utilization: 0.9, At: s.Samples[0].At})
		}, "GPU at 90 %, threshold 80 %"},
		"one duplicate of its worker ended": {func(s *gpu.Snapshot, _ *gpu.Rules) {
			s.Workers = []gpu.Worker{worker(-time.Minute), worker(-time.Minute)}
			s.Workers[1].EndedAt = now.Add(-30 * time.Second)
		}, ""},
		"the original looks at no placements": {func(s *gpu.Snapshot, r *gpu.Rules) {
			r.Policy, r.Slots, s.Workers = gpu.Original, 3, []gpu.Worker{{Pod: "a", Node: "n", PlacedAt: now}, {Pod: "b", Node: "n", PlacedAt: now}}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := one(), gpu.DefaultRules()
			c.change(&s, &r)
			k := gpu.Rank(s, r)
			got := ""
			if len(k.Refused) == 1 {
				got = k.Refused[0].Reason
			}
			if got != c.want || len(k.Candidates)+len(k.Refused) != 1 {
				t.Errorf("refused for %q, want %q: %+v", got, c.want, k)
			}
		})
	}
}

func TestFallback(t *testing.T) {
	snapshot := func(waited time.Duration) gpu.Snapshot {
		return gpu.Snapshot{At: now, Oldest: now.Add(-waited), Nodes: []gpu.Node{
			{Name: "busy", Ready: true, GPU: true}, {Name: "unknown", Ready: true, GPU: true}, {Name: "cpu-low", Ready: true},
			{Name: "cpu-high", Ready: true}, {Name: "cpu-full", Ready: true}, {Name: "cpu-stale", Ready: true},
		}, Samples: []gpu.Sample{{Node: "busy", Utilization: 0.85, At: now}}, Machines: []gpu.Machine{
			{Node: "busy", CPU: 0.1, At: now}, {Node: "unknown", CPU: 0.1, At: now}, {Node: "cpu-low", CPU: 0.2, At: now},
			{Node: "cpu-high", CPU: 0.5, At: now}, {Node: "cpu-full", CPU: 0.95, At: now}, {Node: "cpu-stale", CPU: 0, At: now.Add(-time.Hour)},
		}}
	}
	for name, c := range map[string]struct {
		fallback gpu.Fallback
		waited   time.Duration
		want     []string
	}{
		"wait":              {gpu.FallbackWait, time.Hour, nil},
		"cpu, not yet":      {gpu.FallbackCPU, time.Minute, nil},
		"cpu":               {gpu.FallbackCPU, 2 * time.Minute, []string{"cpu-low", "cpu-high"}},
		"any":               {gpu.FallbackAny, 2 * time.Minute, []string{"cpu-low", "cpu-high", "busy"}},
		"any, not yet":      {gpu.FallbackAny, time.Minute, nil},
		"any, none waiting": {gpu.FallbackAny, math.MaxInt64, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := snapshot(c.waited), gpu.DefaultRules()
			if c.waited == math.MaxInt64 {
				s.Oldest = time.Time{}
			}
			r.Fallback = c.fallback
			var got []string
			for _, k := range gpu.Rank(s, r).Candidates {
				got = append(got, k.Node)
				if !k.Fallback || k.CPU != strings.HasPrefix(k.Node, "cpu") {
					t.Errorf("%+v", k)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("comes after every regular node", func(t *testing.T) {
		s, r := snapshot(time.Hour), gpu.DefaultRules()
		r.Fallback = gpu.FallbackAny
		s.Samples = append(s.Samples, gpu.Sample{Node: "unknown", Utilization: 0.75, At: now})
		for _, p := range gpu.Policies() {
			r.Policy = p
			if d := gpu.Decide("pod", 3, s, r); d.Node != "unknown" {
				t.Errorf("%s chose %s before the GPU under the threshold", p, d.Node)
			}
		}
	})
	t.Run("never takes CPUs that nobody measures", func(t *testing.T) {
		s, r := snapshot(time.Hour), gpu.DefaultRules()
		s.Machines, r.Fallback = []gpu.Machine{{Node: "cpu-low", CPU: -1, At: now}}, gpu.FallbackCPU
		r.CPUThreshold, r.MemoryThreshold = 0, 0
		if k := gpu.Rank(s, r); len(k.Candidates) != 0 {
			t.Errorf("%+v", k.Candidates)
		}
	})
}

// What is expected of a node of which a sample of 5 s ago said 50 %.
func TestWorkersSinceTheSampleCount(t *testing.T) {
	const second = time.Second
	at := func(d time.Duration) time.Time { return now.Add(d) }
	for name, c := range map[string]struct {
		worker gpu.Worker
		window time.Duration
		want   float64
	}{
		"placed before":                  {gpu.Worker{PlacedAt: at(-20 * second)}, 0, 0.5},
		"placed since":                   {gpu.Worker{PlacedAt: at(-3 * second)}, 0, 0.8},
		"placed before, not started":     {gpu.Worker{PlacedAt: at(-20 * second), Pending: true}, 0, 0.8},
		"placed before, started since":   {gpu.Worker{PlacedAt: at(-20 * second), StartedAt: at(-4 * second)}, 0, 0.8},
		"placed since, over":             {gpu.Worker{PlacedAt: at(-3 * second), EndedAt: at(-1 * second)}, 0, 0.5},
		"seen, over since":               {gpu.Worker{PlacedAt: at(-20 * second), EndedAt: at(-1 * second)}, 0, 0.2},
		"over before":                    {gpu.Worker{PlacedAt: at(-20 * second), EndedAt: at(-10 * second)}, 0, 0.5},
		"half of the window":             {gpu.Worker{PlacedAt: at(-10 * second)}, 10 * second, 0.65},
		"over after half of the window":  {gpu.Worker{PlacedAt: at(-60 * second), EndedAt: at(-10 * second)}, 10 * second, 0.35},
		"all of the window":              {gpu.Worker{PlacedAt: at(-15 * second)}, 10 * second, 0.5},
		"a measured share":               {gpu.Worker{PlacedAt: at(-3 * second), Load: 0.1}, 0, 0.6},
		"a share that is no number":      {gpu.Worker{PlacedAt: at(-3 * second), Load: math.NaN()}, 0, 0.8},
		"more than was measured is over": {gpu.Worker{PlacedAt: at(-20 * second), EndedAt: at(-1 * second), Load: 0.9}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := gpu.DefaultRules()
			r.Slots, r.Threshold = 2, 1
			c.worker.Node, c.worker.Pod = "n", "w"
			s := one()
			s.Samples[0].Utilization, s.Samples[0].Window, s.Workers = 0.5, c.window, []gpu.Worker{c.worker, c.worker} // twice the same
			k := gpu.Rank(s, r)
			if len(k.Candidates) != 1 || math.Abs(k.Candidates[0].Score-c.want) > 1e-9 {
				t.Errorf("want %g: %+v", c.want, k)
			}
		})
	}
}

func TestDecisionWithNonsenseIsKeptAsJSON(t *testing.T) {
	s := one()
	s.Nodes = append(s.Nodes, gpu.Node{Name: "odd", Ready: true, GPU: true})
	s.Samples = append(s.Samples, gpu.Sample{Node: "odd", Utilization: math.NaN(), At: now})
	s.Machines = []gpu.Machine{{Node: "n", CPU: math.Inf(-1), Memory: math.NaN(), At: now}}
	s.Workers = []gpu.Worker{{Pod: "x", Node: "odd", PlacedAt: now, Load: math.NaN()}}
	d := gpu.Decide("pod", math.MaxUint64, s, gpu.DefaultRules())
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var back gpu.Decision
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(back, back.Again()); diff != "" {
		t.Error(diff)
	}
	if !math.IsNaN(s.Samples[1].Utilization) {
		t.Error("the caller's snapshot was changed")
	}
}

func TestRulesThatCannotBeHonoured(t *testing.T) {
	if err := gpu.DefaultRules().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*gpu.Rules){
		`no policy "fastest"`:   func(r *gpu.Rules) { r.Policy = "fastest" },
		`no fallback "never"`:   func(r *gpu.Rules) { r.Fallback = "never" },
		"threshold is NaN":      func(r *gpu.Rules) { r.Threshold = math.NaN() },
		"threshold is 80":       func(r *gpu.Rules) { r.Threshold = 80 },
		"worker load is -1":     func(r *gpu.Rules) { r.WorkerLoad = -1 },
		"on a CPU is 2":         func(r *gpu.Rules) { r.CPUWorkerLoad = 2 },
		"CPU threshold is 90":   func(r *gpu.Rules) { r.CPUThreshold = 90 },
		"memory threshold is 9": func(r *gpu.Rules) { r.MemoryThreshold = 9 },
		"hysteresis is 1":       func(r *gpu.Rules) { r.Hysteresis = 1 },
		"slots is 0":            func(r *gpu.Rules) { r.Slots = 0 },
		"age of a sample is 0s": func(r *gpu.Rules) { r.MaxAge = 0 },
		"falling back is -1s":   func(r *gpu.Rules) { r.FallbackAfter = -time.Second },
		"rebalancing is -1s":    func(r *gpu.Rules) { r.RebalanceWindow = -time.Second },
	} {
		r := gpu.DefaultRules()
		change(&r)
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
