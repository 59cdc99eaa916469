//go:build cgo

package ort_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// When a network is made anew, what nobody has opened for a month goes; what was opened since stays.
func TestUnusedNetworksAreRemoved(t *testing.T) {
	dir := t.TempDir()
	used, unused := open(t, dir, "used").CachePath(), open(t, dir, "unused").CachePath()
	folder := filepath.Dir(used)
	abandoned, others := filepath.Join(folder, ".new-1"), filepath.Join(folder, "notes.txt")
	if err := os.Mkdir(abandoned, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(others, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	month := time.Now().Add(-31 * 24 * time.Hour)
	for _, path := range []string{used, unused, abandoned, others} {
		if err := os.Chtimes(path, month, month); err != nil {
			t.Fatal(err)
		}
	}
	works(t, open(t, dir, "used")) // stamps it
	open(t, dir, "new")
	for path, want := range map[string]bool{used: true, unused: false, abandoned: false, others: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: %v, want it there: %t", filepath.Base(path), err, want)
		}
	}
}
