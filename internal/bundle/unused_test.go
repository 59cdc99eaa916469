package bundle_test

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"plumbline/internal/bundle"
	"plumbline/internal/bundle/manifest"
)

// older is what another version has unpacked into the same cache, and a month ago was used last.
func older(t *testing.T, s bundle.Surroundings) (folder string) {
	t.Helper()
	c := process(t, s, false) // a process of its own, whose use ends with it
	if out, err := c.Output(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	folders, err := filepath.Glob(filepath.Join(s.UserCache, "*", ".used"))
	if err != nil || len(folders) != 1 {
		t.Fatalf("%v, %v: want the one folder of the other version", folders, err)
	}
	folder = filepath.Dir(folders[0])
	age(t, folders[0])
	age(t, folder)
	// Another version's folder bears another name.
	other := filepath.Join(s.UserCache, "0123456789abcdef")
	if err := os.Rename(folder, other); err != nil {
		t.Fatal(err)
	}
	return other
}

func age(t *testing.T, path string) {
	t.Helper()
	month := time.Now().Add(-31 * 24 * time.Hour)
	if err := os.Chtimes(path, month, month); err != nil {
		t.Fatal(err)
	}
}

func TestFoldersOfOtherVersionsAreRemovedWhenUnused(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(t *testing.T, folder string)
		removed bool
	}{
		"unused for a month":            {func(*testing.T, string) {}, true},
		"used since":                    {func(t *testing.T, f string) { touch(t, filepath.Join(f, ".used")) }, false},
		"in use by a long-running hub":  {func(t *testing.T, f string) { share(t, filepath.Join(f, ".used")) }, false},
		"of a version without a stamp":  {func(t *testing.T, f string) { remove(t, filepath.Join(f, ".used")); age(t, f) }, true},
		"unpacked lately, no stamp":     {func(t *testing.T, f string) { remove(t, filepath.Join(f, ".used")) }, false},
		"with something of the user's":  {func(t *testing.T, f string) { put(t, f, "notes.txt"); age(t, f) }, false},
		"of another program altogether": {func(t *testing.T, f string) { rename(t, f, filepath.Join(filepath.Dir(f), "pictures")) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := machine(t)
			folder := older(t, s)
			c.change(t, folder)
			holdsCarried(t, locate(t, s, full))
			if _, err := os.Stat(folder); name != "of another program altogether" && os.IsNotExist(err) != c.removed {
				t.Errorf("the folder: %v, want it removed: %t", err, c.removed)
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(folder), "pictures", manifest.Library)); name == "of another program altogether" && err != nil {
				t.Error(err)
			}
		})
	}
}

// Processes that start while others remove what looks unused find their files all the same.
func TestRemovingDisturbsNobodyWhoStarts(t *testing.T) {
	s := machine(t)
	locateElsewhere(t, s)
	stamps, err := filepath.Glob(filepath.Join(s.UserCache, "*", ".used"))
	if err != nil || len(stamps) != 1 {
		t.Fatalf("%v, %v: want one stamp", stamps, err)
	}
	ending, removed := make(chan struct{}), 0
	var removing sync.WaitGroup
	for range 2 {
		removing.Go(func() {
			for {
				select {
				case <-ending:
					return
				default:
				}
				month := time.Now().Add(-31 * 24 * time.Hour)
				_ = os.Chtimes(stamps[0], month, month) // there or not
				bundle.RemoveUnused(s.UserCache)
			}
		})
	}
	for range 25 {
		if _, err := os.Stat(stamps[0]); err != nil {
			removed++
		}
		locateElsewhere(t, s)
	}
	close(ending)
	removing.Wait()
	if removed == 0 {
		t.Error("nothing was ever removed: nothing was tried")
	}
}

// locateElsewhere has another process find the files and read them.
func locateElsewhere(t *testing.T, s bundle.Surroundings) {
	t.Helper()
	out, err := processWith(t, order{Executable: s.Executable, UserCache: s.UserCache, Temp: s.Temp, Read: true}).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := answerOf(out); err != nil {
		t.Error(err)
	}
}

// share holds the stamp's lock as a process does that uses the folder.
func share(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH); err != nil {
		t.Fatal(err)
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.Chtimes(path, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
