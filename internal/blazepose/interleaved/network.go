//go:build cgo

package interleaved

// #include "interleaved.h"
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/cpu"

	"plumbline/internal/blazepose/arena"
	"plumbline/internal/blazepose/tflite"
)

// variantNumbers names the instruction sets that there is code for.
var variantNumbers = map[string]int{"AVX2": C.INTERLEAVED_AVX2, "AVX-512": C.INTERLEAVED_AVX512, "NEON": C.INTERLEAVED_NEON}

// variant is the best one that this processor can run.
var variant = func() C.int {
	switch {
	case cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL:
		return C.INTERLEAVED_AVX512
	case cpu.X86.HasAVX2 && cpu.X86.HasFMA && C.interleaved_widens() != 0:
		return C.INTERLEAVED_AVX2
	case cpu.ARM64.HasASIMD:
		return C.INTERLEAVED_NEON
	}
	return C.INTERLEAVED_NONE
}()

// scratch is how many weights are widened at once.
const scratch = C.RUN * panelGroups * group

// Network is a network ready to run, in memory of its own. Any number of sessions share it.
type Network struct {
	plan   *plan
	arena  arena.Arena
	steps  []C.struct_step // in the arena, as what they point to
	floats int             // of a session's pictures
}

// New lowers a model as far as some of its outputs need it, in TensorFlow Lite's numbering. It fails for models that this
// package does not run, and on processors that it does not know. The model's file is not needed any longer.
func New(m *tflite.Model, outputs []int) (*Network, error) {
	if variant == C.INTERLEAVED_NONE {
		return nil, errors.New("this processor has neither AVX2 with FMA and F16C nor NEON")
	}
	p, err := lower(m, outputs)
	if err != nil {
		return nil, fmt.Errorf("lowering the network: %w", err)
	}
	n := &Network{plan: p, floats: p.layOut()}
	sizes := []int{len(p.steps) * C.sizeof_struct_step}
	for _, s := range p.steps {
		sizes = append(sizes, s.weightBytes(), 4*len(s.bias)+4*group)
	}
	if n.arena, err = arena.New(sizes...); err != nil {
		return nil, err
	}
	n.steps = unsafe.Slice((*C.struct_step)(n.arena.Take(sizes[0])), len(p.steps))
	for i, s := range p.steps {
		n.steps[i] = stepInC(s)
		if err := n.weights(s, &n.steps[i], sizes[1+2*i], sizes[2+2*i]); err != nil {
			return nil, errors.Join(fmt.Errorf("packing the weights of step %d: %w", i, err), n.Close())
		}
		s.weights, s.bias = tflite.Tensor{}, nil
	}
	return n, nil
}

// stepInC is a step for the C code, but for its weights.
func stepInC(s *step) C.struct_step {
	c := C.struct_step{
		kind: C.int32_t(s.kind), block: C.int32_t(s.block), side: C.int32_t(s.side), stride: C.int32_t(s.stride), before: C.int32_t(s.before),
		in: pictureInC(s.in), out: pictureInC(s.out), added: -1, low: C.float(s.low), high: C.float(s.high),
		panels: C.int32_t(panelsOf(s.out.channels)),
	}
	if s.chained {
		c.chained = 1
	}
	if s.halves() {
		c.halves = 1
	}
	if s.added != nil {
		c.added = C.int64_t(s.added.origin())
	}
	return c
}

func pictureInC(p *picture) C.struct_picture {
	c := C.struct_picture{
		at: C.int64_t(p.origin()), height: C.int32_t(p.height), width: C.int32_t(p.width), channels: C.int32_t(p.channels),
		cell: C.int32_t(p.cell), pitch: C.int32_t(p.pitch()), slots: C.int32_t(p.slots),
	}
	if p.framed {
		c.framed = 1
	}
	return c
}

// weights packs a step's weights and biases.
func (n *Network) weights(s *step, c *C.struct_step, weightBytes, biasBytes int) error {
	packed, bias := n.arena.Take(weightBytes), n.arena.Take(biasBytes)
	c.weights, c.bias = packed, (*C.float)(bias)
	copy(unsafe.Slice((*float32)(bias), biasBytes/4), s.bias)
	switch {
	case s.halves():
		packDense(halves(s.weights), s.out.channels, s.depth(), unsafe.Slice((*uint16)(packed), weightBytes/2))
		return nil
	case s.kind != dense && s.kind != depthwise:
		return nil
	}
	weights, err := s.weights.Float32s()
	if err != nil {
		return err
	}
	if to := unsafe.Slice((*float32)(packed), weightBytes/4); s.kind == dense {
		packDense(weights, s.out.channels, s.depth(), to)
	} else {
		packDepthwise(weights, s.side, s.out.channels, to)
	}
	return nil
}

// Layout tells how far numbers of an output lie apart: from a channel to the next, from a row, from a column.
func (n *Network) Layout(output int) (channel, row, column int) {
	p := n.plan.outputs[output].picture
	return 1, p.pitch(), p.cell
}

// Shape is the height, width and channels of an output; of the input where it is negative.
func (n *Network) Shape(output int) (height, width, channels int) {
	p := n.plan.input
	if output >= 0 {
		p = n.plan.outputs[output].picture
	}
	return p.height, p.width, p.channels
}

// Close gives the memory back. All sessions must be closed before.
func (n *Network) Close() error {
	n.steps = nil
	return n.arena.Free()
}
