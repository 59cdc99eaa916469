//go:build cgo

package ort

import "os"

// APIVersion and CheckVersion are what Load asks of a library.
const APIVersion = apiVersion

var (
	CheckVersion = checkVersion
	Identity     = identity
)

// Accept loads a library as Load does, but does not start it.
func Accept(path string) error {
	version, err := probe(path)
	if err != nil {
		return err
	}
	return checkVersion(path, version)
}

// CachePath is the file of the network's optimised form.
func (n *Network) CachePath() string { return n.cachePath() }

// WriteSealed writes a cache file with a right seal.
func WriteSealed(path string, content []byte) error {
	return writeSealed(path, func(temporary string) error { return os.WriteFile(temporary, content, 0o644) })
}
