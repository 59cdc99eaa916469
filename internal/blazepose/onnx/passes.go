package onnx

import "slices"

// passes are the rewrites, in this order: padding must stand in the convolutions before depthToSpaceIntoConv looks at
// them, and blockedClip comes last since it looks for what the others leave. Each is exact but for the rounding of sums.
// Times are of the detector and the landmark networks in ONNX Runtime 1.30 on one AVX-512 core.
var passes = []func(*graph){foldPads, resizeAfterPointwise, depthToSpaceIntoConv, blockedClip}

// foldPads moves the zeros of a Pad into the convolutions that read it. ONNX Runtime would copy the image for the Pad and
// leave its blocked layout.
func foldPads(g *graph) {
	consumers, gone := g.consumers(), map[*node][]*node{}
	for _, n := range g.nodes {
		if n.op != "Pad" {
			continue
		}
		p := g.weights[n.inputs[1]].ints // before and after of batch, channels, height, width
		readers := consumers[n.output]
		foldable := p[1] == 0 && p[5] == 0 && !slices.ContainsFunc(readers, func(r *node) bool { return r.op != "Conv" })
		if !foldable {
			continue
		}
		for _, r := range readers {
			r.inputs[0] = n.inputs[0]
			for side, more := range [4]int64{p[2], p[3], p[6], p[7]} {
				r.conv.pads[side] += int(more)
			}
		}
		gone[n] = nil
	}
	g.replace(gone)
}

// resizeAfterPointwise swaps an enlarging Resize and the 1x1 convolution that alone reads it, where the convolution does
// not add channels: both are linear, and bilinear weights add up to 1, so the bias commutes too. The convolution then runs
// on a quarter of the pixels. The detector has two such pairs (430 -> 387 million multiplications), the landmark networks
// none.
func resizeAfterPointwise(g *graph) {
	consumers, instead := g.consumers(), map[*node][]*node{}
	for _, resize := range g.nodes {
		readers := consumers[resize.output]
		if resize.op != "Resize" || len(readers) != 1 || readers[0].op != "Conv" || !readers[0].conv.isPointwise() {
			continue
		}
		conv, small := readers[0], g.shapes[resize.inputs[0]]
		channels, large := g.weights[conv.inputs[1]].shape[0], g.shapes[resize.output]
		if channels > small[1] || large[2]*large[3] < small[2]*small[3] {
			continue
		}
		first := &node{op: "Conv", inputs: append([]string{resize.inputs[0]}, conv.inputs[1:]...), output: conv.output + "_small", conv: conv.conv}
		second := &node{op: "Resize", inputs: append([]string{first.output}, resize.inputs[1:]...), output: conv.output, attributes: resize.attributes}
		g.shapes[first.output] = []int{small[0], channels, small[2], small[3]}
		instead[resize], instead[conv] = nil, []*node{first, second}
	}
	g.replace(instead)
}

// blockedClip puts a depthwise 1x1 convolution by 1 between an Add or Resize and its Clip. ONNX Runtime can fuse a Clip with
// a convolution only, and computes a Clip of its own outside the blocked layout (NCHWc), with two reorderings: 1 %.
func blockedClip(g *graph) {
	producers, instead := g.producers(), map[*node][]*node{}
	for _, clip := range g.nodes {
		if clip.op != "Clip" {
			continue
		}
		from := clip.inputs[0]
		producer := producers[from]
		if producer == nil || producer.op != "Add" && producer.op != "Resize" || len(g.shapes[from]) != 4 {
			continue
		}
		channels := g.shapes[from][1]
		name := clip.output + "_same"
		ones := make([]float32, channels)
		for i := range ones {
			ones[i] = 1
		}
		g.weights[name+"_weight"] = weight{shape: []int{channels, 1, 1, 1}, floats: ones}
		c := pointwise()
		c.group = channels
		same := &node{op: "Conv", inputs: []string{from, name + "_weight"}, output: name, conv: c}
		g.shapes[name] = g.shapes[from]
		instead[clip] = []*node{same, {op: "Clip", inputs: append([]string{name}, clip.inputs[1:]...), output: clip.output}}
	}
	g.replace(instead)
}
