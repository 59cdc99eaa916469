//go:build !linux

package bundle

import (
	"errors"
	"os"
)

// Nothing is carried for other systems than Linux, so nothing is ever unpacked there.

func identity(os.FileInfo) string { return "" }

func isPrivate(os.FileInfo) bool { return false }

func share(string) error { return errors.ErrUnsupported }

func lockUnshared(string) (unlock func(), ok bool) { return nil, false }

func lock(string) (unlock func(), err error) { return nil, errors.ErrUnsupported }
