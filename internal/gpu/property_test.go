package gpu_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/gpu"
)

// rounds is how many random snapshots a property is tried on.
const rounds = 500

// random makes a snapshot with everything in it that may come: duplicates, nonsense, gaps.
func random(rng *rand.Rand) (gpu.Snapshot, gpu.Rules) {
	s := gpu.Snapshot{At: now}
	n := rng.IntN(12)
	odd := func(v float64) float64 {
		if rng.IntN(20) > 0 {
			return v
		}
		return []float64{math.NaN(), math.Inf(1), -v}[rng.IntN(3)]
	}
	ago := func(most time.Duration) time.Time {
		return now.Add(time.Second - time.Duration(rng.Int64N(int64(most))))
	}
	machines := rng.IntN(2) == 0
	for i := range n {
		name := fmt.Sprint("n", i)
		if rng.IntN(10) == 0 {
			name = fmt.Sprint("n", rng.IntN(n+1)) // twice, or of a node that nobody knows
		}
		node := gpu.Node{Name: fmt.Sprint("n", max(0, i-rng.IntN(10)/9)), Ready: rng.IntN(8) > 0, Cordoned: rng.IntN(12) == 0, GPU: rng.IntN(3) > 0}
		if rng.IntN(12) == 0 {
			node.Untolerated = []string{"k=v:NoSchedule"}
		}
		s.Nodes = append(s.Nodes, node)
		if node.GPU || rng.IntN(3) == 0 {
			s.Samples = append(s.Samples, gpu.Sample{
				Node: name, Utilization: odd(math.Round(20*rng.Float64()) / 20), At: ago(70 * time.Second), Window: time.Duration(rng.IntN(3)) * 10 * time.Second,
			})
		}
		if machines {
			s.Machines = append(s.Machines, gpu.Machine{Node: name, CPU: odd(rng.Float64()), Memory: odd(rng.Float64()), At: ago(70 * time.Second)})
		}
		w := gpu.Worker{Pod: fmt.Sprint("p", rng.IntN(20)), Node: name, PlacedAt: ago(2 * time.Minute), Pending: rng.IntN(4) == 0, Load: odd(rng.Float64() / 2)}
		if rng.IntN(3) > 0 {
			w.EndedAt = w.PlacedAt.Add(time.Duration(rng.Int64N(int64(time.Minute))))
		}
		s.Workers = append(s.Workers, w)
	}
	if rng.IntN(2) == 0 {
		s.Oldest = ago(10 * time.Minute)
	}
	r := gpu.DefaultRules()
	r.Policy, r.Fallback = gpu.Policies()[rng.IntN(3)], gpu.Fallbacks()[rng.IntN(3)]
	r.Slots, r.WorkerLoad = 1+rng.IntN(5), []float64{0, 0.1, 0.3}[rng.IntN(3)]
	return s, r
}

