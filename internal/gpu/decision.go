package gpu

// Decision is one choice of placement with everything it was made from.
type Decision struct {
	Pod      string   `json:"pod"`
	Draw     uint64   `json:"draw"`
	Rules    Rules    `json:"rules"`
	Snapshot Snapshot `json:"snapshot"`
	Ranking  Ranking  `json:"ranking"`
	Node     string   `json:"node,omitempty"` // "": none was fit, and the pod waits
}

// Decide ranks and chooses for one pod.
func Decide(pod string, draw uint64, s Snapshot, r Rules) Decision {
	d := Decision{Pod: pod, Draw: draw, Rules: r, Snapshot: s, Ranking: Rank(s, r)}
	if c, ok := d.Ranking.Choose(r.Policy, draw); ok {
		d.Node = c.Node
	}
	return d
}

// Again makes the decision again from its record; a different node means that the record or the rules of ranking changed.
func (d Decision) Again() Decision { return Decide(d.Pod, d.Draw, d.Snapshot, d.Rules) }
