package store_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumbline/internal/posture"
	"plumbline/internal/store"
	"plumbline/internal/testkit/postgres"
)

// changed is a URL with something else in it.
func changed(t *testing.T, address string, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestPostgresErrorsSayWhatToDo: the error names the database and the remedy, and never the password.
func TestPostgresErrorsSayWhatToDo(t *testing.T) {
	name := server.NewDatabase(t)
	weak := "Weak-er of " + name
	server.SQL(t, name, `CREATE ROLE "`+weak+`" LOGIN PASSWORD 'hidden';`)
	weaker := func(u *url.URL) { u.User = url.UserPassword(weak, "hidden") }
	for what, test := range map[string]struct {
		database string
		change   func(*url.URL)
		want     []string
	}{
		"wrong password": {name, func(u *url.URL) { u.User = url.UserPassword(postgres.User, "hidden") }, []string{name, "password authentication failed", "check user and password"}},
		"no database":    {name, func(u *url.URL) { u.Path = "/nowhere" }, []string{`CREATE DATABASE "nowhere" OWNER "plumbline";`}},
		"no right":       {name, weaker, []string{`GRANT SELECT, INSERT ON posture_log TO "` + weak + `";`}},
		"no server":      {name, func(u *url.URL) { u.Host = freeAddress(t) }, []string{"connection refused", "is the server running"}},
		"no such host":   {name, func(u *url.URL) { u.Host = "nowhere.invalid:5432" }, []string{"host name is not known"}},
		"no TLS":         {name, func(u *url.URL) { u.RawQuery = "sslmode=require" }, []string{"SUPABASE_SSL=disable"}},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := store.Open(context.Background(), store.Options{URL: changed(t, server.URL(test.database), test.change)})
			if err == nil {
				t.Fatal("opened")
			}
			if strings.Contains(err.Error(), "\n\t") || strings.Count(err.Error(), "connection refused") > 1 {
				t.Errorf("said twice, or over several lines: %q", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want it to say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), postgres.Password) {
				t.Errorf("the password is in %q", err)
			}
		})
	}
}

func TestPostgresThatDoesNotAnswer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err = store.Open(ctx, store.Options{URL: "postgres://u:p@" + silent.Addr().String() + "/d?sslmode=disable"})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("got %v", err)
	}
}

// TestPostgresRefusalOfARow: what only the server finds wrong with a row is a refusal as well, not an outage.
func TestPostgresRefusalOfARow(t *testing.T) {
	o := freshPostgres(t)
	s := open(t, o)
	execute(t, o, "ALTER TABLE posture_log ADD CHECK (pi_id <> 'banned')")
	_, err := s.Append(context.Background(), []posture.Result{result(1, "banned")})
	var refused *store.Refused
	if !errors.As(err, &refused) || refused.CaptureID != id(1) {
		t.Errorf("got %v, want a refusal", err)
	}
	_, err = s.Append(context.Background(), []posture.Result{result(1, "banned"), result(2, "pi1")})
	if !errors.As(err, &refused) || len(all(t, s)) != 0 {
		t.Errorf("got %v, want a refusal of both", err)
	}
}

func TestSQLiteErrorsSayWhatToDo(t *testing.T) {
	folder := t.TempDir()
	text := filepath.Join(folder, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database ", 100)), 0o644); err != nil {
		t.Fatal(err)
	}
	const readOnly = "/sys/plumbline.db" // where root may not write either
	for path, want := range map[string]string{
		text:                                "no SQLite database",
		folder:                              "is a directory",
		readOnly:                            "must be writable for this user",
		filepath.Join(folder, "no", "x.db"): "no such file or directory",
	} {
		_, err := store.Open(context.Background(), store.Options{Path: path})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
	o := freshSQLite(t)
	s := open(t, o)
	execute(t, o, "CREATE TRIGGER strict BEFORE INSERT ON posture_log WHEN new.pi_id = 'banned' BEGIN SELECT RAISE(ABORT, 'banned'); END")
	_, err := s.Append(context.Background(), []posture.Result{result(1, "pi1"), result(2, "banned")})
	var refused *store.Refused
	if !errors.As(err, &refused) || refused.CaptureID != id(2) || len(all(t, s)) != 0 {
		t.Errorf("got %v, want a refusal of the second and no row", err)
	}
}
