package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"plumbline/internal/store/row"
)

// code is SQLite's primary result code, 0 when err is none of SQLite's.
func code(err error) int {
	var e *driver.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}

// refuse marks an error that lies in the row itself, so that trying again is useless.
func refuse(captureID string, err error) error {
	switch code(err) {
	case codes.SQLITE_CONSTRAINT, codes.SQLITE_TOOBIG, codes.SQLITE_MISMATCH:
		return &row.Refused{CaptureID: captureID, Err: err}
	}
	return err
}

// explain adds what a person can do about an error of the file.
func explain(path string, err error) error {
	if err == nil {
		return nil
	}
	advice := ""
	switch code(err) {
	case codes.SQLITE_FULL:
		advice = "the disk is full: free some space, recording goes on by itself"
	case codes.SQLITE_IOERR:
		advice = "the disk is full or failing"
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		advice = "the file is damaged or no SQLite database: move it away or restore a copy"
	case codes.SQLITE_READONLY, codes.SQLITE_CANTOPEN, codes.SQLITE_PERM:
		advice = "file and folder must be writable for this user"
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		advice = "another program holds the database locked"
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		advice = "file and folder must be writable for this user"
	}
	if errors.Is(err, syscall.ENOSPC) {
		advice = "the disk is full: free some space"
	}
	if advice == "" {
		return fmt.Errorf("database %s: %w", path, err)
	}
	return fmt.Errorf("database %s: %w (%s)", path, err, advice)
}
