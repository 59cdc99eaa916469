//go:build !cgo

package ort

import (
	"errors"
	"log/slog"
)

// ErrNoCgo is what every call of a build without cgo answers.
var ErrNoCgo = errors.New("this build cannot analyse pictures (built without cgo): use a released plumbline, " +
	"or build with CGO_ENABLED=1 and a C compiler")

// Library stands for the library that this build can't load.
type Library struct{}

// Load refuses.
func Load(string) (*Library, error) { return nil, ErrNoCgo }

// Version is empty.
func (*Library) Version() string { return "" }

// Path is empty.
func (*Library) Path() string { return "" }

// Choose refuses.
func (*Library) Choose(Device, *slog.Logger) (Device, error) { return "", ErrNoCgo }

// Open refuses.
func (*Library) Open(Source, Signature, Options) (*Network, error) { return nil, ErrNoCgo }

// Network stands for a network that this build can't open.
type Network struct{}

// NewSession refuses.
func (*Network) NewSession() (*Session, error) { return nil, ErrNoCgo }

// Cached is false.
func (*Network) Cached() bool { return false }

// Close does nothing.
func (*Network) Close() error { return nil }

// Session stands for a session that this build can't open.
type Session struct{}

// Input is nil.
func (*Session) Input() []float32 { return nil }

// Output is nil.
func (*Session) Output(int) []float32 { return nil }

// Run refuses.
func (*Session) Run() error { return ErrNoCgo }

// Close does nothing.
func (*Session) Close() error { return nil }
