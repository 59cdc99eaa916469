//go:build unix

package queue

import (
	"fmt"
	"syscall"
)

// freeDisk is how many bytes this process may still write in dir's file system.
func freeDisk(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("asking for the free disk at %s: %w", dir, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:gosec,unconvert // types differ by system; no disk is that large
}
