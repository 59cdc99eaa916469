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

// share takes a shared lock of a file, which is made if need be, until this process ends. It fails where the file cannot be
// written.
func share(path string) error {
	for {
		fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_CREAT|syscall.O_CLOEXEC, 0o600)
		if err != nil {
			return err
		}
		if err := flock(fd, syscall.LOCK_SH); err != nil {
			return errors.Join(err, syscall.Close(fd))
		}
		var held, named syscall.Stat_t
		if errHeld, errNamed := syscall.Fstat(fd, &held), syscall.Stat(path, &named); errHeld == nil && errNamed == nil && held.Ino == named.Ino {
			return nil // fd is left open on purpose: the kernel frees the lock with the process
		}
		if err := syscall.Close(fd); err != nil { // it was removed while this process waited: take the next one's
			return err
		}
	}
}

// lockUnshared takes the lock of a file unless anybody shares it.
func lockUnshared(path string) (unlock func(), ok bool) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, false
	}
	if flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		f.Close()
		return nil, false
	}
	return func() { f.Close() }, true
}

func flock(fd, how int) error {
	for {
		if err := syscall.Flock(fd, how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// lock waits for the lock of a file, which is made if need be. The kernel frees it when its holder dies.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), f.Close())
	}
	return func() { f.Close() }, nil
}
