//go:build cgo

package planar

/*
#cgo noescape planar_run
#cgo nocallback planar_run
#include "planar.h"
*/
import "C"

import (
	"errors"
	"unsafe"

	"plumbline/internal/blazepose/arena"
)

// Session is a network with its memory. It serves one goroutine at a time.
type Session struct {
	network *Network
	variant C.int
	input   []float32 // three planes without borders
	memory  []float32
	arena   arena.Arena
}

// NewSession makes a session. The network must outlive it.
func (n *Network) NewSession() (*Session, error) {
	in := n.plan.input
	inputs := in.channels * in.height * in.width
	a, err := arena.New(4*n.floats, 4*inputs)
	if err != nil {
		return nil, err
	}
	s := &Session{network: n, variant: variant, arena: a}
	s.memory = unsafe.Slice((*float32)(s.arena.Take(4*n.floats)), n.floats)
	s.input = unsafe.Slice((*float32)(s.arena.Take(4*inputs)), inputs)
	return s, nil
}

// use makes the session run another variant than the best; the processor must have its instructions.
func (s *Session) use(v int) { s.variant = C.int(v) }

// Input is the network's input, to be filled before Run: one plane a channel.
func (s *Session) Input() []float32 { return s.input }

// Output is the network's i-th output in TensorFlow Lite's order, valid until the next Run.
func (s *Session) Output(i int) []float32 {
	at := s.network.results[i]
	return s.memory[at : at+s.network.plan.outputs[i]]
}

// Run runs the network once.
func (s *Session) Run() error {
	s.spreadInput()
	layers := s.network.layers
	if C.planar_run(&layers[0], C.int(len(layers)), s.variant, (*C.float)(&s.memory[0])) != 0 {
		return errors.New("this build has no code for the processor")
	}
	return nil
}

// spreadInput copies the input to where it has borders.
func (s *Session) spreadInput() {
	in := s.network.plan.input
	for c := range in.channels {
		for y := range in.height {
			row := s.input[(c*in.height+y)*in.width:][:in.width]
			copy(s.memory[in.origin()+c*in.plane()+y*in.pitch():], row)
		}
	}
}

// Close frees the session's memory.
func (s *Session) Close() error {
	s.input, s.memory = nil, nil
	return s.arena.Free()
}
