// Package datadir owns a hub's data folder: one process at a time, told by a lock that the kernel drops with its holder.
package datadir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrInUse says that another process works on the data folder.
var ErrInUse = errors.New("the data folder is in use by a running hub")

// Hub is what a running hub says of itself in DIR/hub.json.
type Hub struct {
	PID    int    `json:"pid"`
	Socket string `json:"socket"` // unix socket of its private interface
	HTTP   string `json:"http"`   // its page
	MQTT   string `json:"mqtt"`   // its broker
}

// Folder is a locked data folder.
type Folder struct {
	Path string
	lock *os.File
}

// lockName is the file whose lock is the folder's. It stays when the hub ends.
const lockName = "lock"

// Lock makes the folder when it is missing (readable by its owner only) and takes it for this process.
func Lock(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(path, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the data folder's lock: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s", ErrInUse, path)
		}
		return nil, fmt.Errorf("locking the data folder %s: %w", path, err)
	}
	return &Folder{Path: path, lock: f}, nil
}

// Used is nil for a folder that a hub has worked in. It makes nothing, so that a mistyped name leaves no trace.
func Used(path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no data folder %s", path)
	} else if err != nil {
		return fmt.Errorf("looking for the data folder: %w", err)
	}
	if _, err := os.Stat(filepath.Join(path, lockName)); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("no hub has ever worked in %s", path)
	} else if err != nil {
		return fmt.Errorf("looking into the data folder: %w", err)
	}
	return nil
}

// Close gives the folder free.
func (f *Folder) Close() error {
	os.Remove(f.hubFile())
	return f.lock.Close()
}

func (f *Folder) hubFile() string { return filepath.Join(f.Path, "hub.json") }

// Announce writes hub.json, whole or not at all.
func (f *Folder) Announce(h Hub) error {
	h.PID = os.Getpid()
	b, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding hub.json: %w", err)
	}
	next := f.hubFile() + ".next"
	if err := os.WriteFile(next, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing hub.json: %w", err)
	}
	if err := os.Rename(next, f.hubFile()); err != nil {
		return fmt.Errorf("writing hub.json: %w", err)
	}
	return nil
}

// ReadHub reads what the hub that holds the folder says of itself.
func ReadHub(path string) (Hub, error) {
	b, err := os.ReadFile(filepath.Join(path, "hub.json"))
	if err != nil {
		return Hub{}, fmt.Errorf("looking for the running hub: %w", err)
	}
	var h Hub
	if err := json.Unmarshal(b, &h); err != nil {
		return Hub{}, fmt.Errorf("reading %s: %w", filepath.Join(path, "hub.json"), err)
	}
	return h, nil
}

// SocketPath is where the hub's private socket may lie: inside the folder, or, where the kernel's limit of 107 bytes
// forbids that, in a private temporary folder. cleanup removes what was made.
func (f *Folder) SocketPath() (path string, cleanup func(), err error) {
	path, err = filepath.Abs(filepath.Join(f.Path, "hub.sock"))
	if err != nil {
		return "", nil, fmt.Errorf("finding the data folder: %w", err)
	}
	if len(path) <= 107 {
		os.Remove(path)
		return path, func() { os.Remove(path) }, nil
	}
	dir, err := os.MkdirTemp("", "plumbline-")
	if err != nil {
		return "", nil, fmt.Errorf("making a folder for the private socket: %w", err)
	}
	return filepath.Join(dir, "hub.sock"), func() { os.RemoveAll(dir) }, nil
}
