//go:build cgo

package ort

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	binding "github.com/yalue/onnxruntime_go"
)

// Session is a network with its input and outputs allocated. It serves one goroutine at a time.
type Session struct {
	session *binding.AdvancedSession
	input   *binding.Tensor[float32]
	outputs []*binding.Tensor[float32]
	memory  [][]byte // of input and outputs
}

// newSession opens a network given by its bytes, which must outlive the session.
func newSession(network []byte, sig Signature, options *binding.SessionOptions) (*Session, error) {
	s := &Session{}
	if err := s.open(network, sig, options); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Session) open(network []byte, sig Signature, options *binding.SessionOptions) (err error) {
	if s.input, err = s.tensor(sig.Input); err != nil {
		return err
	}
	var names []string
	var values []binding.Value
	for _, port := range sig.Outputs {
		t, err := s.tensor(port)
		if err != nil {
			return err
		}
		s.outputs = append(s.outputs, t)
		names, values = append(names, port.Name), append(values, t)
	}
	s.session, err = binding.NewAdvancedSessionWithONNXData(network,
		[]string{sig.Input.Name}, names, []binding.Value{s.input}, values, options)
	return err
}

// tensor allocates a port's values outside of Go's memory, because ONNX Runtime keeps their address.
func (s *Session) tensor(p Port) (*binding.Tensor[float32], error) {
	shape := binding.NewShape(p.Shape...)
	if err := shape.Validate(); err != nil {
		return nil, fmt.Errorf("allocating %s: %w", p, err)
	}
	memory, err := syscall.Mmap(-1, 0, 4*int(shape.FlattenedSize()), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("allocating %s: %w", p, err)
	}
	s.memory = append(s.memory, memory)
	t, err := binding.NewTensor(shape, unsafe.Slice((*float32)(unsafe.Pointer(&memory[0])), shape.FlattenedSize()))
	if err != nil {
		return nil, fmt.Errorf("allocating %s: %w", p, err)
	}
	return t, nil
}

// Input is the network's input, to be filled before Run.
func (s *Session) Input() []float32 { return s.input.GetData() }

// Output is the network's i-th output, valid until the next Run.
func (s *Session) Output(i int) []float32 { return s.outputs[i].GetData() }

// Run runs the network once.
func (s *Session) Run() error { return s.session.Run() }

// Close frees the session. Its input and outputs must not be used afterwards.
func (s *Session) Close() error {
	var errs []error
	if s.session != nil {
		errs = append(errs, s.session.Destroy())
		s.session = nil
	}
	if s.input != nil {
		errs = append(errs, s.input.Destroy())
		s.input = nil
	}
	for _, t := range s.outputs {
		errs = append(errs, t.Destroy())
	}
	s.outputs = nil
	for _, m := range s.memory {
		errs = append(errs, syscall.Munmap(m))
	}
	s.memory = nil
	return errors.Join(errs...)
}
