// Package album keeps annotated pictures as files, DIR/analyzed_images_from_<device>/<UTC time>_<capture id>.jpg, and lets the
// oldest go when they are too old or too many. Names from outside never leave DIR, not even through symbolic links. It
// deletes nothing that it did not write, and it knows nothing of rows.
package album

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrDiskFull is in the error of a picture that found no space.
var ErrDiskFull = errors.New("no space left for pictures")

// Options of an album.
type Options struct {
	Dir  string // is made when it does not exist; it may be a symbolic link itself
	Sync bool   // a kept picture has been synced to the disk, its name too

	MaxAge   time.Duration // pictures received longer ago are deleted; 0 keeps them for ever
	MaxBytes int64         // the oldest beyond so many bytes are deleted; 0 means no bound
	Every    time.Duration // between sweeps of Run; 0 means DefaultEvery

	Now        func() time.Time // nil means time.Now
	Log        *slog.Logger     // nil means silence
	Registerer prometheus.Registerer
}

// DefaultEvery is the time between two sweeps.
const DefaultEvery = 10 * time.Minute

// Album is a folder of pictures. Its methods may be called concurrently.
type Album struct {
	o       Options
	root    *os.Root
	folding bool // the file system does not tell A from a, or é from e and an accent
	metrics *metrics
}

// Open opens or makes the folder.
func Open(o Options) (*Album, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Every <= 0 {
		o.Every = DefaultEvery
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("making the pictures' folder: %w", err)
	}
	if o.Sync {
		if err := syncParent(o.Dir); err != nil {
			return nil, fmt.Errorf("making the pictures' folder durable: %w", err)
		}
	}
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("opening the pictures' folder: %w", err)
	}
	a := &Album{o: o, root: root}
	if a.folding, err = foldsNames(root); err != nil {
		return nil, errors.Join(fmt.Errorf("writing to the pictures' folder %s: %w", o.Dir, explain(err)), root.Close())
	}
	if a.metrics, err = newMetrics(o.Registerer); err != nil {
		return nil, errors.Join(fmt.Errorf("registering the album's metrics: %w", err), root.Close())
	}
	return a, nil
}

// syncParent makes the folder's own name durable.
func syncParent(dir string) error {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(absolute))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

// foldsNames makes a file and looks for it under another spelling. It is also the proof that the folder can be written.
func foldsNames(root *os.Root) (bool, error) {
	name := ".picture-" + strings.ToLower(rand.Text())
	if err := root.WriteFile(name+"-é.tmp", nil, 0o600); err != nil {
		return false, err
	}
	_, errCase := root.Lstat(strings.ToUpper(name) + "-é.tmp")
	_, errForm := root.Lstat(name + "-e\u0301.tmp")
	return errCase == nil || errForm == nil, root.Remove(name + "-é.tmp")
}

// Close lets go of the folder.
func (a *Album) Close() error { return a.root.Close() }

// Keep stores a device's picture under the name, in place of one that is there. It appears whole or not at all. With
// Options.Sync it survives a power cut once Keep has returned.
func (a *Album) Keep(ctx context.Context, device, name string, jpeg []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	folder, file := folderFor(device, a.folding), fileFor(name)
	err := a.keep(folder, file, jpeg)
	if errors.Is(err, fs.ErrNotExist) { // the device's first picture
		if err = a.makeFolder(folder); err == nil {
			err = a.keep(folder, file, jpeg)
		}
	}
	if err != nil {
		return fmt.Errorf("storing picture %s of device %q in %s: %w", file, device, a.o.Dir, explain(err))
	}
	a.metrics.kept.Inc()
	return nil
}

func (a *Album) makeFolder(folder string) error {
	if err := a.root.Mkdir(folder, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return a.syncFolder(".")
}

func (a *Album) keep(folder, file string, jpeg []byte) error {
	part := folder + "/.picture-" + strings.ToLower(rand.Text()) + ".tmp"
	if err := a.write(part, jpeg); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			a.root.Remove(part) //nolint:errcheck // what cannot be removed now is swept later
		}
		return err
	}
	if err := a.root.Rename(part, folder+"/"+file); err != nil {
		a.root.Remove(part) //nolint:errcheck // as above
		return err
	}
	return a.syncFolder(folder)
}

func (a *Album) write(name string, content []byte) error {
	f, err := a.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil && a.o.Sync {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncFolder makes names durable: a synced file without its name is lost.
func (a *Album) syncFolder(folder string) error {
	if !a.o.Sync {
		return nil
	}
	f, err := a.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// OpenPicture opens a stored picture for reading; the error is fs.ErrNotExist when it is not there, or no longer.
func (a *Album) OpenPicture(device, name string) (*os.File, error) {
	f, err := a.root.Open(folderFor(device, a.folding) + "/" + fileFor(name))
	if err != nil {
		return nil, fmt.Errorf("opening a picture of device %q: %w", device, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening a picture of device %q: %w", device, err), f.Close())
	}
	return f, nil
}

// explain adds ErrDiskFull where that is the reason.
func explain(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: free some, or keep fewer pictures by age or size: %w", ErrDiskFull, err)
	}
	return err
}
