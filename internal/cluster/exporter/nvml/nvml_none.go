//go:build !cgo || !linux

package nvml

import "fmt"

// Library cannot be opened in this build.
type Library struct{}

// Open says that this build cannot ask NVML.
func Open(string) (*Library, error) {
	return nil, fmt.Errorf("%w: this build cannot ask it (made without cgo, or not for Linux)", ErrNoLibrary)
}

// Close does nothing.
func (*Library) Close() {}

// Devices lists none.
func (*Library) Devices() ([]Device, error) { return nil, ErrNoLibrary }

// Utilization is unknown.
func (*Library) Utilization(int) (float64, error) { return 0, ErrNoLibrary }

// Memory is unknown.
func (*Library) Memory(int) (Memory, error) { return Memory{}, ErrNoLibrary }
