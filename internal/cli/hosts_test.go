package cli_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// On loopback the page answers to the names that it is given, by flag or as a list in the configuration file, and to no other.
func TestPageAnswersToItsHostNames(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plumbline.yaml")
	if err := os.WriteFile(file, []byte("http-host:\n  - one.example.lan\n  - two.example.lan\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, flags := range map[string][]string{
		"flags": {"--http-host", "one.example.lan", "--http-host", "two.example.lan"},
		"file":  {"--config", file},
	} {
		t.Run(name, func(t *testing.T) {
			h := startHub(t, append(flags, "--workers", "0")...)
			for host, want := range map[string]int{
				"localhost": http.StatusOK, "one.example.lan": http.StatusOK, "two.example.lan:8443": http.StatusOK,
				"other.example.lan": http.StatusMisdirectedRequest,
			} {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+h.http+"/healthz", http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				request.Host = host
				response, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				if _ = response.Body.Close(); response.StatusCode != want {
					t.Errorf("called %s the page answered %s, want %d", host, response.Status, want)
				}
			}
			h.stop()
		})
	}
}
