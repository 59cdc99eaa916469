package interleaved

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"plumbline/internal/blazepose/tflite"
)

// kind says what a step does.
type kind int

// In the order of interleaved.h.
const (
	take kind = iota
	dense
	depthwise
	pool
	enlarge
	sum
)

// step is a layer.
type step struct {
	kind                 kind
	in, out              *picture // take: both the network's input
	added                *picture // is added to the results; nil for none
	chained              bool     // makes its input's rows as it needs them
	block                int      // rows made at once
	side, stride, before int      // window: its side, its step, and how many cells lie before the first cell
	low, high            float32
	weights              tflite.Tensor // dense: [out][row][column][in]; depthwise: [row][column][channel]
	bias                 []float32
}

// output is a result: a picture, of which it holds planes.
type output struct {
	picture  *picture
	logistic bool
}

// plan is a network lowered to steps.
type plan struct {
	input   *picture
	outputs []output
	steps   []*step
}

// lowerer builds a plan from a model.
type lowerer struct {
	model    *tflite.Model
	plan     *plan
	pictures map[int]*picture
	padded   map[int]int  // of the result of a PAD: how many cells of zeros lie before the picture
	logistic map[int]bool // results of a LOGISTIC
	wraps    map[int]int  // from the result of a DEQUANTIZE to its operand
	uses     map[int]int  // how many operators and outputs read a tensor
}

var errUnsupported = errors.New("this package does not run it")

// lower makes a plan that computes some of a model's outputs.
func lower(m *tflite.Model, outputs []int) (*plan, error) {
	if len(m.Inputs) != 1 {
		return nil, fmt.Errorf("%d inputs: %w", len(m.Inputs), errUnsupported)
	}
	l := &lowerer{model: m, plan: new(plan), pictures: map[int]*picture{}, padded: map[int]int{}, logistic: map[int]bool{}, wraps: map[int]int{}, uses: map[int]int{}}
	var results []int
	for _, i := range outputs {
		if i >= len(m.Outputs) {
			return nil, fmt.Errorf("the model has %d outputs, not one number %d: %w", len(m.Outputs), i, errUnsupported)
		}
		results = append(results, m.Outputs[i])
	}
	if err := l.input(m.Inputs[0]); err != nil {
		return nil, err
	}
	operators := needed(m.Operators, results)
	l.count(operators, results)
	for _, op := range operators {
		if err := l.operator(op); err != nil {
			return nil, fmt.Errorf("%s: %w", op.Name(), err)
		}
	}
	for _, i := range results {
		p := l.pictures[i]
		if p == nil || l.padded[i] > 0 {
			return nil, fmt.Errorf("output %d is not computed: %w", i, errUnsupported)
		}
		l.plan.outputs = append(l.plan.outputs, output{p, l.logistic[i]})
	}
	return l.plan, nil
}

// needed leaves out the operators that none of the results needs.
func needed(all []tflite.Operator, results []int) []tflite.Operator {
	wanted := map[int]bool{}
	for _, i := range results {
		wanted[i] = true
	}
	var some []tflite.Operator
	for _, op := range slices.Backward(all) {
		if slices.ContainsFunc(op.Outputs, func(i int) bool { return wanted[i] }) {
			some = append(some, op)
			for _, i := range op.Inputs {
				wanted[i] = true
			}
		}
	}
	slices.Reverse(some)
	return some
}

// count counts what reads each tensor.
func (l *lowerer) count(operators []tflite.Operator, results []int) {
	for _, i := range results {
		l.uses[i]++
	}
	for _, op := range operators {
		for _, i := range op.Inputs {
			l.uses[i]++
		}
	}
}

// shape is the height, width and channels of a picture.
func (l *lowerer) shape(i int) (height, width, channels int, err error) {
	s := l.model.Tensors[i].Shape
	if len(s) != 4 || s[0] != 1 || slices.Min(s) < 1 {
		return 0, 0, 0, fmt.Errorf("a tensor of shape %v: %w", s, errUnsupported)
	}
	return s[1], s[2], s[3], nil
}

func (l *lowerer) input(i int) error {
	height, width, channels, err := l.shape(i)
	if err != nil {
		return err
	}
	if channels != 3 {
		return fmt.Errorf("an input of %d channels: %w", channels, errUnsupported)
	}
	in := &picture{height: height, width: width, channels: channels, cell: channels, framed: true}
	l.plan.input, l.pictures[i] = in, in
	l.plan.steps = []*step{{kind: take, in: in, out: in, block: height}}
	return nil
}

