// Package nvml is the only door to NVIDIA's management library. The library is looked for when it is asked for, not when the
// program starts, so one binary runs on nodes with and without it. What is declared here is the small, versioned part of
// its C interface that has been the same since its version 5 (https://docs.nvidia.com/deploy/nvml-api/).
//
// It refuses to guess: what the library does not answer is an error, and a build without cgo says that it cannot ask.
//
// Not NVIDIA's go-nvml: it links the library's functions as unresolved symbols, so a binary that a hardened linker made
// (-z now, the default of some distributions) does not start where the library is missing.
package nvml

import "errors"

// DefaultLibrary is what the driver installs, found by the dynamic linker.
const DefaultLibrary = "libnvidia-ml.so.1"

// ErrNoLibrary says that there is no such library: most likely a node without an NVIDIA driver.
var ErrNoLibrary = errors.New("NVML is not here")

// Device is one GPU.
type Device struct {
	Index int
	Name  string // such as NVIDIA H100 80GB HBM3; Orin (nvgpu) on a Jetson
	UUID  string
}

// Memory is a GPU's own memory in bytes.
type Memory struct{ Used, Total uint64 }
