//go:build unix

package sqlite

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lockFile keeps two processes from migrating one file at the same time; it waits until ctx ends. The lock lies in a file of
// its own, which stays: closing a second handle on the database itself would drop SQLite's own locks, and removing a lock
// file is a race. flock(2) cannot be interrupted, so it is asked again every 20 ms.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the migration lock: %w", err)
	}
	unlock = func() { file.Close() } //nolint:errcheck // nothing was written to it
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		select {
		case <-ctx.Done():
			unlock()
			return nil, fmt.Errorf("waiting for another process that migrates the database: %w", ctx.Err())
		case <-tick.C:
		}
	}
	return unlock, nil
}
