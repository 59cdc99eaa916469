package bundle

import (
	"fmt"
	"os"
	"strings"
)

// A mark is a small file beside an unpacked one, NAME.verified. It holds the hash that the file had when it was last read in
// full, and what the file system said of it then: size, inode, time of change of content and of the inode (mtime, ctime).
// The kernel sets ctime at every write, rename, chmod and utimes, and no call sets it back, so a file that has been touched
// since is read and hashed again; one that has not is taken without reading it, which keeps a start fast.
//
// This guards against accidents: crashes, full disks, half copies, editors. It is no protection against somebody who may write
// in the folder: they could write the mark too, or replace the binary.

func markPath(path string) string { return path + ".verified" }

// fingerprint is what the file system says of a regular file.
func fingerprint(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	id := identity(info)
	if id == "" || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	return id, nil
}

func markText(sha256, fingerprint string) string {
	return fmt.Sprintf("sha256 %s %s\n", sha256, fingerprint)
}

// isMarked tells whether the file is the one that was found to have this hash.
func isMarked(path, sha256 string) bool {
	taken, err := fingerprint(path)
	if err != nil {
		return false
	}
	mark, err := os.ReadFile(markPath(path))
	return err == nil && strings.TrimSpace(string(mark)) == strings.TrimSpace(markText(sha256, taken))
}

// mark notes that the file has this hash. The fingerprint must be taken before hashing: a change in between then shows.
func mark(path, sha256, fingerprint string) error {
	return os.WriteFile(markPath(path), []byte(markText(sha256, fingerprint)), 0o600)
}
