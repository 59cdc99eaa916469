package sqlite

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
)

func openFresh(t *testing.T) *Database {
	t.Helper()
	d, err := Open(t.Context(), filepath.Join(t.TempDir(), "plumbline.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// TestCommitsAreSynced reads the settings that the promise of a commit hangs on, from the connections as they are used.
func TestCommitsAreSynced(t *testing.T) {
	d := openFresh(t)
	for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "busy_timeout": "10000"} {
		var got string
		if err := d.writer.QueryRow("PRAGMA " + name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", name, got, err, want)
		}
	}
	if _, err := d.reader.Exec("DELETE FROM posture_log"); err == nil {
		t.Error("a reader may write")
	}
}

// TestReadsByIndex asks SQLite how it would read: no page of the dashboard may read the whole table.
func TestReadsByIndex(t *testing.T) {
	d := openFresh(t)
	for name, query := range map[string]string{
		"latest": selection + latestIn,
		"recent": selection + recentOf(""),
		"device": selection + recentOf("pi1"),
	} {
		for _, step := range plan(t, d, query, strings.Contains(query, "?")) {
			if strings.HasPrefix(step, "SCAN posture_log") || name != "latest" && strings.Contains(step, "TEMP B-TREE") {
				t.Errorf("%s: %s", name, step)
			}
		}
	}
}

func plan(t *testing.T, d *Database, query string, withValues bool) (steps []string) {
	t.Helper()
	var values []any
	if withValues {
		values = []any{1, 1, "pi1"}
	}
	rows, err := d.reader.Query("EXPLAIN QUERY PLAN "+query, values...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil || len(steps) == 0 {
		t.Fatalf("%d steps, %v", len(steps), err)
	}
	return steps
}
