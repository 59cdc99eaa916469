package tflite

import "fmt"

// validate checks what a reader of the model may then rely on: indices are in range, shapes are sane, dense constants have
// the length their shape says, and each operator's inputs exist before it runs (so there is no cycle).
func (m *Model) validate() error {
	ready := make([]bool, len(m.Tensors))
	for i, t := range m.Tensors {
		if err := t.validate(); err != nil {
			return fmt.Errorf("tensor %d (%s): %w", i, t.Name, err)
		}
		ready[i] = t.Data != nil
	}
	if err := markReady(ready, m.Inputs); err != nil {
		return fmt.Errorf("inputs of the graph: %w", err)
	}
	for i, op := range m.Operators {
		if err := needReady(ready, op.Inputs, true); err != nil {
			return fmt.Errorf("inputs of operator %d (%s): %w", i, op.Name(), err)
		}
		if err := markReady(ready, op.Outputs); err != nil {
			return fmt.Errorf("outputs of operator %d (%s): %w", i, op.Name(), err)
		}
	}
	if err := needReady(ready, m.Outputs, false); err != nil {
		return fmt.Errorf("outputs of the graph: %w", err)
	}
	return nil
}

func (t Tensor) validate() error {
	elements := 1
	for _, size := range t.Shape {
		if size < 0 || size > maxElements || elements*size > maxElements {
			return fmt.Errorf("shape %v is negative or has more than %d elements", t.Shape, maxElements)
		}
		elements *= size
	}
	width := t.Type.width()
	if t.Data == nil || t.Sparsity != nil || width == 0 {
		return nil
	}
	if len(t.Data) != elements*width {
		return fmt.Errorf("%d bytes of data for %d elements of %s", len(t.Data), elements, t.Type)
	}
	return nil
}

// markReady notes tensors that an operator or the caller provides; each has one source.
func markReady(ready []bool, tensors []int) error {
	for _, t := range tensors {
		if t < 0 || t >= len(ready) {
			return fmt.Errorf("there is no tensor %d", t)
		}
		if ready[t] {
			return fmt.Errorf("tensor %d has a value already", t)
		}
		ready[t] = true
	}
	return nil
}

func needReady(ready []bool, tensors []int, optional bool) error {
	for _, t := range tensors {
		if t == -1 && optional {
			continue
		}
		if t < 0 || t >= len(ready) {
			return fmt.Errorf("there is no tensor %d", t)
		}
		if !ready[t] {
			return fmt.Errorf("tensor %d has no value yet", t)
		}
	}
	return nil
}
