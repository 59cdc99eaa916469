// Package ort is the only door to ONNX Runtime: it loads the library, chooses the device and runs networks of one input
// with everything allocated beforehand. On a CPU a network is optimised once, kept in the cache folder in ONNX Runtime's
// own format and mapped into memory from the second start on, which saves half of the time to the first result.
//
// It knows nothing about poses, and it refuses libraries whose API is older than the one it was compiled against. Built
// without cgo it compiles, and every call says that this build cannot analyse pictures.
package ort

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// Device is what runs the networks.
type Device string

// The devices. Auto takes CUDA where library, driver and GPU allow it, else the CPU; TensorRT only runs when asked for by
// name, since it compiles its engines for minutes at the first start.
const (
	CPU      Device = "cpu"
	CUDA     Device = "cuda"
	TensorRT Device = "tensorrt"
	Auto     Device = "auto"
)

// Devices lists what ParseDevice accepts.
func Devices() []Device { return []Device{CPU, CUDA, TensorRT, Auto} }

// ParseDevice reads a device's name; an empty one is the CPU.
func ParseDevice(name string) (Device, error) {
	if name == "" {
		return CPU, nil
	}
	if d := Device(name); slices.Contains(Devices(), d) {
		return d, nil
	}
	return "", fmt.Errorf("unknown device %q: choose cpu, cuda, tensorrt or auto", name)
}

// Port is a network's input or output: its name in the graph and its shape, outermost dimension first.
type Port struct {
	Name  string
	Shape []int64
}

func (p Port) String() string {
	return fmt.Sprintf("%s %s", p.Name, strings.ReplaceAll(fmt.Sprint(p.Shape), " ", "x"))
}

// Signature is what a network takes and gives; all float32.
type Signature struct {
	Input   Port
	Outputs []Port
}

// Source says where a network comes from.
type Source struct {
	Name string // for messages and the cache file's name, such as "pose_landmark_full"
	// Revision names the network's exact content. What was optimised from another revision is not used.
	Revision string
	// Graph makes the network in ONNX format. It is called only when the cache has nothing to offer.
	Graph func() ([]byte, error)
}

// Options say how networks are opened.
type Options struct {
	Device Device // CPU, CUDA or TensorRT: what Library.Choose gave
	// CacheDir is where optimised networks and compiled engines are kept; none are when it is empty or not writable.
	CacheDir string
	Logger   *slog.Logger // nil for silence
}
