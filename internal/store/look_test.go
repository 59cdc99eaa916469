package store_test

import (
	"strings"
	"testing"

	"plumbline/internal/store"
)

// Who only looks makes no table.
func TestLookChangesNothing(t *testing.T) {
	name := server.NewDatabase(t)
	for range 2 {
		seen, err := store.Look(t.Context(), server.URL(name))
		if err != nil || seen.Table || seen.Version == "" || !strings.Contains(seen.Where, name) {
			t.Errorf("in an empty database: %+v, %v", seen, err)
		}
	}
	open(t, store.Options{URL: server.URL(name)})
	if seen, err := store.Look(t.Context(), server.URL(name)); err != nil || !seen.Table {
		t.Errorf("after a hub: %+v, %v", seen, err)
	}
	unfit := server.NewDatabase(t)
	server.SQL(t, unfit, "CREATE TABLE posture_log (id SERIAL PRIMARY KEY, received_time BYTEA)")
	if _, err := store.Look(t.Context(), server.URL(unfit)); err == nil || !strings.Contains(err.Error(), "received_time") {
		t.Errorf("a table that does not fit: %v", err)
	}
	if _, err := store.Look(t.Context(), server.URL("missing")); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("a database that is not there: %v", err)
	}
}
