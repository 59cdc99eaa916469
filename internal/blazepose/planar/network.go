//go:build cgo

package planar

// #include "planar.h"
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
var variantNumbers = map[string]int{"AVX2": C.PLANAR_AVX2, "AVX-512": C.PLANAR_AVX512, "NEON": C.PLANAR_NEON}

// variant is the best one that this processor can run.
var variant = func() C.int {
	switch {
	case cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL:
		return C.PLANAR_AVX512
	case cpu.X86.HasAVX2 && cpu.X86.HasFMA:
		return C.PLANAR_AVX2
	case cpu.ARM64.HasASIMD:
		return C.PLANAR_NEON
	}
	return C.PLANAR_NONE
}()

// Network is a network ready to run, in memory of its own. Any number of sessions share it.
type Network struct {
	plan    *plan
	arena   arena.Arena
	layers  []C.struct_layer // in the arena, as what they point to
	floats  int              // memory of a session
	results []int            // where each output begins in it
}

// New lowers a model. It fails for models that this package does not run, and on processors that it does not know.
func New(m *tflite.Model) (*Network, error) {
	if variant == C.PLANAR_NONE {
		return nil, errors.New("this processor has neither AVX2 with FMA nor NEON")
	}
	p, err := lower(m)
	if err != nil {
		return nil, fmt.Errorf("lowering the network: %w", err)
	}
	p.pair()
	n := &Network{plan: p}
	n.floats = p.place()
	for _, count := range p.outputs {
		n.results = append(n.results, n.floats)
		n.floats += roundUp(count)
	}
	n.floats += 8 * vector // what vectors read beyond the last plane
	sizes := []int{len(p.steps) * C.sizeof_struct_layer}
	for _, s := range p.steps {
		sizes = append(sizes, 4*len(s.bias), 4*len(s.weights))
		if s.kind == convolve {
			sizes = append(sizes, 4*len(s.rows.weights), 4*len(s.rows.weights), C.sizeof_struct_list*s.lists())
		}
	}
	if n.arena, err = arena.New(sizes...); err != nil {
		return nil, err
	}
	n.layers = unsafe.Slice((*C.struct_layer)(n.arena.Take(sizes[0])), len(p.steps))
	for i, s := range p.steps {
		n.layers[i] = n.layer(s)
		s.rows, s.weights, s.bias = nil, nil, nil
	}
	return n, nil
}

// layer writes a step down for the C code.
func (n *Network) layer(s *step) C.struct_layer {
	l := C.struct_layer{
		kind: C.int32_t(s.kind), in: C.int64_t(s.in.origin()),
		channels: C.int32_t(s.in.channels), height: C.int32_t(s.in.height), width: C.int32_t(s.in.width),
		pitch: C.int32_t(s.in.pitch()), plane: C.int32_t(s.in.plane()),
		side: C.int32_t(s.side), stride: C.int32_t(s.stride), low: C.float(s.low), high: C.float(s.high), in2: -1,
	}
	if s.in2 != nil {
		l.in2 = C.int64_t(s.in2.origin())
	}
	if s.kind == collect {
		l.out = C.int64_t(n.results[s.output] + s.to)
		return l
	}
	l.out = C.int64_t(s.out.origin())
	l.out_channels, l.out_height, l.out_width = C.int32_t(s.out.channels), C.int32_t(s.out.height), C.int32_t(s.out.width)
	l.out_pitch, l.out_plane = C.int32_t(s.out.pitch()), C.int32_t(s.out.plane())
	l.bias = n.floatsInC(s.bias)
	l.weights = n.floatsInC(s.weights)
	if s.kind == convolve {
		l.together = C.int32_t(s.out.kept)
		n.sparse(s, &l)
	}
	return l
}

// lists is how many lists of weights a convolution has.
func (s *step) lists() int { return (s.in.channels + run - 1) / run * s.out.channels }

// sparse packs the weights that are not zero.
func (n *Network) sparse(s *step, l *C.struct_layer) {
	count, lists := len(s.rows.weights), s.lists()
	l.runs = C.int32_t(lists / s.out.channels)
	l.weights, l.offsets = (*C.float)(n.arena.Take(4*count)), (*C.uint32_t)(n.arena.Take(4*count))
	l.lists = (*C.struct_list)(n.arena.Take(C.sizeof_struct_list * lists))
	s.rows.pack(s.in.channels, run, s.in.plane(), unsafe.Slice((*float32)(l.weights), count),
		unsafe.Slice((*uint32)(l.offsets), count), unsafe.Slice((*list)(unsafe.Pointer(l.lists)), lists))
}

func (n *Network) floatsInC(values []float32) *C.float {
	to := n.arena.Take(4 * len(values))
	copy(unsafe.Slice((*float32)(to), len(values)), values)
	return (*C.float)(to)
}

// Close gives the memory back. All sessions must be closed before.
func (n *Network) Close() error {
	n.layers = nil
	return n.arena.Free()
}
