package bundle

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// identity is what changes when a file is touched; see mark.go.
func identity(info os.FileInfo) string {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return fmt.Sprintf("size %d inode %d mtime %d ctime %d", s.Size, s.Ino, syscall.TimespecToNsec(s.Mtim), syscall.TimespecToNsec(s.Ctim))
}

// isPrivate tells whether a folder belongs to this user and is closed to others.
func isPrivate(info os.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.IsDir() && int(s.Uid) == os.Getuid() && info.Mode().Perm()&0o077 == 0
}

// lock waits for the lock of a file, which is made if need be. The kernel frees it when its holder dies.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), f.Close())
	}
	return func() { f.Close() }, nil
}
