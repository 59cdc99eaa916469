package postgres_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"plumbline/internal/store/postgres"
)

func supabase(more ...string) map[string]string {
	env := map[string]string{"SUPABASE_HOST": "db.example.co", "SUPABASE_DB": "postgres", "SUPABASE_USER": "me.ref", "SUPABASE_PASSWORD": "p@ss/w:or?d#%41 ü"}
	for i := 0; i < len(more); i += 2 {
		env[more[i]] = more[i+1]
	}
	return env
}

func TestPlaceHasNoSecret(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://me:secret@db.example.co:6543/posture?sslmode=require": "PostgreSQL at db.example.co:6543, database posture",
		"postgresql://me:secret@[::1]/posture":                            "PostgreSQL at [::1]:5432, database posture",
		"postgres:///posture?host=/run/postgresql&user=me":                "PostgreSQL at /run/postgresql, database posture",
		"postgres://me:sec ret@db/%zz":                                    "PostgreSQL",
	} {
		if got := postgres.Place(url); got != want {
			t.Errorf("%s is said to be %q, want %q", url, got, want)
		}
	}
}

func TestURL(t *testing.T) {
	for name, test := range map[string]struct {
		env       map[string]string
		want, err string
	}{
		"nothing":         {env: map[string]string{"OTHER": "x"}},
		"whole URL wins":  {env: supabase("DATABASE_URL", "postgres://a/b"), want: "postgres://a/b"},
		"SSL unset":       {env: supabase(), want: "postgres://me.ref:p%40ss%2Fw%3Aor%3Fd%23%2541%20%C3%BC@db.example.co:5432/postgres?sslmode=require"},
		"port and no SSL": {env: supabase("SUPABASE_PORT", "6543", "SUPABASE_SSL", "False"), want: "postgres://me.ref:p%40ss%2Fw%3Aor%3Fd%23%2541%20%C3%BC@db.example.co:6543/postgres?sslmode=disable"},
		"verified":        {env: supabase("SUPABASE_SSL", "verify-full"), want: "postgres://me.ref:p%40ss%2Fw%3Aor%3Fd%23%2541%20%C3%BC@db.example.co:5432/postgres?sslmode=verify-full"},
		"bad SSL":         {env: supabase("SUPABASE_SSL", "maybe"), err: "SUPABASE_SSL must be one of"},
		"bad port":        {env: supabase("SUPABASE_PORT", "70000"), err: "SUPABASE_PORT"},
		"half":            {env: map[string]string{"SUPABASE_PASSWORD": "secret"}, err: "SUPABASE_HOST, SUPABASE_DB, SUPABASE_USER must be set too"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := postgres.URL(test.env)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("got error %v, want %q", err, test.err)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	url, err := postgres.URL(supabase("SUPABASE_PORT", "6543"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := postgres.Config(url)
	if err != nil {
		t.Fatal(err)
	}
	conn := c.ConnConfig
	if conn.Password != supabase()["SUPABASE_PASSWORD"] || conn.User != "me.ref" || conn.Host != "db.example.co" || conn.Port != 6543 || conn.Database != "postgres" {
		t.Errorf("wrong connection: %s@%s:%d/%s", conn.User, conn.Host, conn.Port, conn.Database)
	}
	if conn.TLSConfig == nil || len(conn.Fallbacks) != 0 {
		t.Error("TLS is not required")
	}
	if conn.DefaultQueryExecMode != pgx.QueryExecModeExec {
		t.Errorf("query mode is %v: prepared statements break behind poolers", conn.DefaultQueryExecMode)
	}
}

func TestConfigSettings(t *testing.T) {
	c, err := postgres.Config("postgres://u:p@h/d?pgbouncer=true&connection_limit=1&pool_max_conns=1&default_query_exec_mode=simple_protocol")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"timezone": "UTC", "application_name": "plumbline"}, c.ConnConfig.RuntimeParams); diff != "" {
		t.Error(diff)
	}
	if c.MaxConns != 2 || c.ConnConfig.DefaultQueryExecMode != pgx.QueryExecModeSimpleProtocol {
		t.Errorf("%d connections, mode %v", c.MaxConns, c.ConnConfig.DefaultQueryExecMode)
	}
}

// FuzzConfig: whatever the URL, an error never quotes the password.
func FuzzConfig(f *testing.F) {
	for _, s := range []string{"p", "a/b", "a#b", "a?b", "a:b", "%zz", "a b", "[", "@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		password := "se" + s + "cret"
		_, err := postgres.Config("postgres://me:" + password + "@host:1/db")
		if err != nil && (strings.Contains(err.Error(), password) || strings.Contains(err.Error(), "cret")) {
			t.Errorf("the error tells the password: %v", err)
		}
	})
}

// TestTLSWhereNothingIsSaid: plain text is tried on this machine only.
func TestTLSWhereNothingIsSaid(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://u:p%40@db.example.co/d":                       "required",
		"postgresql://u:p@db.example.co:6543/d?pool_max_conns=3":  "required",
		"postgres://u:p@10.0.0.7/d":                               "required",
		"postgres://u:p@localhost,db.example.co/d":                "required",
		"postgres://u:p@db.example.co/d?sslmode=prefer":           "preferred",
		"postgres://u:p@db.example.co/d?sslmode=disable":          "off",
		"postgres://u:p@localhost/d":                              "preferred",
		"postgres://u:p@127.0.0.1:5433/d":                         "preferred",
		"postgres://u:p@[::1]/d":                                  "preferred",
		"postgres://u:p@/d?host=/var/run/postgresql":              "off",
		"postgres://u:p@/d?host=db.example.co&application_name=x": "required",
	} {
		c, err := postgres.Config(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		got, plain := "required", false
		for _, f := range c.ConnConfig.Fallbacks {
			plain = plain || f.TLSConfig == nil
		}
		switch {
		case c.ConnConfig.TLSConfig == nil:
			got = "off"
		case plain:
			got = "preferred"
		}
		if got != want || c.ConnConfig.User != "u" {
			t.Errorf("%s: TLS is %s, want %s", url, got, want)
		}
	}
}
