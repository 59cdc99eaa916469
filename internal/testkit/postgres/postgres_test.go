package postgres_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"plumbline/internal/testkit/postgres"
)

func TestServerStopsAndStartsAgain(t *testing.T) {
	s := postgres.ForTest(t, postgres.Options{})
	name := s.NewDatabase(t)
	s.SQL(t, name, "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (2, NULL)")
	for how, stop := range map[string]func() error{"in order": s.Stop, "at once": s.Kill} {
		if err := stop(); err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		if c, err := net.Dial("tcp", s.Address()); err == nil {
			t.Errorf("%s: still listening", how)
			c.Close()
		}
		if err := s.Start(); err != nil {
			t.Fatalf("%s: %v", how, err)
		}
	}
	if got := s.SQL(t, name, "SELECT * FROM t ORDER BY a"); got != "1|x\n2|" {
		t.Errorf("after two restarts the table holds %q", got)
	}
}

func TestServersLeaveNothingBehind(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	grantPassage(t)
	s, err := postgres.New(postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	address := s.Address()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		t.Error("still listening")
		c.Close()
	}
	if left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "pg*")); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// grantPassage lets the server's user through the test's own folder.
func grantPassage(t *testing.T) {
	t.Helper()
	for _, folder := range []string{os.Getenv("TMPDIR"), filepath.Dir(os.Getenv("TMPDIR"))} {
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
