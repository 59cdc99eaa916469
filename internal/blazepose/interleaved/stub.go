//go:build !cgo

package interleaved

import (
	"errors"

	"plumbline/internal/blazepose/tflite"
)

var errNoCgo = errors.New("this build cannot analyse pictures (built without cgo)")

// Network stands for a network that this build can't run.
type Network struct{}

// New refuses.
func New(*tflite.Model, []int) (*Network, error) { return nil, errNoCgo }

// NewSession refuses.
func (*Network) NewSession() (*Session, error) { return nil, errNoCgo }

// Layout is nothing.
func (*Network) Layout(int) (channel, row, column int) { return 0, 0, 0 }

// Shape is nothing.
func (*Network) Shape(int) (height, width, channels int) { return 0, 0, 0 }

// Close does nothing.
func (*Network) Close() error { return nil }

// Session stands for a session that this build can't open.
type Session struct{}

// Input is nil.
func (*Session) Input() []float32 { return nil }

// Output is nil.
func (*Session) Output(int) []float32 { return nil }

// Run refuses.
func (*Session) Run() error { return errNoCgo }

// Close does nothing.
func (*Session) Close() error { return nil }
