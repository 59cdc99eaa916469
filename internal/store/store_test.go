package store_test

import (
	"context"
	"path/filepath"
	"testing"

	"plumbline/internal/store"
)

func openSQLite(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), store.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestOpenSQLiteTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c%20#é.db")
	openSQLite(t, path)
	openSQLite(t, path)
}

func TestSQLiteConforms(t *testing.T) {
	conformance(t, func(t *testing.T) *store.Store { return openSQLite(t, filepath.Join(t.TempDir(), "plumbline.db")) })
}
