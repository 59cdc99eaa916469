//go:build linux

// Package supply sees to the programs of a cluster under test: Kubernetes, etcd, KEDA, KWOK and CoreDNS are built from their
// modules, containerd, runc, Prometheus and nft come out of Debian's packages. Everything lies in one folder of the user's
// cache, named by the hash of its recipes, and is made once; nothing is installed on the machine.
package supply

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// keep is how long a folder of other recipes stays in the cache after its last use.
const keep = 30 * 24 * time.Hour

// cold is how long all may take to be made.
const cold = 50 * time.Minute

// Kit is where everything lies.
type Kit struct{ folder string }

// Program is the path of one that was built.
func (k Kit) Program(name string) string { return filepath.Join(k.folder, "bin", name) }

// Programs is the folder of those.
func (k Kit) Programs() string { return filepath.Join(k.folder, "bin") }

// Debian is the path of a file as Debian's packages would have installed it.
func (k Kit) Debian(path string) string { return filepath.Join(k.folder, "root", path) }

// Module is a file or folder that came out of a module, such as keda/crd, keda/rbac or kwok/stage.
func (k Kit) Module(path string) string { return filepath.Join(k.folder, path) }

// Base is a root filesystem with the libraries that Plumbline's image needs.
func (k Kit) Base() string { return filepath.Join(k.folder, "base") }

// Folder is where all of it lies.
func (k Kit) Folder() string { return k.folder }

// Open gives the kit of a folder that Get has made, to a process that was told it.
func Open(folder string) Kit { return Kit{folder} }

// Get makes what is missing and returns the kit. A second one that comes meanwhile waits. recipes is the folder with a
// module for each system; progress is told what takes long.
func Get(ctx context.Context, recipes string, progress io.Writer) (Kit, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return Kit{}, err
	}
	hash, err := hashOf(recipes)
	if err != nil {
		return Kit{}, err
	}
	all := filepath.Join(cache, "plumbline", "cluster-test")
	w := &workshop{folder: filepath.Join(all, hash), recipes: recipes, progress: progress}
	if err := os.MkdirAll(filepath.Join(w.folder, "bin"), 0o755); err != nil {
		return Kit{}, err
	}
	unlock, err := lock(ctx, w.folder+".lock", progress)
	if err != nil {
		return Kit{}, err
	}
	defer unlock()
	within, cancel := context.WithTimeout(ctx, cold)
	defer cancel()
	if err := w.makeAll(within); err != nil {
		if within.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("not all was built within %s; what was is kept, so that the next run goes on there: %w", cold, err)
		}
		return Kit{}, err
	}
	sweep(all, hash)
	return Kit{w.folder}, nil
}

// hashOf is over everything that decides what is built.
func hashOf(recipes string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.GOARCH, runtime.Version(), programs, files, packages)
	found, err := filepath.Glob(filepath.Join(recipes, "*", "*"))
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("no recipes in %s: run this in the repository's root", recipes)
	}
	for _, file := range found {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		name, _ := filepath.Rel(recipes, file)
		fmt.Fprintf(h, "%s %x\n", name, sha256.Sum256(content))
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:6]), nil
}

// lock waits for its turn and returns how to end it.
func lock(ctx context.Context, file string, progress io.Writer) (func(), error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for told := false; ; told = true {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			return func() { f.Close() }, nil
		}
		if !told {
			fmt.Fprintln(progress, "waiting for another process that builds the same programs")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// sweep notes that this folder is in use and removes what nobody has used for long.
func sweep(all, hash string) {
	now := time.Now()
	os.Chtimes(filepath.Join(all, hash), now, now) //nolint:errcheck // it may then be built again in a month
	entries, _ := os.ReadDir(all)
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && e.IsDir() && e.Name() != hash && now.Sub(info.ModTime()) > keep {
			os.RemoveAll(filepath.Join(all, e.Name()))
			os.Remove(filepath.Join(all, e.Name()+".lock"))
		}
	}
}
