package bundle

import (
	"os"
	"path/filepath"
	"regexp"
	"time"

	"plumbline/internal/bundle/manifest"
)

// A folder of the cache that nobody has used for a while, since newer binaries bring other files, is removed when a newer one
// unpacks. A file in it, .used, is the stamp of its last use, and its lock is shared by all processes that use the folder:
// who removes takes the lock alone, and who comes meanwhile waits and unpacks again. What is used is never removed.

const (
	usedName    = ".used"
	unusedAfter = 30 * 24 * time.Hour
)

// use stamps a folder and keeps it from being removed while this process lives. Where that fails, as on a read-only disk, the
// folder may one day be unpacked again, which does no harm.
func use(dir string) {
	path := filepath.Join(dir, usedName)
	if os.MkdirAll(dir, 0o700) != nil || share(path) != nil {
		return
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now)
}

// folderName is what contents gives.
var folderName = regexp.MustCompile(`^[0-9a-f]{16}$`)

// removeUnused removes the folders of other versions beside the one that is kept.
func removeUnused(cache, keep string) {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return
	}
	for _, e := range entries {
		if dir := filepath.Join(cache, e.Name()); e.IsDir() && folderName.MatchString(e.Name()) && dir != keep {
			removeIfUnused(dir)
		}
	}
}

func removeIfUnused(dir string) {
	used := filepath.Join(dir, usedName)
	if !isOld(used) && !(isMissing(used) && isOld(dir)) {
		return
	}
	fresh := isMissing(used) // the lock makes it
	unlock, ok := lockUnshared(used)
	if !ok {
		return
	}
	defer unlock()
	if !fresh && !isOld(used) {
		return // somebody came and went since
	}
	for _, name := range unpackedNames() {
		os.Remove(filepath.Join(dir, name))
	}
	removeLeftovers(dir)
	os.Remove(used)
	os.Remove(dir) // fails, and should, where something else lies in it
}

// unpackedNames is all that a version may have put into its folder, whichever architecture it was for.
func unpackedNames() []string {
	names := []string{".lock"}
	for _, name := range []string{manifest.Detection.Name, manifest.LandmarkLite.Name, manifest.LandmarkFull.Name, manifest.LandmarkHeavy.Name, manifest.Library} {
		names = append(names, name, markPath(name))
	}
	return names
}

func isOld(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && time.Since(info.ModTime()) > unusedAfter
}

func isMissing(path string) bool {
	_, err := os.Lstat(path)
	return os.IsNotExist(err)
}