func (l *lowerer) operator(op tflite.Operator) error {
	if len(op.Inputs) == 0 || slices.Min(op.Inputs) < 0 || len(op.Outputs) != 1 {
		return fmt.Errorf("%d inputs and %d outputs: %w", len(op.Inputs), len(op.Outputs), errUnsupported)
	}
	in, out := op.Inputs[0], op.Outputs[0]
	if op.Code == tflite.DequantizeOp {
		l.wraps[out] = in
		return nil
	}
	if l.pictures[in] == nil {
		return fmt.Errorf("input %d is not known: %w", in, errUnsupported)
	}
	if l.padded[in] > 0 && op.Code != tflite.Conv2DOp && op.Code != tflite.DepthwiseConv2DOp {
		return fmt.Errorf("a padded input: %w", errUnsupported)
	}
	switch op.Code {
	case tflite.PadOp:
		return l.pad(op)
	case tflite.ReshapeOp, tflite.LogisticOp:
		l.pictures[out] = l.pictures[in]
		l.logistic[out] = l.logistic[in] || op.Code == tflite.LogisticOp
		return nil
	}
	return l.step(op)
}

// step adds a layer.
func (l *lowerer) step(op tflite.Operator) error {
	height, width, channels, err := l.shape(op.Outputs[0])
	if err != nil {
		return err
	}
	s := &step{
		in: l.pictures[op.Inputs[0]], out: newPicture(height, width, channels), block: height,
		low: float32(math.Inf(-1)), high: float32(math.Inf(1)),
	}
	l.pictures[op.Outputs[0]] = s.out
	if s.in == l.plan.input && op.Code != tflite.Conv2DOp || l.logistic[op.Inputs[0]] {
		return fmt.Errorf("it reads input or output: %w", errUnsupported)
	}
	switch o := op.Options.(type) {
	case tflite.Conv2D:
		err = l.convolution(s, op, o)
	case tflite.DepthwiseConv2D:
		err = l.depthwise(s, op, o)
	case tflite.Pool2D:
		err = s.pool(o)
	case tflite.ResizeBilinear:
		err = s.enlarge(o)
	case tflite.Add:
		return l.add(s, op, o)
	default:
		return errUnsupported
	}
	l.plan.steps = append(l.plan.steps, s)
	return err
}

// activate notes an activation.
func (s *step) activate(a tflite.Activation) error {
	switch a {
	case tflite.NoActivation:
	case tflite.Relu:
		s.low = 0
	case tflite.Relu6:
		s.low, s.high = 0, 6
	default:
		return fmt.Errorf("activation %s: %w", a, errUnsupported)
	}
	return nil
}

// beside is how many cells of zeros lie on each side of a row.
const beside = 2

// window notes a convolution's window. Outside the picture lie zeros, whether a PAD or the convolution itself puts them there.
func (s *step) window(c tflite.Conv2D, height, width, padded int) error {
	if height != width || height > 5 || c.StrideH != c.StrideW || c.StrideH < 1 || c.StrideH > 2 || c.DilationH != 1 || c.DilationW != 1 {
		return fmt.Errorf("window %dx%d with strides %d, %d and dilations %d, %d: %w", height, width, c.StrideH, c.StrideW, c.DilationH, c.DilationW, errUnsupported)
	}
	s.side, s.stride, s.before = height, c.StrideH, padded
	after := padded
	if c.Padding == tflite.Same {
		total := func(in, out int) int { return max((out-1)*s.stride+s.side-in, 0) }
		across, down := total(s.in.width, s.out.width), total(s.in.height, s.out.height)
		if padded > 0 || across != down {
			return fmt.Errorf("padding by itself of %d after %d, %d: %w", padded, across, down, errUnsupported)
		}
		s.before, after = across/2, across-across/2
	}
	fits := func(in, out int) bool { return out == (in+s.before+after-s.side)/s.stride+1 }
	if s.before > beside || after > beside || !fits(s.in.height, s.out.height) || !fits(s.in.width, s.out.width) {
		return fmt.Errorf("%dx%d from %dx%d: %w", s.out.height, s.out.width, s.in.height, s.in.width, errUnsupported)
	}
	s.in.framed = s.in.framed || s.side > 1
	return s.activate(c.Activation)
}

func (l *lowerer) convolution(s *step, op tflite.Operator, c tflite.Conv2D) error {
	s.kind = dense
	weights, err := l.constants(s, op)
	if err != nil {
		return err
	}
	shape := weights.Shape
	if len(shape) != 4 || shape[0] != s.out.channels || shape[3] != s.in.channels {
		return fmt.Errorf("weights of shape %v: %w", shape, errUnsupported)
	}
	if shape[1] > 1 && s.in.cell != s.in.channels {
		return fmt.Errorf("a window on %d channels: %w", s.in.channels, errUnsupported)
	}
	return s.window(c, shape[1], shape[2], l.padded[op.Inputs[0]])
}

func (l *lowerer) depthwise(s *step, op tflite.Operator, c tflite.DepthwiseConv2D) error {
	s.kind = depthwise
	weights, err := l.constants(s, op)
	if err != nil {
		return err
	}
	shape := weights.Shape
	if len(shape) != 4 || shape[0] != 1 || shape[3] != s.in.channels || s.out.channels != s.in.channels {
		return fmt.Errorf("weights of shape %v: %w", shape, errUnsupported)
	}
	return s.window(c.Conv2D, shape[1], shape[2], l.padded[op.Inputs[0]])
}

