package bundle_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline/internal/bundle"
)

func TestDamagedFilesAreUnpackedAgain(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"a byte turned, its time set back": func(path string) error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b[len(b)/2] ^= 1
			if err := os.WriteFile(path, b, 0o600); err != nil {
				return err
			}
			return os.Chtimes(path, info.ModTime(), info.ModTime())
		},
		"half written":      func(path string) error { return os.Truncate(path, 1000) },
		"emptied":           func(path string) error { return os.Truncate(path, 0) },
		"removed":           os.Remove,
		"a link to another": func(path string) error { return replaceByLink(path) },
		"half written, the mark gone": func(path string) error {
			if err := os.Remove(path + ".verified"); err != nil {
				return err
			}
			return os.Truncate(path, 1000)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := machine(t)
			files := locate(t, s, full)
			settle(t, files.Library)
			if err := damage(files.Library); err != nil {
				t.Fatal(err)
			}
			holdsCarried(t, locate(t, s, full))
			s.Hashed = func(path string) { t.Errorf("the start after the repair reads %s in full", path) }
			locate(t, s, full)
		})
	}
}

// settle waits until the file system's clock, which moves in steps of some milliseconds, has left the file's time of change:
// a change within the same step would be invisible, which no real one is.
func settle(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "clock")
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		if err := os.WriteFile(other, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if now, err := os.Stat(other); err == nil && now.ModTime().After(info.ModTime()) {
			return
		}
	}
	t.Fatal("the file system's clock stands still")
}

func replaceByLink(path string) error {
	elsewhere := filepath.Join(filepath.Dir(path), "elsewhere")
	if err := os.Rename(path, elsewhere); err != nil {
		return err
	}
	return os.Symlink(elsewhere, path)
}

func TestATouchedFileIsReadOnceMore(t *testing.T) {
	s := machine(t)
	files := locate(t, s, full)
	settle(t, files.Library)
	if err := os.Chmod(files.Library, 0o640); err != nil {
		t.Fatal(err)
	}
	var read []string
	s.Hashed = func(path string) { read = append(read, path) }
	for range 3 {
		locate(t, s, full)
	}
	if len(read) != 1 || read[0] != files.Library {
		t.Errorf("read in full: %v", read)
	}
}

func TestWhatDoesNotHaveItsHashIsNotUnpacked(t *testing.T) {
	s := machine(t)
	s.Forged = true
	o := full
	o.CacheDir = t.TempDir()
	_, err := s.Locate(o)
	if err == nil || !strings.Contains(err.Error(), "build it again") {
		t.Fatalf("the error is %v", err)
	}
	_ = filepath.Walk(o.CacheDir, func(path string, info os.FileInfo, _ error) error {
		if info.Size() > 1000 && !info.IsDir() {
			t.Errorf("%s was left behind", path)
		}
		return nil
	})
}

func TestManyAtOnceInOneProcess(t *testing.T) {
	s := machine(t)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			files, err := s.Locate(full)
			if err != nil {
				t.Error(err)
				return
			}
			holdsCarried(t, files)
		})
	}
	wg.Wait()
}

func TestWithoutAHomeATemporaryFolderStandsIn(t *testing.T) {
	s := machine(t)
	s.UserCache = ""
	files := locate(t, s, full)
	holdsCarried(t, files)
	if !strings.HasPrefix(files.CacheDir, s.Temp) || !strings.Contains(files.Warning, "HOME") || !strings.Contains(files.Warning, "--cache-dir") {
		t.Errorf("%+v", files)
	}
	if info, err := os.Stat(files.CacheDir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is open to others: %v, %v", info, err)
	}
	if again := locate(t, s, full); again.CacheDir != files.CacheDir {
		t.Errorf("the next start uses another folder: %s", again.CacheDir)
	}
}

func TestATemporaryFolderThatOthersMayWriteIsNotUsed(t *testing.T) {
	s := machine(t)
	s.UserCache = ""
	first := locate(t, s, full).CacheDir
	if err := os.Chmod(first, 0o777); err != nil {
		t.Fatal(err)
	}
	files := locate(t, s, full)
	holdsCarried(t, files)
	if files.CacheDir == first {
		t.Errorf("%s was used again", first)
	}
}

func TestACacheThatCannotBeMade(t *testing.T) {
	s := machine(t)
	if err := os.WriteFile(filepath.Join(s.Temp, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.UserCache = filepath.Join(s.Temp, "file", "plumbline")
	files := locate(t, s, full)
	holdsCarried(t, files)
	if !strings.Contains(files.Warning, "not a directory") {
		t.Errorf("the warning is %q", files.Warning)
	}
	_, err := s.Locate(bundle.Options{Model: "full", CacheDir: s.UserCache})
	if err == nil || !strings.Contains(err.Error(), "--cache-dir") || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("a folder that was asked for and cannot be made gives %v", err)
	}
}
