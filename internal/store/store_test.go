package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumbline/internal/store"
	"plumbline/internal/testkit/pgbouncer"
	"plumbline/internal/testkit/postgres"
)

// server is the PostgreSQL that the package's tests share, each with a database of its own; bouncer is a PgBouncer before it.
var (
	server  *postgres.Server
	bouncer *pgbouncer.Pooler
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if server, err = postgres.New(postgres.Options{Settings: map[string]string{"max_connections": "100"}}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if bouncer, err = pgbouncer.New(server, pgbouncer.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, errors.Join(err, server.Close()))
		return 1
	}
	code := m.Run()
	if err := errors.Join(bouncer.Close(), server.Close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func open(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), o)
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

func freshSQLite(t testing.TB) store.Options {
	return store.Options{Path: filepath.Join(t.TempDir(), "plumbline.db")}
}

func freshPostgres(t testing.TB) store.Options {
	return store.Options{URL: server.URL(server.NewDatabase(t))}
}

func freshBounced(t testing.TB) store.Options {
	return store.Options{URL: bouncer.URL(server.NewDatabase(t))}
}

// databases are both kinds, each fresh at every call.
var databases = map[string]func(testing.TB) store.Options{
	"SQLite":     freshSQLite,
	"PostgreSQL": freshPostgres,
	"PostgreSQL by the simple protocol": func(t testing.TB) store.Options {
		return store.Options{URL: freshPostgres(t).URL + "&default_query_exec_mode=simple_protocol"}
	},
	"PostgreSQL behind PgBouncer": freshBounced,
	"PostgreSQL with prepared statements": func(t testing.TB) store.Options {
		return store.Options{URL: freshPostgres(t).URL + "&default_query_exec_mode=cache_statement"}
	},
}

func TestDatabasesConform(t *testing.T) {
	for name, fresh := range databases {
		t.Run(name, func(t *testing.T) {
			conformance(t, func(t *testing.T) *store.Store { return open(t, fresh(t)) })
		})
	}
}

func TestOpenRefusesOtherDatabases(t *testing.T) {
	for _, o := range []store.Options{{}, {URL: "mysql://me:secret@here/db"}, {URL: "postgres://me:sec ret/%zz@here:x/db"}} {
		_, err := store.Open(context.Background(), o)
		if err == nil || strings.Contains(err.Error(), "sec") {
			t.Errorf("%v: got %v, want a refusal that keeps the password", o, err)
		}
	}
}

func TestSQLiteFileMayHaveAnyName(t *testing.T) {
	o := store.Options{Path: filepath.Join(t.TempDir(), "a b?c%20#é;'.db")}
	appendAll(t, open(t, o), result(1, "pi1"))
	if got := all(t, open(t, o)); len(got) != 1 {
		t.Errorf("the second opening sees %d rows", len(got))
	}
	if _, err := os.Stat(o.Path); err != nil {
		t.Error(err)
	}
}
