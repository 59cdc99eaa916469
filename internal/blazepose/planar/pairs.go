package planar

// pairFrom is the height from which a tensor that only a depthwise convolution reads is made some channels at a time, which that
// takes at once: the tensor does not fit the second-level cache otherwise.
const pairFrom = 56

// pairFloats is how many numbers are made at a time, 512 KiB.
const pairFloats = 128 << 10

// pair notes which convolutions leave their results to the depthwise one behind them part by part.
func (p *plan) pair() {
	readers := map[*tensor]int{}
	for _, s := range p.steps {
		readers[s.in.root()]++
		if s.in2 != nil {
			readers[s.in2.root()]++
		}
	}
	for i, s := range p.steps[:len(p.steps)-1] {
		next := p.steps[i+1]
		if s.kind == convolve && next.kind == depthwise && next.in.root() == s.out && readers[s.out] == 1 &&
			s.in2 == nil && s.in.channels <= run && s.out.height >= pairFrom {
			s.out.kept = min(max(pairFloats/s.out.plane(), 1), s.out.channels)
		}
	}
}
