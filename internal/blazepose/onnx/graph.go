package onnx

// graph is an ONNX graph in the making. Values are named; every value but the input and the weights has one producing node,
// and nodes stand in execution order.
type graph struct {
	input   value
	outputs []value
	nodes   []*node
	weights map[string]weight
	shapes  map[string][]int // of every produced value, batch as 1
}

// value is an input or output of the graph; a negative dimension is symbolic.
type value struct {
	name  string
	shape []int
}

// weight is a constant: either floats or ints.
type weight struct {
	shape  []int
	floats []float32
	ints   []int64
}

// node is one operator. All operators used here have one output.
type node struct {
	op         string
	inputs     []string // "" stands for an optional input left out
	output     string
	conv       *convolution // the attributes of a Conv
	attributes []attribute  // of any other operator
}

// attribute holds an int, a string or an []int.
type attribute struct {
	name  string
	value any
}

// convolution holds the attributes of Conv; pads are top, left, bottom, right.
type convolution struct {
	group     int
	kernel    [2]int
	strides   [2]int
	dilations [2]int
	pads      [4]int
}

func (c convolution) attributes() []attribute {
	return []attribute{
		{"dilations", c.dilations[:]},
		{"group", c.group},
		{"kernel_shape", c.kernel[:]},
		{"pads", c.pads[:]},
		{"strides", c.strides[:]},
	}
}

// pointwise is a 1x1 convolution that mixes channels and leaves the image's geometry alone.
func pointwise() *convolution {
	return &convolution{group: 1, kernel: [2]int{1, 1}, strides: [2]int{1, 1}, dilations: [2]int{1, 1}}
}

func (c convolution) isPointwise() bool { return c == *pointwise() }

func (g *graph) add(n *node, shape []int) {
	g.nodes = append(g.nodes, n)
	g.shapes[n.output] = shape
}

// producers finds the node behind each value.
func (g *graph) producers() map[string]*node {
	by := make(map[string]*node, len(g.nodes))
	for _, n := range g.nodes {
		by[n.output] = n
	}
	return by
}

// consumers finds the nodes that read each value.
func (g *graph) consumers() map[string][]*node {
	of := make(map[string][]*node, len(g.nodes))
	for _, n := range g.nodes {
		for _, in := range n.inputs {
			of[in] = append(of[in], n)
		}
	}
	return of
}

// replace puts other nodes in the places of some: an empty list drops a node.
func (g *graph) replace(by map[*node][]*node) {
	var nodes []*node
	for _, n := range g.nodes {
		if instead, ok := by[n]; ok {
			nodes = append(nodes, instead...)
			continue
		}
		nodes = append(nodes, n)
	}
	g.nodes = nodes
}
