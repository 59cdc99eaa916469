package store_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"plumbline/internal/store"
)

// holders take the lock that a migrating process holds, and give it back.
var holders = map[string]func(t *testing.T, o store.Options) (release func()){
	"SQLite": func(t *testing.T, o store.Options) func() {
		file, err := os.Create(o.Path + ".migrating")
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
			t.Fatal(err)
		}
		return func() { file.Close() }
	},
	"PostgreSQL": func(t *testing.T, o store.Options) func() {
		c, err := pgconn.Connect(context.Background(), o.URL)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Exec(context.Background(), "BEGIN; SELECT pg_advisory_xact_lock(x'706c756d62'::bigint)").ReadAll(); err != nil {
			t.Fatal(err)
		}
		return func() { c.Close(context.Background()) }
	},
}

func TestOpenWaitsWhileAnotherMigrates(t *testing.T) {
	for name, hold := range holders {
		t.Run(name, func(t *testing.T) {
			o := databases[name](t)
			release := hold(t, o)
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			defer cancel()
			_, err := store.Open(ctx, o)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "another process that migrates") {
				t.Errorf("while another migrates: %v", err)
			}
			opened := make(chan error, 1)
			go func() {
				s, err := store.Open(context.Background(), o)
				if err == nil {
					err = s.Close()
				}
				opened <- err
			}()
			release()
			if err := <-opened; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestMigrationGivesUpOnALockedTable: a program may keep a transaction open for days, as psycopg2 does after a SELECT.
func TestMigrationGivesUpOnALockedTable(t *testing.T) {
	o := freshPostgres(t)
	execute(t, o, originalTable, originalInsert("pi1", "31"))
	c, err := pgconn.Connect(context.Background(), o.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(context.Background(), "BEGIN; SELECT * FROM posture_log").ReadAll(); err != nil {
		t.Fatal(err)
	}
	_, err = store.Open(context.Background(), store.Options{URL: o.URL + "&lock_timeout=100ms"})
	if err == nil || !strings.Contains(err.Error(), "idle in transaction") {
		t.Fatalf("got %v, want the advice to end the other's transaction", err)
	}
	if _, err := c.Exec(context.Background(), "COMMIT").ReadAll(); err != nil {
		t.Fatal(err)
	}
	if got := all(t, open(t, o)); len(got) != 1 {
		t.Errorf("%d rows, want the original's one", len(got))
	}
}
