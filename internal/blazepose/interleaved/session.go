//go:build cgo

package interleaved

/*
#cgo noescape interleaved_run
#cgo nocallback interleaved_run
#include "interleaved.h"
*/
import "C"

import (
	"errors"
	"math"
	"unsafe"

	"plumbline/internal/blazepose/arena"
)

// Session is a network with its memory. It serves one goroutine at a time.
type Session struct {
	network *Network
	variant C.int
	arena   arena.Arena
	job     *C.struct_session
	input   []float32 // planes
	memory  []float32 // pictures
}

// NewSession makes a session. The network must outlive it.
func (n *Network) NewSession() (*Session, error) {
	in := n.plan.input
	planes, steps := in.channels*in.height*in.width, len(n.steps)
	s := &Session{network: n, variant: variant}
	sizes := []int{C.sizeof_struct_session, 4 * planes, 4 * n.floats, 4 * scratch, 4 * steps}
	var err error
	if s.arena, err = arena.New(sizes...); err != nil {
		return nil, err
	}
	s.job = (*C.struct_session)(s.arena.Take(sizes[0]))
	s.input = unsafe.Slice((*float32)(s.arena.Take(sizes[1])), planes)
	s.memory = unsafe.Slice((*float32)(s.arena.Take(sizes[2])), n.floats)
	*s.job = C.struct_session{
		planes: (*C.float)(&s.input[0]), memory: (*C.float)(&s.memory[0]),
		scratch: (*C.float)(s.arena.Take(sizes[3])), made: (*C.int32_t)(s.arena.Take(sizes[4])),
	}
	return s, nil
}

// use makes the session run another variant than the best; the processor must have its instructions.
func (s *Session) use(v int) { s.variant = C.int(v) }

// Input is the network's input, to be filled before Run: one plane a channel.
func (s *Session) Input() []float32 { return s.input }

// Output is the i-th of the wanted outputs, laid out as Network.Layout says, valid until the next Run.
func (s *Session) Output(i int) []float32 {
	p := s.network.plan.outputs[i].picture
	return s.memory[p.origin() : p.origin()+p.height*p.pitch()]
}

// Run runs the network once.
func (s *Session) Run() error {
	steps := s.network.steps
	if C.interleaved_run(&steps[0], C.int(len(steps)), s.variant, s.job) != 0 {
		return errors.New("this build has no code for the processor")
	}
	for i, o := range s.network.plan.outputs {
		if !o.logistic {
			continue
		}
		values := s.Output(i)
		for j, v := range values {
			values[j] = float32(1 / (1 + math.Exp(-float64(v))))
		}
	}
	return nil
}

// Close frees the session's memory.
func (s *Session) Close() error {
	s.job, s.input, s.memory = nil, nil, nil
	return s.arena.Free()
}
