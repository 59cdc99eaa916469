package ort

import (
	"os"
	"path/filepath"
)

// BringsCUDA tells whether the library at path comes with what it needs to use a GPU: its CUDA provider lies beside it, or
// beside the file that path links to. Without that nothing has to be loaded to know that the networks run on the CPU.
func BringsCUDA(path string) bool { return brings(path, CUDA) }

// brings tells whether a device's provider lies beside the library.
func brings(path string, d Device) bool {
	if path == "" {
		return false // the library is not there yet; it is not the working folder's
	}
	places := []string{path}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		places = append(places, target)
	}
	for _, place := range places {
		if _, err := os.Stat(filepath.Join(filepath.Dir(place), "libonnxruntime_providers_"+string(d)+".so")); err == nil {
			return true
		}
	}
	return false
}
