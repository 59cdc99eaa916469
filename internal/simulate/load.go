package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Loads is what others do on each node, the same for every policy. It is made second by second as it is asked for.
type Loads struct {
	scenario Scenario
	nodes    []series
	skip     time.Duration // where in a recording this seed begins
}

// series is one node's load, one value a second.
type series struct {
	rng    *rand.Rand
	values []float64
}

// The streams of chance of one seed. Each has its own generator, so that a policy that asks for more of one does not change
// another.
const (
	streamLoads = iota + 1
	streamPhases
	streamArrivals
	streamDraws
	streamNode // and one more for each node
)

func generator(seed uint64, stream int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(stream)))
}

// LoadsOf makes the loads of a scenario for a seed.
func (s Scenario) LoadsOf(seed uint64) *Loads {
	l := &Loads{scenario: s, nodes: make([]series, s.Nodes)}
	start := generator(seed, streamLoads)
	if s.Recorded != nil {
		l.skip = time.Duration(start.Int64N(int64(s.Recorded.Length())))
		return l
	}
	for i := range l.nodes {
		first := s.Least + (s.Most-s.Least)*start.Float64()
		if len(s.Loads) > 0 {
			first = s.Loads[i]
		}
		l.nodes[i] = series{rng: generator(seed, streamNode+i), values: []float64{first}}
	}
	return l
}

// NodeName is what a scenario calls its nodes.
func (s Scenario) NodeName(i int) string {
	if s.Recorded != nil {
		return s.Recorded.nodes[i].name
	}
	return fmt.Sprintf("node-%d", i+1)
}

// At is the load of others on a node, at a time since the scenario's begin.
func (l *Loads) At(node int, t time.Duration) float64 {
	if l.scenario.Recorded != nil {
		return l.scenario.Recorded.at(node, l.skip+t)
	}
	n := &l.nodes[node]
	if l.scenario.Change == Constant {
		return n.values[0]
	}
	for second := int(t / time.Second); len(n.values) <= second; {
		n.values = append(n.values, l.next(n))
	}
	return n.values[int(t/time.Second)]
}

func (l *Loads) next(n *series) float64 {
	last, s := n.values[len(n.values)-1], l.scenario
	if s.Change == Walk {
		return reflect(last+s.WalkStep*n.rng.NormFloat64(), s.Least, s.Most)
	}
	if n.rng.Float64() < float64(time.Second)/float64(s.StepEvery) {
		return s.Least + (s.Most-s.Least)*n.rng.Float64()
	}
	return last
}

// reflect keeps a walk within its bounds without sticking to them.
func reflect(v, least, most float64) float64 {
	if v < least {
		v = 2*least - v
	}
	if v > most {
		v = 2*most - v
	}
	return math.Min(math.Max(v, least), most)
}
