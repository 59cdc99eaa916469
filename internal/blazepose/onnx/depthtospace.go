package onnx

// depthToSpaceIntoConv joins DepthToSpace (blocks of 2x2) with the pairs of depthwise 3x3 convolution of stride 2 and 1x1
// convolution that read it, so that the pixels need not be spread out: the stride picks blocks, and a 3x3 window touches
// 2x2 of them.
//
//	[4C,H,W] DepthToSpace [C,2H,2W] depthwise 3x3/2 [C,H,W]  1x1 [K,H,W]
//	[4C,H,W]                        depthwise 2x2/1 [4C,H,W] 1x1 [K,H,W]
//
// The detector's six heads are made so; it gains 3 %. DepthToSpace goes when all its readers could be joined, else it and
// they stay as they are.
func depthToSpaceIntoConv(g *graph) {
	consumers, instead := g.consumers(), map[*node][]*node{}
	for _, spread := range g.nodes {
		if spread.op != "DepthToSpace" || !joinable(g, spread, consumers) {
			continue
		}
		instead[spread] = nil
		for _, depthwise := range consumers[spread.output] {
			point := consumers[depthwise.output][0]
			instead[depthwise] = []*node{blockwise(g, spread, depthwise)}
			instead[point] = []*node{summing(g, depthwise, point)}
		}
	}
	g.replace(instead)
}

func joinable(g *graph, spread *node, consumers map[string][]*node) bool {
	channels := g.shapes[spread.output][1]
	if g.shapes[spread.inputs[0]][1] != 4*channels {
		return false
	}
	for _, depthwise := range consumers[spread.output] {
		if depthwise.op != "Conv" || !stepsOverBlocks(*depthwise.conv, channels) || g.weights[depthwise.inputs[1]].shape[0] != channels {
			return false
		}
		readers := consumers[depthwise.output]
		if len(readers) != 1 || readers[0].op != "Conv" || !readers[0].conv.isPointwise() {
			return false
		}
	}
	return true
}

// stepsOverBlocks: the first window starts at pixel 0 or -1 of both dimensions. From 0 the last one reaches one pixel beyond
// the image, whose size is even; from -1 it ends within, and padding behind the image would not be touched.
func stepsOverBlocks(c convolution, channels int) bool {
	if c.pads == [4]int{1, 1, 1, 1} {
		c.pads = [4]int{1, 1, 0, 0}
	}
	fits := c.pads == [4]int{1, 1, 0, 0} || c.pads == [4]int{0, 0, 1, 1}
	c.pads = [4]int{}
	return fits && c == convolution{group: channels, kernel: [2]int{3, 3}, strides: [2]int{2, 2}, dilations: [2]int{1, 1}}
}

// blockwise is the depthwise convolution on blocks: channel (row, column, c) of the block holds pixel (row, column), so
// its 2x2 kernel has those weights of the 3x3 kernel that fall on such pixels, at 2 x block + row - start.
func blockwise(g *graph, spread, depthwise *node) *node {
	old := g.weights[depthwise.inputs[1]]
	channels, start := old.shape[0], depthwise.conv.pads[0]
	floats := make([]float32, 4*channels*4)
	for quarter := range 4 { // row x 2 + column of the pixel in its block
		for cell := range 4 { // row x 2 + column of the block in the window
			y := 2*(cell/2) + quarter/2 - start
			x := 2*(cell%2) + quarter%2 - start
			if y < 0 || y > 2 || x < 0 || x > 2 {
				continue
			}
			for c := range channels {
				floats[(quarter*channels+c)*4+cell] = old.floats[c*9+y*3+x]
			}
		}
	}
	name := depthwise.output + "_blockwise_weight"
	g.weights[name] = weight{shape: []int{4 * channels, 1, 2, 2}, floats: floats}
	conv := &convolution{group: 4 * channels, kernel: [2]int{2, 2}, strides: [2]int{1, 1}, dilations: [2]int{1, 1}, pads: [4]int{0, 0, 1, 1}}
	if start == 1 {
		conv.pads = [4]int{1, 1, 0, 0}
	}
	g.shapes[depthwise.output] = g.shapes[spread.inputs[0]]
	return &node{op: "Conv", inputs: []string{spread.inputs[0], name}, output: depthwise.output, conv: conv}
}

// summing is the 1x1 convolution that adds the four quarters up: its weights four times side by side, its bias with the
// depthwise convolution's sent through.
func summing(g *graph, depthwise, point *node) *node {
	old := g.weights[point.inputs[1]]
	out, in := old.shape[0], old.shape[1]
	floats := make([]float32, 0, out*4*in)
	bias := make([]float32, out)
	for k := range out {
		row := old.floats[k*in : (k+1)*in]
		for range 4 {
			floats = append(floats, row...)
		}
		sum := biasOf(g, point, k)
		for c, w := range row {
			sum += float64(w) * biasOf(g, depthwise, c)
		}
		bias[k] = float32(sum)
	}
	name := point.output + "_summing"
	g.weights[name+"_weight"] = weight{shape: []int{out, 4 * in, 1, 1}, floats: floats}
	g.weights[name+"_bias"] = weight{shape: []int{out}, floats: bias}
	return &node{op: "Conv", inputs: []string{depthwise.output, name + "_weight", name + "_bias"}, output: point.output, conv: pointwise()}
}

func biasOf(g *graph, conv *node, channel int) float64 {
	if len(conv.inputs) < 3 {
		return 0
	}
	return float64(g.weights[conv.inputs[2]].floats[channel])
}
