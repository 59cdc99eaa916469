// Package users keeps the accounts of the MQTT broker in a file of hashes: who may connect, and as what. Commands change
// the file; a running broker reads it again when it has changed. It stores no password and takes none from a command line
// (that is for whoever calls it), and it is no directory service: there are names, passwords and two roles.
package users

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"plumbline/internal/mqtt"
)

// FileName is the file's usual name inside the data folder.
const FileName = "users.json"

// User is an account as it is listed.
type User struct {
	mqtt.Account
	CreatedAt time.Time
}

// What Add and Remove complain about.
var (
	ErrExists  = errors.New("there is such an account already")
	ErrUnknown = errors.New("there is no such account")
)

// recheck is how long a change of the file may go unseen.
const recheck = time.Second

// Options configure a File.
type Options struct {
	Now    func() time.Time // time.Now when nil
	Logger *slog.Logger
}

// File is the accounts in a file. It may be used from many goroutines and beside other processes.
type File struct {
	path     string
	now      func() time.Time
	log      *slog.Logger
	verifier *verifier

	mutex   sync.RWMutex
	records map[string]record
	seen    stamp
	checked time.Time
}

// stamp tells one state of the file from another.
type stamp struct {
	modified time.Time
	size     int64
	inode    uint64
}

// Open reads the accounts. A file that does not exist holds none and is made by the first Add.
func Open(path string, o Options) (*File, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	f := &File{path: path, now: o.Now, log: o.Logger, verifier: newVerifier()}
	if err := f.load(); err != nil {
		return nil, err
	}
	return f, nil
}

// Add makes an account. The name of a device's account is the device's name.
func (f *File) Add(a mqtt.Account, password string) error {
	return f.add(a, password, bcryptCost)
}

// AddGenerated makes an account with a password that nobody can guess and returns it; it is not kept anywhere.
func (f *File) AddGenerated(a mqtt.Account) (password string, err error) {
	password = generate()
	return password, f.add(a, password, generatedCost)
}

func (f *File) add(a mqtt.Account, password string, cost int) error {
	if err := checkAccount(a); err != nil {
		return err
	}
	hash, err := hashPassword(password, cost)
	if err != nil {
		return err
	}
	return f.change(func(records map[string]record) error {
		if _, ok := records[a.Name]; ok {
			return fmt.Errorf("account %q: %w; remove it first to give it another password", a.Name, ErrExists)
		}
		records[a.Name] = record{Name: a.Name, Role: a.Role, Hash: hash, CreatedAt: f.now().UTC().Truncate(time.Second)}
		return nil
	})
}

func checkAccount(a mqtt.Account) error {
	if _, err := mqtt.ParseDevice(a.Name); err != nil {
		return fmt.Errorf("an account's name follows the rules for devices: %w", err)
	}
	if a.Role != mqtt.RoleDevice && a.Role != mqtt.RoleViewer {
		return fmt.Errorf("account %q: role %q is neither %s nor %s", a.Name, a.Role, mqtt.RoleDevice, mqtt.RoleViewer)
	}
	return nil
}

// Remove takes an account away; a running broker refuses its next packet.
func (f *File) Remove(name string) error {
	return f.change(func(records map[string]record) error {
		if _, ok := records[name]; !ok {
			return fmt.Errorf("account %q: %w", name, ErrUnknown)
		}
		delete(records, name)
		return nil
	})
}

// List is all accounts by name.
func (f *File) List() []User {
	f.refresh()
	f.mutex.RLock()
	defer f.mutex.RUnlock()
	list := make([]User, 0, len(f.records))
	for _, r := range f.records {
		list = append(list, User{Account: mqtt.Account{Name: r.Name, Role: r.Role}, CreatedAt: r.CreatedAt})
	}
	slices.SortFunc(list, func(a, b User) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return list
}

// Any says whether there is any account.
func (f *File) Any() bool {
	f.refresh()
	f.mutex.RLock()
	defer f.mutex.RUnlock()
	return len(f.records) > 0
}

// Account is the account of that name.
func (f *File) Account(name string) (mqtt.Account, bool) {
	r, ok := f.record(name)
	return mqtt.Account{Name: r.Name, Role: r.Role}, ok
}

// Verify says whose name and password these are.
func (f *File) Verify(ctx context.Context, name, password string) (mqtt.Account, bool) {
	r, known := f.record(name)
	if !known {
		r.Hash = decoy
	}
	right := f.verifier.verify(ctx, r.Hash, password)
	if !known || !right {
		return mqtt.Account{}, false
	}
	return mqtt.Account{Name: r.Name, Role: r.Role}, true
}

func (f *File) record(name string) (record, bool) {
	f.refresh()
	f.mutex.RLock()
	defer f.mutex.RUnlock()
	r, ok := f.records[name]
	return r, ok
}

// refresh reads the file again when it has changed. A file that cannot be read leaves the accounts as they were: a slip in
// an editor should lock nobody out, and let nobody in.
func (f *File) refresh() {
	now := f.now()
	f.mutex.RLock()
	fresh := now.Sub(f.checked) < recheck && !now.Before(f.checked)
	f.mutex.RUnlock()
	if fresh {
		return
	}
	f.mutex.Lock()
	f.checked = now
	seen := f.seen
	f.mutex.Unlock()
	if current, err := stampOf(f.path); err == nil && current == seen {
		return
	}
	if err := f.load(); err != nil {
		f.log.Error("the accounts stay as they were", "error", err)
		return
	}
	f.log.Info("MQTT accounts read again", "file", f.path)
}

// load takes the stamp before it reads, so that a change in between is seen as one.
func (f *File) load() error {
	seen, err := stampOf(f.path)
	if err != nil {
		return err
	}
	records, err := read(f.path)
	if err != nil {
		return err
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.records, f.seen, f.checked = records, seen, f.now()
	return nil
}

// stampOf is the zero stamp for a file that does not exist.
func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return stamp{}, nil
	}
	if err != nil {
		return stamp{}, fmt.Errorf("looking at the accounts: %w", err)
	}
	return stamp{modified: info.ModTime(), size: info.Size(), inode: inodeOf(info)}, nil
}
