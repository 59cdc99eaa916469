package datadir_test

import (
	"os"
	"path/filepath"
	"testing"

	"plumbline/internal/datadir"
)

func TestOnlyAHubsFolderIsOne(t *testing.T) {
	hubs, photos := t.TempDir(), t.TempDir()
	folder, err := datadir.Lock(hubs)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	if err := datadir.Used(hubs); err != nil {
		t.Errorf("after a hub has ended: %v", err)
	}
	for _, path := range []string{photos, filepath.Join(photos, "nowhere")} {
		if datadir.Used(path) == nil {
			t.Errorf("%s passes for a hub's folder", path)
		}
	}
	if left, _ := os.ReadDir(photos); len(left) > 0 {
		t.Errorf("looking left %v", left)
	}
}
