package store_test

import (
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/posture"
	"plumbline/internal/store"
)

const day = 24 * time.Hour

// aged is the n-th result, of a picture received so long ago and analysed a second later.
func aged(n int, age time.Duration) posture.Result {
	r := result(n, "pi1")
	r.ReceivedAt = time.Now().Add(-age).UTC().Truncate(time.Microsecond)
	r.AnalyzedAt = r.ReceivedAt.Add(time.Second)
	return r
}

func remainingIDs(t *testing.T, s *store.Store) []string {
	t.Helper()
	var ids []string
	for id, err := range s.CaptureIDs(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

func removedIDs(t *testing.T, s *store.Store) []string {
	t.Helper()
	var ids []string
	for id, err := range s.RemovedIDs(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func removeRows(t *testing.T, s *store.Store, age time.Duration) int {
	t.Helper()
	n, err := s.RemoveRows(context.Background(), time.Now().Add(-age), 30*day)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// oldRows: old rows go, and those that the journal may speak of are remembered.
func oldRows(t *testing.T, s *store.Store) {
	replayed := aged(4, 100*day)
	replayed.AnalyzedAt = time.Now().Add(-5 * day) // its journal entry may be young: it is noted, however old the picture
	undated := result(5, "pi1")
	undated.ReceivedAt = time.Time{}
	appendAll(t, s, aged(1, 40*day), aged(2, 20*day), aged(3, 5*day), replayed, undated)
	if n := removeRows(t, s, 10*day); n != 3 {
		t.Errorf("%d rows removed, want 3", n)
	}
	if diff := cmp.Diff([]string{id(3), id(5)}, remainingIDs(t, s)); diff != "" {
		t.Errorf("what is left: %s", diff)
	}
	if diff := cmp.Diff([]string{id(2), id(4)}, removedIDs(t, s)); diff != "" {
		t.Errorf("what is noted: %s", diff)
	}
	found, err := s.EverRecorded(context.Background(), []string{id(1), id(2), id(3), id(9), ""})
	if diff := cmp.Diff(map[string]bool{id(2): true, id(3): true}, found); diff != "" || err != nil {
		t.Errorf("ever recorded: %s, %v", diff, err)
	}
	appendAll(t, s, aged(2, 20*day)) // analysed again, since its acknowledgement was lost
	if n := removeRows(t, s, 10*day); n != 1 {
		t.Errorf("%d rows removed, want the one that came again", n)
	}
	if n := removeRows(t, s, 10*day); n != 0 {
		t.Errorf("%d rows removed, want none", n)
	}
}

// manyOldRows: more than a batch, while others write.
func manyOldRows(t *testing.T, s *store.Store) {
	const many = 1300
	rows := make([]posture.Result, many)
	for n := range rows {
		rows[n] = aged(n, 20*day)
	}
	appendAll(t, s, rows...)
	writing := make(chan error)
	go func() {
		var err error
		for n := range 20 {
			if err == nil {
				_, err = s.Append(context.Background(), []posture.Result{aged(many+n, time.Hour)})
			}
		}
		writing <- err
	}()
	if n := removeRows(t, s, 10*day); n != many {
		t.Errorf("%d rows removed, want %d", n, many)
	}
	if err := <-writing; err != nil {
		t.Error(err)
	}
	if n := len(remainingIDs(t, s)); n != 20 {
		t.Errorf("%d rows left, want 20", n)
	}
	if n := len(removedIDs(t, s)); n != many {
		t.Errorf("%d ids noted, want %d", n, many)
	}
}

func TestRetention(t *testing.T) {
	for name, fresh := range databases {
		t.Run(name, func(t *testing.T) {
			t.Run("old rows", func(t *testing.T) { oldRows(t, open(t, fresh(t))) })
			t.Run("many", func(t *testing.T) { manyOldRows(t, open(t, fresh(t))) })
		})
	}
}

// Notes older than the journal are forgotten, by the same call that removes rows.
func TestNotesAreForgotten(t *testing.T) {
	for name, fresh := range databases {
		t.Run(name, func(t *testing.T) {
			o := fresh(t)
			s := open(t, o)
			execute(t, o, "INSERT INTO posture_log_removed (capture_id, removed_at) VALUES ('old', '2020-01-01 00:00:00.000000');")
			appendAll(t, s, aged(1, 20*day))
			removeRows(t, s, 10*day)
			if diff := cmp.Diff([]string{id(1)}, removedIDs(t, s)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Rows that the original wrote have no capture id: they are counted apart, and removed for their age without a note, from
// whatever table it made.
func TestRetentionOfTheOriginalsRows(t *testing.T) {
	for database, fresh := range map[string]func(testing.TB) store.Options{"SQLite": freshSQLite, "PostgreSQL": freshPostgres} {
		for _, name := range slices.Sorted(maps.Keys(existing)) {
			table := existing[name]
			if table.only != "" && table.only != database {
				continue
			}
			t.Run(database+"/"+name, func(t *testing.T) {
				o := fresh(t)
				execute(t, o, append(table.statements, originalInsert("pi1", "31"), originalInsert("pi2", "32"))...)
				s := open(t, o)
				appendAll(t, s, aged(1, time.Hour))
				if n, err := s.CountOthers(context.Background()); n != 2 || err != nil {
					t.Errorf("%d rows of others, %v; want 2", n, err)
				}
				if n := removeRows(t, s, day); n != 2 {
					t.Errorf("%d rows removed, want 2", n)
				}
				if left, noted := remainingIDs(t, s), removedIDs(t, s); len(left) != 1 || len(noted) != 0 {
					t.Errorf("left %v, noted %v", left, noted)
				}
			})
		}
	}
}
