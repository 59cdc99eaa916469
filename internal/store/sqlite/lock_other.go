//go:build !unix

package sqlite

import "context"

// lockFile does nothing where there is no flock(2); the hub's own lock on its data folder must do.
func lockFile(context.Context, string) (unlock func(), err error) { return func() {}, nil }