func everyRound(t *testing.T, property func(t *testing.T, rng *rand.Rand, s gpu.Snapshot, r gpu.Rules)) {
	for seed := range uint64(rounds) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s, r := random(rng)
		property(t, rng, s, r)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// A generator that never makes several candidates would let every property pass.
func TestRandomSnapshotsAreWorthTheName(t *testing.T) {
	several, fallback, refused := 0, 0, map[gpu.Kind]int{}
	everyRound(t, func(_ *testing.T, _ *rand.Rand, s gpu.Snapshot, r gpu.Rules) {
		k := gpu.Rank(s, r)
		if len(k.Candidates) > 2 {
			several++
		}
		for _, c := range k.Candidates {
			if c.Fallback {
				fallback++
			}
		}
		for kind, n := range k.RefusedByKind() {
			refused[kind] += n
		}
	})
	if several < rounds/5 || fallback < rounds/10 || len(refused) < 9 {
		t.Errorf("%d with several candidates, %d by fallback, refused %v", several, fallback, refused)
	}
}

func TestEveryNodeIsCandidateOrRefusedOnce(t *testing.T) {
	everyRound(t, func(t *testing.T, _ *rand.Rand, s gpu.Snapshot, r gpu.Rules) {
		want, got := map[string]int{}, map[string]int{}
		for _, n := range s.Nodes {
			want[n.Name] = 1
		}
		k := gpu.Rank(s, r)
		for _, c := range k.Candidates {
			got[c.Node]++
			if c.Free < 1 || math.IsNaN(c.Score) || c.Score < 0 || c.Age < 0 {
				t.Errorf("%+v", c)
			}
		}
		for _, f := range k.Refused {
			got[f.Node]++
			if f.Reason == "" || f.Kind == "" {
				t.Errorf("%+v", f)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// Unknown is never idle: a candidate has a valid sample that is fresh, whatever the fallback.
func TestNoCandidateIsUnknown(t *testing.T) {
	everyRound(t, func(t *testing.T, _ *rand.Rand, s gpu.Snapshot, r gpu.Rules) {
		fresh := func(at time.Time) bool { return now.Sub(at).Abs() <= r.MaxAge }
		for _, c := range gpu.Rank(s, r).Candidates {
			known := false
			for _, m := range s.Samples {
				known = known || !c.CPU && m.Node == c.Node && fresh(m.At) && m.Utilization == c.Measured
			}
			for _, m := range s.Machines {
				known = known || c.CPU && m.Node == c.Node && fresh(m.At) && m.CPU == c.Measured
			}
			for _, n := range s.Nodes {
				known = known && !(n.Name == c.Node && (n.GPU && c.CPU || !n.Ready || n.Cordoned || len(n.Untolerated) > 0))
			}
			if !known || c.Fallback && (s.Oldest.IsZero() || now.Sub(s.Oldest) < r.FallbackAfter || r.Fallback == gpu.FallbackWait) {
				t.Errorf("%+v", c)
			}
		}
	})
}

func TestOrderOfTheSnapshotDoesNotMatter(t *testing.T) {
	everyRound(t, func(t *testing.T, rng *rand.Rand, s gpu.Snapshot, r gpu.Rules) {
		k := gpu.Rank(s, r)
		o := s
		o.Samples, o.Machines = append([]gpu.Sample(nil), s.Samples...), append([]gpu.Machine(nil), s.Machines...)
		o.Nodes = append([]gpu.Node(nil), s.Nodes...)
		rng.Shuffle(len(o.Samples), func(i, j int) { o.Samples[i], o.Samples[j] = o.Samples[j], o.Samples[i] })
		rng.Shuffle(len(o.Machines), func(i, j int) { o.Machines[i], o.Machines[j] = o.Machines[j], o.Machines[i] })
		rng.Shuffle(len(o.Nodes), func(i, j int) { o.Nodes[i], o.Nodes[j] = o.Nodes[j], o.Nodes[i] })
		if diff := cmp.Diff(k.Candidates, gpu.Rank(o, r).Candidates); diff != "" {
			t.Error(diff)
		}
	})
}

// What the scaler counts placement can fill, one pod after the other, and not one more.
func TestFreeSlotsCanBeFilled(t *testing.T) {
	everyRound(t, func(t *testing.T, rng *rand.Rand, s gpu.Snapshot, r gpu.Rules) {
		free, placed := gpu.Rank(s, r).FreeSlots(), 0
		for ; placed <= free+1; placed++ {
			d := gpu.Decide(fmt.Sprint("new", placed), rng.Uint64(), s, r)
			if d.Node == "" {
				break
			}
			s.Workers = append(s.Workers, gpu.Worker{Pod: d.Pod, Node: d.Node, PlacedAt: now, Pending: true})
		}
		// A GPU node that was filled to its threshold counts again, as a node over it, once the fallback takes any.
		if placed != free && !(r.Fallback == gpu.FallbackAny && placed > free) {
			t.Errorf("%d slots are free, %d were filled", free, placed)
		}
	})
}

// A node that becomes less loaded never loses its place by it.
func TestLessLoadNeverHurts(t *testing.T) {
	place := func(k gpu.Ranking, node string) int {
		for i, c := range k.Candidates {
			if c.Node == node {
				return i
			}
		}
		return len(k.Candidates) + len(k.Refused)
	}
	everyRound(t, func(t *testing.T, rng *rand.Rand, s gpu.Snapshot, r gpu.Rules) {
		if len(s.Samples) == 0 {
			return
		}
		i := rng.IntN(len(s.Samples))
		before := place(gpu.Rank(s, r), s.Samples[i].Node)
		s.Samples[i].Utilization /= 2
		if after := place(gpu.Rank(s, r), s.Samples[i].Node); after > before {
			t.Errorf("%s fell from place %d to %d", s.Samples[i].Node, before, after)
		}
	})
}

func TestKeepMovesOnlyForTheBetter(t *testing.T) {
	everyRound(t, func(t *testing.T, rng *rand.Rand, s gpu.Snapshot, r gpu.Rules) {
		current := fmt.Sprint("n", rng.IntN(12))
		if all := gpu.Rank(s, r).Candidates; len(all) > 0 && rng.IntN(4) > 0 {
			current = all[rng.IntN(len(all))].Node
		}
		d := gpu.DecideKeeping("job", current, rng.Uint64(), s, r)
		was, still := d.Ranking.Find(current)
		is, _ := d.Ranking.Find(d.Node)
		if still && d.Node != current && !(was.Fallback && !is.Fallback || was.Score-is.Score >= r.Hysteresis-1e-9) {
			t.Errorf("moved from %+v to %+v", was, is)
		}
		if (d.Node == "") != (len(d.Ranking.Candidates) == 0) {
			t.Errorf("%q of %d candidates", d.Node, len(d.Ranking.Candidates))
		}
		if diff := cmp.Diff(d, d.Again()); diff != "" {
			t.Error(diff)
		}
	})
}

// Equals get their share: of 6,000 draws each of six equal nodes about 1,000, and none that is worse.
func TestTiesAreFair(t *testing.T) {
	s := gpu.Snapshot{At: now}
	for i := range 8 {
		name := fmt.Sprint("n", i)
		s.Nodes = append(s.Nodes, gpu.Node{Name: name, Ready: true, GPU: true})
		s.Samples = append(s.Samples, gpu.Sample{Node: name, Utilization: []float64{0.2, 0.5}[i/6], At: now})
	}
	for _, p := range []gpu.Policy{gpu.LeastLoaded, gpu.TwoChoices} {
		r := gpu.DefaultRules()
		r.Policy = p
		k := gpu.Rank(s, r)
		counts := map[string]int{}
		for draw := range uint64(6000) { // draws in a row: they must be scattered
			c, _ := k.Choose(p, draw)
			counts[c.Node]++
		}
		for i := range 8 {
			name, got := fmt.Sprint("n", i), counts[fmt.Sprint("n", i)]
			if i < 6 && (got < 850 || got > 1150) || p == gpu.LeastLoaded && i >= 6 && got > 0 || p == gpu.TwoChoices && i >= 6 && got > 6000/28/2+50 {
				t.Errorf("%s: %s was chosen %d times", p, name, got)
			}
		}
	}
}
