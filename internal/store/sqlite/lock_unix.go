//go:build unix

package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"syscall"
	"time"
)

// fileLock keeps two processes from migrating one file at the same time. It lies in a file of its own, which stays: closing a
// second handle on the database itself would drop SQLite's own locks, and removing a lock file is a race.
type fileLock struct {
	path string
	file *os.File
}

// Lock waits for the lock until ctx ends. flock(2) cannot be interrupted, so it is asked again every 20 ms.
func (l *fileLock) Lock(ctx context.Context, _ *sql.DB) error {
	file, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("opening the migration lock: %w", err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		select {
		case <-ctx.Done():
			file.Close() //nolint:errcheck // nothing was written to it
			return fmt.Errorf("waiting for another process that migrates the database: %w", ctx.Err())
		case <-tick.C:
		}
	}
	l.file = file
	return nil
}

// Unlock lets the next one in.
func (l *fileLock) Unlock(context.Context, *sql.DB) error { return l.file.Close() }