// constants notes an operator's weights and bias.
func (l *lowerer) constants(s *step, op tflite.Operator) (weights tflite.Tensor, err error) {
	if len(op.Inputs) != 3 {
		return weights, fmt.Errorf("%d inputs: %w", len(op.Inputs), errUnsupported)
	}
	if s.bias, err = l.constant(op.Inputs[2]).Float32s(); err != nil {
		return weights, err
	}
	if len(s.bias) != s.out.channels {
		return weights, fmt.Errorf("%d biases: %w", len(s.bias), errUnsupported)
	}
	s.weights = l.constant(op.Inputs[1])
	return s.weights, nil
}

// constant is the tensor within a DEQUANTIZE.
func (l *lowerer) constant(i int) tflite.Tensor {
	if from, ok := l.wraps[i]; ok {
		i = from
	}
	return l.model.Tensors[i]
}

func (s *step) pool(o tflite.Pool2D) error {
	s.kind = pool
	halved := s.in.height == 2*s.out.height && s.in.width == 2*s.out.width && s.in.channels == s.out.channels
	if o.FilterH != 2 || o.FilterW != 2 || o.StrideH != 2 || o.StrideW != 2 || !halved {
		return fmt.Errorf("%dx%d with strides %d, %d of %dx%d: %w", o.FilterH, o.FilterW, o.StrideH, o.StrideW, s.in.height, s.in.width, errUnsupported)
	}
	return s.activate(o.Activation)
}

func (s *step) enlarge(o tflite.ResizeBilinear) error {
	s.kind = enlarge
	doubled := s.out.height == 2*s.in.height && s.out.width == 2*s.in.width && s.in.channels == s.out.channels
	if !o.HalfPixelCenters || o.AlignCorners || !doubled {
		return fmt.Errorf("%dx%d to %dx%d: %w", s.in.height, s.in.width, s.out.height, s.out.width, errUnsupported)
	}
	return nil
}

// add lets the step before, where it makes one of the operands for this sum only, add the other one; else it is a step.
func (l *lowerer) add(s *step, op tflite.Operator, o tflite.Add) error {
	if len(op.Inputs) != 2 || l.pictures[op.Inputs[1]] == nil || l.padded[op.Inputs[1]] > 0 || l.logistic[op.Inputs[1]] {
		return fmt.Errorf("operands %v: %w", op.Inputs, errUnsupported)
	}
	s.kind, s.added = sum, l.pictures[op.Inputs[1]]
	if !s.in.alike(s.out) || !s.added.alike(s.out) {
		return fmt.Errorf("operands of different shapes: %w", errUnsupported)
	}
	if last := l.plan.steps[len(l.plan.steps)-1]; last.canAdd() {
		switch {
		case last.out == s.in && l.uses[op.Inputs[0]] == 1:
			return l.addTo(last, s.added, op, o)
		case last.out == s.added && l.uses[op.Inputs[1]] == 1:
			return l.addTo(last, s.in, op, o)
		}
	}
	l.plan.steps = append(l.plan.steps, s)
	return s.activate(o.Activation)
}

// canAdd tells whether a step may add a picture to its results before anything else is done with them.
func (s *step) canAdd() bool {
	return s.kind != take && s.kind != depthwise && s.kind != sum && s.added == nil && math.IsInf(float64(s.low), -1) && math.IsInf(float64(s.high), 1)
}

func (l *lowerer) addTo(last *step, other *picture, op tflite.Operator, o tflite.Add) error {
	last.added = other
	l.pictures[op.Outputs[0]] = last.out
	return last.activate(o.Activation)
}

// pad notes that zeros lie around a picture: windows find them there anyway.
func (l *lowerer) pad(op tflite.Operator) error {
	if len(op.Inputs) != 2 {
		return errUnsupported
	}
	amounts, err := l.model.Tensors[op.Inputs[1]].Int32s()
	if err != nil {
		return err
	}
	if len(amounts) == 8 && slices.Equal(amounts[:7], make([]int, 7)) {
		return l.padChannels(op, amounts[7])
	}
	if len(amounts) != 8 || !slices.Equal(amounts, []int{0, 0, amounts[2], amounts[2], amounts[2], amounts[2], 0, 0}) || amounts[2] < 1 {
		return fmt.Errorf("amounts %v: %w", amounts, errUnsupported)
	}
	l.pictures[op.Outputs[0]], l.padded[op.Outputs[0]] = l.pictures[op.Inputs[0]], amounts[2]
	return nil
}

// padChannels lets the MAX_POOL_2D before make more channels, of zeros.
func (l *lowerer) padChannels(op tflite.Operator, more int) error {
	last := l.plan.steps[len(l.plan.steps)-1]
	if last.kind != pool || !last.canAdd() || last.out != l.pictures[op.Inputs[0]] || l.uses[op.Inputs[0]] > 1 || last.out.channels%group > 0 || more < 1 {
		return fmt.Errorf("%d more channels: %w", more, errUnsupported)
	}
	*last.out = *newPicture(last.out.height, last.out.width, last.out.channels+more)
	l.pictures[op.Outputs[0]] = last.out
	return nil
}
