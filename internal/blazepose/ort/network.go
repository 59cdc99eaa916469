//go:build cgo

package ort

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"

	binding "github.com/yalue/onnxruntime_go"
)

// Network is a network ready to be opened by any number of sessions.
type Network struct {
	name      string
	signature Signature
	library   *Library
	source    Source
	o         Options

	mu        sync.Mutex
	bytes     []byte
	optimised bool // bytes are a mapped cache file
	unmap     []func() error
}

// Open finds a network in the cache, or makes it and puts it there.
func (l *Library) Open(source Source, signature Signature, o Options) (*Network, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	n := &Network{name: source.Name, signature: signature, library: l, source: source, o: o}
	if n.mapCached() {
		return n, nil
	}
	return n, n.build()
}

// mapCached maps the cache's file, where there is a sound one.
func (n *Network) mapCached() bool {
	path := n.cachePath()
	if path == "" {
		return false
	}
	bytes, unmap, err := mapSealed(path)
	if errors.Is(err, errNotCached) {
		return false
	}
	if err != nil {
		n.o.Logger.Warn("cached network is unusable and will be made again", "path", path, "error", err)
		return false
	}
	touch(path)
	n.bytes, n.optimised, n.unmap = bytes, true, append(n.unmap, unmap)
	return true
}

// build makes the network from its source, and where there is a cache puts it there and maps it. A cache that can't be
// written costs the next start time, nothing else.
func (n *Network) build() error {
	graph, err := n.source.Graph()
	if err != nil {
		return fmt.Errorf("making the network %s: %w", n.name, err)
	}
	n.bytes, n.optimised = graph, false
	path := n.cachePath()
	if path == "" {
		return nil
	}
	if err := writeSealed(path, func(temporary string) error { return saveOptimised(graph, n.signature, temporary) }); err != nil {
		n.o.Logger.Warn("optimised network can't be cached; every start will take longer", "path", path, "error", err)
		return nil
	}
	n.mapCached()
	removeUnused(filepath.Dir(path))
	return nil
}

// NewSession makes a session of the network. A cached network that ONNX Runtime refuses is made again.
func (n *Network) NewSession() (*Session, error) {
	n.mu.Lock()
	bytes, optimised := n.bytes, n.optimised
	n.mu.Unlock()
	s, err := n.open(bytes, optimised)
	if err == nil || !optimised {
		return s, err
	}
	n.o.Logger.Warn("cached network was refused and is made again", "network", n.name, "error", err)
	if bytes, optimised, err = n.rebuild(); err != nil {
		return nil, err
	}
	return n.open(bytes, optimised)
}

// rebuild replaces a refused cache file; where even the new one is refused, sessions get the plain graph.
func (n *Network) rebuild() (bytes []byte, optimised bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.build(); err != nil || !n.optimised {
		return n.bytes, false, err
	}
	s, err := n.open(n.bytes, true)
	if err == nil {
		return n.bytes, true, s.Close()
	}
	n.optimised = false
	n.bytes, err = n.source.Graph()
	return n.bytes, false, err
}

// Cached says whether the network comes from the cache (and so is shared by all who map the same file).
func (n *Network) Cached() bool { return n.optimised }

// Close gives the memory back. All sessions must be closed before.
func (n *Network) Close() error {
	var errs []error
	for _, unmap := range n.unmap {
		errs = append(errs, unmap())
	}
	n.bytes, n.unmap = nil, nil
	return errors.Join(errs...)
}

// saveOptimised writes the network as this CPU runs it, in ONNX Runtime's own format.
func saveOptimised(graph []byte, sig Signature, path string) error {
	options, err := newOptions(CPU, "")
	if err != nil {
		return err
	}
	defer options.Destroy()
	if err := options.AddSessionConfigEntry("session.save_model_format", "ORT"); err != nil {
		return err
	}
	if err := options.SetOptimizedModelFilePath(path); err != nil {
		return err
	}
	var outputs []string
	for _, p := range sig.Outputs {
		outputs = append(outputs, p.Name)
	}
	s, err := binding.NewDynamicAdvancedSessionWithONNXData(graph, []string{sig.Input.Name}, outputs, options)
	if err != nil {
		return err
	}
	return s.Destroy()
}
