package users

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"plumbline/internal/mqtt"
)

// document is the file's form.
type document struct {
	Version int      `json:"version"`
	Users   []record `json:"users"`
}

type record struct {
	Name      string    `json:"name"`
	Role      mqtt.Role `json:"role"`
	Hash      string    `json:"hash"` // bcrypt of the password's SHA-256 in base64
	CreatedAt time.Time `json:"created_at"`
}

const version = 1

func read(path string) (map[string]record, error) {
	records := map[string]record{}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return records, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the accounts: %w", err)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("reading the accounts in %s: %w", path, err)
	}
	if d.Version != version {
		return nil, fmt.Errorf("reading the accounts in %s: its version is %d, this program reads %d", path, d.Version, version)
	}
	for _, r := range d.Users {
		if err := checkAccount(mqtt.Account{Name: r.Name, Role: r.Role}); err != nil {
			return nil, fmt.Errorf("reading the accounts in %s: %w", path, err)
		}
		records[r.Name] = r
	}
	return records, nil
}

// change reads, changes and writes the file under a lock that other processes respect.
func (f *File) change(edit func(map[string]record) error) error {
	unlock, err := lock(f.path + ".lock")
	if err != nil {
		return fmt.Errorf("changing the accounts: %w", err)
	}
	defer unlock()
	records, err := read(f.path)
	if err != nil {
		return err
	}
	if err := edit(records); err != nil {
		return err
	}
	if err := write(f.path, records); err != nil {
		return fmt.Errorf("writing the accounts: %w", err)
	}
	return f.load()
}

func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { _ = file.Close() }, nil
}

// write replaces the file at once, so that a reader and a power cut find the old one or the new one.
func write(path string, records map[string]record) error {
	d := document{Version: version, Users: make([]record, 0, len(records))}
	for _, r := range records {
		d.Users = append(d.Users, r)
	}
	slices.SortFunc(d.Users, func(a, b record) int { return strings.Compare(a.Name, b.Name) })
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }() // nothing is left to remove after the rename
	if err := fill(temporary, append(text, '\n')); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func fill(file *os.File, text []byte) error {
	_, err := file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func inodeOf(info os.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}
