package planar

import (
	"fmt"
	"math"

	"plumbline/internal/blazepose/tflite"
)

// add lets the convolution that makes one of the operands for this sum only add the other one; else it is a step.
func (l *lowerer) add(s *step, op tflite.Operator, o tflite.Add) error {
	if s.kind = sum; len(op.Inputs) == 2 {
		s.in2 = l.tensors[op.Inputs[1]]
	}
	if s.in2 == nil || s.in.shape() != s.out.shape() || s.in2.shape() != s.out.shape() || s.in.pad+s.in2.pad > 0 {
		return fmt.Errorf("operands of different shapes: %w", errUnsupported)
	}
	last := l.plan.steps[len(l.plan.steps)-1]
	for i, other := range []*tensor{s.in2, s.in} {
		if last.canAdd() && last.out == l.tensors[op.Inputs[i]] && last.out != other && l.uses[op.Inputs[i]] == 1 {
			last.in2, l.tensors[op.Outputs[0]] = other, last.out
			return last.activate(o.Activation)
		}
	}
	l.plan.steps = append(l.plan.steps, s)
	return s.activate(o.Activation)
}

// canAdd tells whether a step may add a tensor to its results before anything else is done with them.
func (s *step) canAdd() bool {
	return s.kind == convolve && s.in2 == nil && math.IsInf(float64(s.low), -1) && math.IsInf(float64(s.high), 1)
}

// count counts what reads each tensor.
func (l *lowerer) count() {
	for _, i := range l.model.Outputs {
		l.uses[i]++
	}
	for _, op := range l.model.Operators {
		for _, i := range op.Inputs {
			l.uses[i]++
		}
	}
}
