// Package unprivileged starts servers that refuse to run as root (PostgreSQL, PgBouncer) where tests do. It is no place for
// production code.
package unprivileged

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// User is whom a server runs as: nil, the tests' own, unless that is root.
func User() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("the server refuses to run as root, and there is neither a user postgres nor nobody")
}

// Give makes the user the owner of a file or folder; nil owns what the tests made already.
func Give(path string, to *syscall.Credential) error {
	if to == nil {
		return nil
	}
	return os.Chown(path, int(to.Uid), int(to.Gid))
}
