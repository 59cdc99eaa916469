package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// tempPattern is the name of a file being written; only the holder of the folder's lock makes and removes such files.
const tempPattern = ".unpacking-*"

// unpack puts the assets into the cache and notes their paths in found. Where the user's own cache cannot be written, a private
// temporary folder stands in for it, with a warning; a cache that was asked for is used or the reason told.
func (l locator) unpack(o Options, assets []asset, found map[string]string) (cache, warning string, err error) {
	if o.CacheDir != "" {
		return o.CacheDir, "", wrap(l.unpackInto(o.CacheDir, assets, found))
	}
	reason := errors.New("neither HOME nor XDG_CACHE_HOME is set")
	if l.userCache != "" {
		if reason = l.unpackInto(l.userCache, assets, found); reason == nil {
			return l.userCache, "", nil
		}
	}
	temp, err := l.privateTemp()
	if err == nil {
		err = l.unpackInto(temp, assets, found)
	}
	if err != nil {
		return "", "", wrap(fmt.Errorf("%w; nor into a temporary folder: %w", reason, err))
	}
	return temp, fmt.Sprintf("the models are unpacked into the temporary folder %s (%v); name a folder to keep them in with --cache-dir", temp, reason), nil
}

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("unpacking the models (name a writable folder with --cache-dir): %w", err)
}

// privateTemp is a folder that only this user can write, with a name that later starts find again. Anybody may make files in
// the system's temporary folder, so what stands under that name is looked at first.
func (l locator) privateTemp() (string, error) {
	dir := filepath.Join(l.temp, fmt.Sprintf("plumbline-%d", os.Getuid()))
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	if !isPrivate(info) {
		return os.MkdirTemp(l.temp, "plumbline-*")
	}
	return dir, nil
}

// contents names a set of assets: the folder of one version's files is not another's.
func (l locator) contents() string {
	var hashes []string
	for _, a := range l.inside {
		hashes = append(hashes, a.SHA256)
	}
	slices.Sort(hashes)
	sum := sha256.Sum256([]byte(strings.Join(hashes, " ")))
	return hex.EncodeToString(sum[:8])
}

func (l locator) unpackInto(cache string, assets []asset, found map[string]string) error {
	dir := filepath.Join(cache, l.contents())
	use(dir) // before looking, so that what is found stays
	paths := map[string]string{}
	var todo []asset
	for _, a := range assets {
		paths[a.Name] = filepath.Join(dir, a.Name)
		if !isMarked(paths[a.Name], a.SHA256) {
			todo = append(todo, a)
		}
	}
	if len(todo) > 0 {
		if err := l.repair(dir, todo); err != nil {
			return err
		}
		removeUnused(cache, dir)
	}
	for name, path := range paths {
		found[name] = path
	}
	return nil
}

// repair sees to it that the folder holds the assets as they should be. One process at a time works in a folder, the others
// wait and then find the work done. What is in use is never written to: a new file takes the old one's name.
func (l locator) repair(dir string, assets []asset) error {
	writable := os.MkdirAll(dir, 0o700)
	if writable == nil {
		unlock, err := lock(filepath.Join(dir, ".lock"))
		if err == nil {
			defer unlock()
			removeLeftovers(dir)
		}
		writable = err
	}
	for _, a := range assets {
		path := filepath.Join(dir, a.Name)
		if isMarked(path, a.SHA256) || l.verify(path, a.SHA256) {
			continue
		}
		if writable != nil {
			return writable
		}
		if err := write(dir, a); err != nil {
			return fmt.Errorf("unpacking %s: %w", a.Name, err)
		}
	}
	return nil
}

// verify reads a file in full. It marks it when it is right and the folder can be written; on a read-only disk every start
// reads it again.
func (l locator) verify(path, want string) bool {
	taken, err := fingerprint(path)
	if err != nil {
		return false
	}
	if got, err := l.hash(path); err != nil || got != want {
		return false
	}
	_ = mark(path, want, taken) // without it the next start is slower, not wrong
	return true
}

// hash reads a file in full.
func (l locator) hash(path string) (string, error) {
	l.hashed(path)
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// write unpacks an asset under a temporary name, checks and syncs it, and only then gives it its name, so that no crash leaves
// half a file under it.
func write(dir string, a asset) error {
	temp, err := writeTemp(dir, a)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, a.Name)
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	syncDir(dir)
	if taken, err := fingerprint(path); err == nil { // after the rename, which changes ctime
		_ = mark(path, a.SHA256, taken)
	}
	return nil
}

func writeTemp(dir string, a asset) (path string, err error) {
	f, err := os.CreateTemp(dir, tempPattern)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	err = errors.Join(decompress(io.MultiWriter(f, sum), a), f.Sync(), f.Close())
	if got := hex.EncodeToString(sum.Sum(nil)); err == nil && got != a.SHA256 {
		err = fmt.Errorf("what the binary carries has the SHA-256 %s instead of %s: build it again", got, a.SHA256)
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func decompress(to io.Writer, a asset) error {
	from, err := a.fs.Open(a.path)
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // was only read
	z, err := zstd.NewReader(from)
	if err != nil {
		return err
	}
	defer z.Close()
	_, err = z.WriteTo(to)
	return err
}

// removeLeftovers deletes what a killed process was writing; the caller holds the lock, so nobody is writing now.
func removeLeftovers(dir string) {
	leftovers, _ := filepath.Glob(filepath.Join(dir, tempPattern))
	for _, path := range leftovers {
		os.Remove(path)
	}
}

// syncDir makes a rename last. Where it does not, the next start unpacks again.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}
