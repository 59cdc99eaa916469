package planar

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"plumbline/internal/blazepose/tflite"
)

// tensor is a picture of channels as it lies in memory.
type tensor struct {
	channels, height, width int
	pad                     int     // of a PAD: how many cells of zeros lie around the picture
	kept                    int     // planes that are in memory at a time; 0: all
	of                      *tensor // of a PAD: what it pads, which lies in the same place; else nil
	at                      int     // where it begins in memory, in floats; set by place
	made, used              int     // the steps that write it and that last read it; set by place
}

// root is the tensor whose place is used.
func (t *tensor) root() *tensor {
	if t.of != nil {
		return t.of
	}
	return t
}

// origin is where its first number lies, in floats.
func (t *tensor) origin() int { return t.root().at + t.border() }

func (t *tensor) pitch() int { return t.width + 2 }

// border is what lies before the first and after the last row of a plane: a window of 5 x 5 sees two rows and two cells of it,
// and vectors write up to a vector into it.
func (t *tensor) border() int { return roundUp(2*t.pitch()+2) + vector }

func (t *tensor) plane() int { return roundUp(t.height*t.pitch()) + t.border() }

func (t *tensor) size() int {
	planes := t.channels
	if t.kept > 0 {
		planes = t.kept
	}
	return t.border() + planes*t.plane()
}

// vector is the longest vector in floats. Places are multiples of it.
const vector = 16

func roundUp(n int) int { return (n + vector - 1) / vector * vector }

// kind says what a step does.
type kind int

// In the order of planar.h.
const (
	convolve kind = iota
	depthwise
	first
	sum
	enlarge
	spread
	collect
)

// step is a layer before it is placed in memory.
type step struct {
	kind         kind
	in, in2, out *tensor // in2: a summand, or nil
	to           int     // collect: where in the outputs
	output       int     // collect: which output
	side, stride int
	low, high    float32
	rows         *rows     // convolve: its weights
	weights      []float32 // first: [out][row][column][colour]; depthwise: [channel][row][column]
	bias         []float32
}

// plan is a network lowered to steps.
type plan struct {
	input   *tensor
	outputs []int // how many numbers each has
	steps   []*step
}

// lowerer builds a plan from a model.
type lowerer struct {
	model      *tflite.Model
	plan       *plan
	tensors    map[int]*tensor
	flat       map[int]*tensor // what RESHAPE made for CONCATENATION
	constantOf map[int]int     // from the result of a DEQUANTIZE or DENSIFY to its operand
	uses       map[int]int     // how many operators and outputs read a tensor
}

var errUnsupported = errors.New("this package does not run it")

func lower(m *tflite.Model) (*plan, error) {
	l := &lowerer{model: m, plan: new(plan), tensors: map[int]*tensor{}, flat: map[int]*tensor{}, constantOf: map[int]int{}, uses: map[int]int{}}
	l.count()
	if len(m.Inputs) != 1 {
		return nil, fmt.Errorf("%d inputs: %w", len(m.Inputs), errUnsupported)
	}
	input, err := l.declare(m.Inputs[0])
	if err != nil {
		return nil, err
	}
	l.plan.input = input
	for i, op := range m.Operators {
		if err := l.operator(op); err != nil {
			return nil, fmt.Errorf("operator %d, %s: %w", i, op.Name(), err)
		}
	}
	if len(l.plan.outputs) != len(m.Outputs) {
		return nil, fmt.Errorf("outputs that are no concatenation: %w", errUnsupported)
	}
	return l.plan, nil
}

// declare makes the tensor that an operator writes.
func (l *lowerer) declare(i int) (*tensor, error) {
	s := l.model.Tensors[i].Shape
	if len(s) != 4 || s[0] != 1 {
		return nil, fmt.Errorf("a tensor of shape %v: %w", s, errUnsupported)
	}
	t := &tensor{height: s[1], width: s[2], channels: s[3]}
	l.tensors[i] = t
	return t, nil
}

