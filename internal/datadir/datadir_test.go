package datadir_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumbline/internal/datadir"
)

func lock(t *testing.T, path string) *datadir.Folder {
	t.Helper()
	f, err := datadir.Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestOneProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "anew")
	first := lock(t, path)
	if _, err := datadir.Lock(path); !errors.Is(err, datadir.ErrInUse) {
		t.Errorf("a second lock: %v, want ErrInUse", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := lock(t, path).Close(); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v; want it closed to others", info.Mode(), err)
	}
}

func TestHubIsFoundWhileItHoldsTheFolder(t *testing.T) {
	path := t.TempDir()
	f := lock(t, path)
	if _, err := datadir.ReadHub(path); err == nil {
		t.Error("a hub is found before it says so")
	}
	want := datadir.Hub{PID: os.Getpid(), Socket: "/s", HTTP: "127.0.0.1:1", MQTT: "127.0.0.1:2"}
	if err := f.Announce(want); err != nil {
		t.Fatal(err)
	}
	if got, err := datadir.ReadHub(path); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := datadir.ReadHub(path); err == nil {
		t.Error("a hub is found after its end")
	}
}

// The kernel takes a socket's path of 107 bytes at most: that of a deep folder lies elsewhere.
func TestSocketPath(t *testing.T) {
	for name, c := range map[string]struct {
		folder string
		inside bool
	}{
		"short": {"d", true},
		"deep":  {strings.Repeat("deep/", 30), false},
	} {
		t.Run(name, func(t *testing.T) {
			f := lock(t, filepath.Join(t.TempDir(), c.folder))
			defer f.Close()
			path, cleanup, err := f.SocketPath()
			if err != nil {
				t.Fatal(err)
			}
			defer cleanup()
			if len(path) > 107 || strings.HasPrefix(path, f.Path) != c.inside {
				t.Errorf("the socket of %s is %s", f.Path, path)
			}
		})
	}
}
