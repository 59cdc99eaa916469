package cli_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline/internal/testkit/postgres"
)

// With its PostgreSQL gone a hub still accepts pictures, says that it is not ready, and ends when told to; the next one
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
	h.until(20*time.Second, "a hub that is not ready", func() bool {
		response, err := http.Get("http://" + h.http + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusServiceUnavailable
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
