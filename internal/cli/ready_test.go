package cli_test

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
)

// A health check's exit code says what a real role answers, what one that is not ready answers, and that nobody does.
func TestReady(t *testing.T) {
	e := startExport(t, "--sysfs", t.TempDir())
	defer e.end(t)
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"ready":false,"checks":{"queue":"failed"}}`))
	}))
	defer busy.Close()
	for name, c := range map[string]struct {
		url, says string
		code      int
	}{
		"ready":     {strings.TrimSuffix(e.url, "/metrics"), `"ready":true`, 0},
		"not ready": {busy.URL, `"queue":"failed"`, 1},
		"nobody":    {"http://127.0.0.1:1", "asking whether it is ready", 1},
		"misused":   {"127.0.0.1:1", "no address", 2},
	} {
		cmd := exec.CommandContext(t.Context(), "plumbline", "ready", c.url)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.says) {
			t.Errorf("%s: exit code %d, and it says %s", name, code, out)
		}
	}
}
