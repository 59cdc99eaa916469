//go:build !unix

package sqlite

import (
	"context"
	"database/sql"
)

// fileLock does nothing where there is no flock(2); the hub's own lock on its data folder must do.
type fileLock struct{ path string }

// Lock does nothing.
func (l *fileLock) Lock(context.Context, *sql.DB) error { return nil }

// Unlock does nothing.
func (l *fileLock) Unlock(context.Context, *sql.DB) error { return nil }
