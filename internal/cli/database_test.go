package cli_test

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"plumbline/internal/testkit/postgres"
)

// With its PostgreSQL gone a hub still accepts pictures, says that it is degraded, and ends when told to; the next one
// records what waited. No password shows in what it says.
func TestDatabaseGoesAndComesBack(t *testing.T) {
	server := postgres.ForTest(t, postgres.Options{})
	database := server.NewDatabase(t)
	t.Setenv("DATABASE_URL", server.URL(database))
	h := startHub(t, "--stop-grace", "1s", "--log-level", "debug")
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	sendOne(t, h.mqtt)
	h.until(20*time.Second, "a hub that is degraded", func() bool {
		return h.status("/readyz") == http.StatusOK && strings.Contains(h.body("/readyz"), `"degraded":true`)
	})
	started := time.Now()
	h.stop()
	if took := time.Since(started); took > 15*time.Second {
		t.Errorf("the hub took %s to end", took)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	h.start()
	h.drain()
	h.stop()
	if got := server.SQL(t, database, "SELECT count(*), min(pi_id) FROM posture_log"); got != "1|pi1" {
		t.Errorf("the table holds %q, want the one row of pi1", got)
	}
	if strings.Contains(h.stderr.String(), postgres.Password) {
		t.Errorf("a password in the log:\n%s", h.stderr.String())
	}
}

// A hub starts while its PostgreSQL is away: it accepts pictures, shows a sentence instead of results, and records what waits when the
// database comes, whose table it makes then. The latest results are announced then, too.
func TestHubStartsBeforeItsDatabase(t *testing.T) {
	server := postgres.ForTest(t, postgres.Options{})
	database := server.NewDatabase(t)
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DATABASE_URL", server.URL(database))
	h := startHub(t)
	for range 3 {
		sendOne(t, h.mqtt)
	}
	if code, text := h.status("/readyz"), h.body("/readyz"); code != http.StatusOK || !strings.Contains(text, "not been reached yet") || !strings.Contains(text, `"degraded":true`) {
		t.Errorf("/readyz says %d %s", code, text)
	}
	if code, text := h.status("/"), h.body("/"); code != http.StatusServiceUnavailable || !strings.Contains(text, "The database does not answer") || !strings.Contains(text, "3 waiting") && !strings.Contains(text, "in hand") {
		t.Errorf("the page says %d %s", code, text)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	h.drain()
	if code, text := h.status("/"), h.body("/"); code != http.StatusOK || !strings.Contains(text, "pi1") {
		t.Errorf("the page says %d %s", code, text)
	}
	if code, text := h.status("/readyz"), h.body("/readyz"); code != http.StatusOK || strings.Contains(text, "degraded") {
		t.Errorf("/readyz says %d %s", code, text)
	}
	h.stop()
	if got := server.SQL(t, database, "SELECT count(*), count(DISTINCT capture_id) FROM posture_log"); got != "3|3" {
		t.Errorf("the table holds %q, want three rows", got)
	}
	if got := strings.Count(h.stderr.String(), "results wait in the queue"); got < 1 || got > 3 {
		t.Errorf("the outage is told %d times:\n%s", got, h.stderr.String())
	}
	if strings.Contains(h.stderr.String(), postgres.Password) || strings.Contains(h.stderr.String(), "p%40ss") {
		t.Errorf("a password in the log:\n%s", h.stderr.String())
	}
}

// A hub whose settings are wrong does not start, and says what to do in a sentence without the password.
func TestHubRefusesAWrongDatabase(t *testing.T) {
	server := postgres.ForTest(t, postgres.Options{})
	name := server.NewDatabase(t)
	server.SQL(t, name, "CREATE TABLE posture_log (id SERIAL PRIMARY KEY, pi_id TEXT, capture_id INTEGER)")
	right := server.URL(name)
	for what, c := range map[string]struct{ url, want string }{
		"password": {strings.Replace(right, "word", "wort", 1), "check user and password"},
		"database": {strings.Replace(right, name, "nowhere", 1), `CREATE DATABASE "nowhere"`},
		"table":    {right, "ALTER TABLE posture_log ALTER COLUMN capture_id TYPE text"},
		"TLS":      {strings.Replace(right, "disable", "require", 1), "SUPABASE_SSL=disable"},
	} {
		t.Run(what, func(t *testing.T) {
			cmd := exec.Command("plumbline", "serve", "--workers", "0", "--data", t.TempDir(), "--mqtt-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0")
			cmd.Env = append(os.Environ(), "DATABASE_URL="+c.url)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), c.want) {
				t.Errorf("got %v: %s; want %q", err, out, c.want)
			}
			if strings.Contains(string(out), "p@ss") || strings.Contains(string(out), "p%40ss") {
				t.Errorf("the password shows: %s", out)
			}
		})
	}
}
