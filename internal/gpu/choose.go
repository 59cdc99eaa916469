package gpu

// Choose takes the node for one pod. The draw decides where the policy leaves it to chance and between equals; give each pod
// its own, such as a hash of its UID, and the decision can be made again. The fallback's nodes are taken when no other is fit.
func (r Ranking) Choose(p Policy, draw uint64) (Candidate, bool) {
	pool := r.first()
	if len(pool) == 0 {
		return Candidate{}, false
	}
	switch p {
	case Original: // as Python's min: the first of equals
		return pool[0], true
	case TwoChoices:
		return twoChoices(pool, draw), true
	}
	equals := 1
	for equals < len(pool) && pool[equals].Score-pool[0].Score < rounding {
		equals++
	}
	return pool[scatter(draw)%uint64(equals)], true
}

// first is the candidates that come before the fallback's, or else those.
func (r Ranking) first() []Candidate {
	n := 0
	for n < len(r.Candidates) && r.Candidates[n].Fallback == r.Candidates[0].Fallback {
		n++
	}
	return r.Candidates[:n]
}

// twoChoices draws two different candidates and takes the better one; of equals the one drawn first.
func twoChoices(pool []Candidate, draw uint64) Candidate {
	n := uint64(len(pool))
	if n == 1 {
		return pool[0]
	}
	a := scatter(draw) % n
	b := scatter(draw+scatterStep) % (n - 1)
	if b >= a {
		b++
	}
	if pool[b].Score < pool[a].Score-rounding {
		return pool[b]
	}
	return pool[a]
}

const scatterStep = 0x9e3779b97f4a7c15

// scatter is SplitMix64 (Steele, Lea, Flood 2014): draws that lie close together spread over all candidates.
func scatter(z uint64) uint64 {
	z += scatterStep
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// RunnerUp is the best candidate but the given node.
func (r Ranking) RunnerUp(node string) (Candidate, bool) {
	for _, c := range r.Candidates {
		if c.Node != node {
			return c, true
		}
	}
	return Candidate{}, false
}

// Find gives a node's place among the candidates.
func (r Ranking) Find(node string) (Candidate, bool) {
	for _, c := range r.Candidates {
		if c.Node == node {
			return c, true
		}
	}
	return Candidate{}, false
}

// Better says whether a should take b's place: a regular node that of a fallback, or one whose score is lower by at least the
// hysteresis (a part of full load; not of b's load, since 2 % is no better than 4 % by more than the noise).
func Better(a, b Candidate, hysteresis float64) bool {
	if a.Fallback != b.Fallback {
		return b.Fallback
	}
	return a.Score < b.Score-rounding && atOrOver(b.Score-a.Score, hysteresis)
}

// Keep gives the node where all workers should go, for as long as it holds: the current one while it is a candidate and no
// other is better by the hysteresis, else the one that the policy chooses.
func (r Ranking) Keep(current string, p Policy, draw uint64, hysteresis float64) (Candidate, bool) {
	chosen, ok := r.Choose(p, draw)
	if now, still := r.Find(current); still && !Better(chosen, now, hysteresis) {
		return now, true
	}
	return chosen, ok
}
