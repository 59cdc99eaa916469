package ort

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Optimised networks that nobody has opened for a while, since there are newer models or runtimes, are removed when a new one
// is made; so is what a killed process was writing. Removing is always safe: who has a file mapped keeps it, and who comes
// too late makes it again.
const (
	unusedAfter    = 30 * 24 * time.Hour
	abandonedAfter = 24 * time.Hour
)

// touch stamps a file with its use; on a read-only disk nothing is stamped and nothing removed.
func touch(path string) {
	now := time.Now()
	_ = os.Chtimes(path, now, now)
}

func removeUnused(folder string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue
		}
		age, path := time.Since(info.ModTime()), filepath.Join(folder, e.Name())
		switch {
		case info.Mode().IsRegular() && strings.HasSuffix(e.Name(), ".ort") && age > unusedAfter:
			os.Remove(path)
		case e.IsDir() && strings.HasPrefix(e.Name(), temporaryPrefix) && age > abandonedAfter:
			os.RemoveAll(path)
		}
	}
}

// temporaryPrefix begins the names of folders in which networks are being written.
const temporaryPrefix = ".new-"