func (l *lowerer) operator(op tflite.Operator) error {
	if len(op.Inputs) == 0 || slices.Min(op.Inputs) < 0 || len(op.Outputs) != 1 {
		return fmt.Errorf("%d inputs and %d outputs: %w", len(op.Inputs), len(op.Outputs), errUnsupported)
	}
	switch op.Code {
	case tflite.DequantizeOp, tflite.DensifyOp:
		l.constantOf[op.Outputs[0]] = op.Inputs[0]
		return nil
	case tflite.ReshapeOp:
		l.flat[op.Outputs[0]] = l.tensors[op.Inputs[0]]
		return nil
	case tflite.ConcatenationOp:
		return l.concatenate(op)
	case tflite.PadOp:
		return l.pad(op)
	}
	in := l.tensors[op.Inputs[0]]
	if in == nil {
		return fmt.Errorf("input %d is not known: %w", op.Inputs[0], errUnsupported)
	}
	out, err := l.declare(op.Outputs[0])
	if err != nil {
		return err
	}
	s := &step{in: in, out: out, low: float32(math.Inf(-1)), high: float32(math.Inf(1))}
	if o, ok := op.Options.(tflite.Add); ok {
		return l.add(s, op, o)
	}
	l.plan.steps = append(l.plan.steps, s)
	switch o := op.Options.(type) {
	case tflite.Conv2D:
		return l.convolution(s, op, o)
	case tflite.DepthwiseConv2D:
		return l.depthwise(s, op, o)
	case tflite.ResizeBilinear:
		return s.enlarge(o)
	case tflite.DepthToSpace:
		return s.spread(o)
	}
	return errUnsupported
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

// widest is the widest picture that a window moves over, as in planar.h.
const widest = 256

// window checks that a convolution's window lies as this package lays it: padded by half its side all around.
func (s *step) window(c tflite.Conv2D, height, width int) error {
	s.side, s.stride = height, c.StrideH
	reach := s.side / 2
	padded := s.in.pad == reach && c.Padding == tflite.Valid || s.in.pad == 0 && c.Padding == tflite.Same && c.StrideH == 1
	switch {
	case s.in.width > widest:
		return fmt.Errorf("a picture %d wide: %w", s.in.width, errUnsupported)
	case height != width || c.StrideH != c.StrideW || c.DilationH != 1 || c.DilationW != 1:
		return fmt.Errorf("window %dx%d with strides %d, %d and dilations %d, %d: %w", height, width, c.StrideH, c.StrideW, c.DilationH, c.DilationW, errUnsupported)
	case s.side > 1 && !padded:
		return fmt.Errorf("window of %d with padding %d: %w", s.side, s.in.pad, errUnsupported)
	case s.side == 1 && s.in.pad != 0:
		return fmt.Errorf("a padded 1x1 window: %w", errUnsupported)
	case s.out.height != (s.in.height+c.StrideH-1)/c.StrideH || s.out.width != (s.in.width+c.StrideH-1)/c.StrideH:
		return fmt.Errorf("%dx%d from %dx%d: %w", s.out.height, s.out.width, s.in.height, s.in.width, errUnsupported)
	}
	return s.activate(c.Activation)
}

func (l *lowerer) convolution(s *step, op tflite.Operator, c tflite.Conv2D) (err error) {
	if len(op.Inputs) != 3 {
		return fmt.Errorf("%d inputs: %w", len(op.Inputs), errUnsupported)
	}
	shape := l.model.Tensors[op.Inputs[1]].Shape
	if len(shape) != 4 || shape[0] != s.out.channels || shape[3] != s.in.channels {
		return fmt.Errorf("weights of shape %v: %w", shape, errUnsupported)
	}
	if err := s.window(c, shape[1], shape[2]); err != nil {
		return err
	}
	switch {
	case s.side == 1 && s.stride == 1:
		return l.convolution1x1(s, op)
	case s.side == 3 && s.stride == 2 && s.in.channels == 3 && s.out.channels%4 == 0:
		s.kind = first
	default:
		return fmt.Errorf("window of %d with stride %d on %d channels: %w", s.side, s.stride, s.in.channels, errUnsupported)
	}
	s.weights, s.bias, err = l.constants(op, s.out.channels*s.side*s.side*s.in.channels, s.out.channels)
	return err
}

func (l *lowerer) convolution1x1(s *step, op tflite.Operator) (err error) {
	s.kind = convolve
	if s.in.channels > math.MaxUint16 {
		return fmt.Errorf("%d channels: %w", s.in.channels, errUnsupported)
	}
	stored, ok := storedRows(l.model.Tensors[l.wrapped(op.Inputs[1])])
	if s.bias, err = l.constant(op.Inputs[2]); err != nil {
		return err
	}
	if len(s.bias) != s.out.channels {
		return fmt.Errorf("%d biases: %w", len(s.bias), errUnsupported)
	}
	if s.rows = stored; ok {
		return nil
	}
	weights, err := l.constant(op.Inputs[1])
	if err != nil {
		return err
	}
	if len(weights) != s.in.channels*s.out.channels {
		return fmt.Errorf("%d weights: %w", len(weights), errUnsupported)
	}
	s.rows = denseRows(weights, s.in.channels)
	return nil
}

func (l *lowerer) depthwise(s *step, op tflite.Operator, c tflite.DepthwiseConv2D) error {
	if len(op.Inputs) != 3 {
		return fmt.Errorf("%d inputs: %w", len(op.Inputs), errUnsupported)
	}
	shape := l.model.Tensors[op.Inputs[1]].Shape
	if len(shape) != 4 || shape[3] != s.in.channels || s.out.channels != s.in.channels {
		return fmt.Errorf("weights of shape %v: %w", shape, errUnsupported)
	}
	if err := s.window(c.Conv2D, shape[1], shape[2]); err != nil {
		return err
	}
	if s.kind = depthwise; s.side != 3 && s.side != 5 || s.stride > 2 {
		return fmt.Errorf("window of %d with stride %d: %w", s.side, s.stride, errUnsupported)
	}
	cells := s.side * s.side
	weights, bias, err := l.constants(op, cells*s.in.channels, s.in.channels)
	if err != nil {
		return err
	}
	s.bias, s.weights = bias, make([]float32, len(weights))
	for i := range cells {
		for c := range s.in.channels {
			s.weights[c*cells+i] = weights[i*s.in.channels+c]
		}
	}
	return nil
}

func (t *tensor) shape() [3]int { return [3]int{t.channels, t.height, t.width} }

func (s *step) enlarge(o tflite.ResizeBilinear) error {
	s.kind = enlarge
	doubled := [3]int{s.in.channels, 2 * s.in.height, 2 * s.in.width}
	if !o.HalfPixelCenters || o.AlignCorners || s.in.pad > 0 || s.out.shape() != doubled {
		return fmt.Errorf("%v to %v: %w", s.in.shape(), s.out.shape(), errUnsupported)
	}
	return nil
}

func (s *step) spread(o tflite.DepthToSpace) error {
	s.kind = spread
	if o.BlockSize != 2 || s.in.pad > 0 || s.in.shape() != [3]int{4 * s.out.channels, s.out.height / 2, s.out.width / 2} {
		return fmt.Errorf("blocks of %d: %w", o.BlockSize, errUnsupported)
	}
	return nil
}

// pad notes that zeros lie around a tensor: convolutions find them there anyway.
func (l *lowerer) pad(op tflite.Operator) error {
	in := l.tensors[op.Inputs[0]]
	if len(op.Inputs) != 2 {
		return errUnsupported
	}
	amounts, err := l.model.Tensors[op.Inputs[1]].Int32s()
	if err != nil {
		return err
	}
	if in == nil || in.of != nil || len(amounts) != 8 {
		return errUnsupported
	}
	p := amounts[2]
	for i, a := range amounts {
		if inside := i >= 2 && i < 6; inside && a != p || !inside && a != 0 {
			return fmt.Errorf("amounts %v: %w", amounts, errUnsupported)
		}
	}
	l.tensors[op.Outputs[0]] = &tensor{channels: in.channels, height: in.height, width: in.width, pad: p, of: in}
	return nil
}

// concatenate collects an output's parts. Nothing else is concatenated in this network.
func (l *lowerer) concatenate(op tflite.Operator) error {
	output := -1
	for i, o := range l.model.Outputs {
		if o == op.Outputs[0] {
			output = i
		}
	}
	shape := l.model.Tensors[op.Outputs[0]].Shape
	o, _ := op.Options.(tflite.Concatenation)
	if output < 0 || len(shape) != 3 || shape[0] != 1 || o.Axis != 1 || o.Activation != tflite.NoActivation {
		return errUnsupported
	}
	to := 0
	for _, i := range op.Inputs {
		t := l.flat[i]
		if t == nil || t.of != nil {
			return errUnsupported
		}
		l.plan.steps = append(l.plan.steps, &step{kind: collect, in: t, to: to, output: output})
		to += t.channels * t.height * t.width
	}
	for len(l.plan.outputs) <= output {
		l.plan.outputs = append(l.plan.outputs, 0)
	}
	l.plan.outputs[output] = to
	return nil
}

// constants reads an operator's weights and bias.
func (l *lowerer) constants(op tflite.Operator, weights, bias int) (w, b []float32, err error) {
	if w, err = l.constant(op.Inputs[1]); err != nil {
		return nil, nil, err
	}
	if b, err = l.constant(op.Inputs[2]); err != nil {
		return nil, nil, err
	}
	if len(w) != weights || len(b) != bias {
		return nil, nil, fmt.Errorf("%d weights and %d biases: %w", len(w), len(b), errUnsupported)
	}
	return w, b, nil
}

func (l *lowerer) constant(i int) ([]float32, error) {
	return l.model.Tensors[l.wrapped(i)].Float32s()
}

// wrapped is the tensor within DEQUANTIZE and DENSIFY.
func (l *lowerer) wrapped(i int) int {
	for {
		from, ok := l.constantOf[i]
		if !ok {
			return i
		}
		i = from
	}
}
