package cli_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"plumbline/internal/cluster/prom"
	"plumbline/internal/gpu"
	"plumbline/internal/testkit/prometheus"
)

// exporting is `plumbline export` in a process of its own.
type exporting struct {
	cmd *exec.Cmd
	url string
}

func startExport(t *testing.T, flags ...string) *exporting {
	t.Helper()
	e := &exporting{cmd: exec.Command("plumbline", append([]string{"export", "--http-listen", "127.0.0.1:0", "--nvml-library", "none"}, flags...)...)}
	e.cmd.Stderr = os.Stderr
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.cmd.Process.Kill() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if e.url = regexp.MustCompile(`http://\S+/metrics`).FindString(lines.Text()); e.url != "" {
			return e
		}
	}
	t.Fatal("the exporter ended before it said where it listens")
	return nil
}

func (e *exporting) end(t *testing.T) {
	t.Helper()
	if err := errors.Join(e.cmd.Process.Signal(syscall.SIGTERM), e.cmd.Wait()); err != nil {
		t.Errorf("the end is no orderly one: %v", err)
	}
}

// From a Jetson's sysfs by the real exporter and a real Prometheus to the words of placement; and what becomes of a node
// whose exporter ends: its sample ages, then there is none.
func TestLoadReachesTheReader(t *testing.T) {
	sys := filepath.Join(t.TempDir(), "sys")
	if err := os.CopyFS(sys, os.DirFS("../cluster/exporter/testdata/orin/sys")); err != nil {
		t.Fatal(err)
	}
	load := filepath.Join(sys, "devices/platform/gpu.0/load")
	e := startExport(t, "--sysfs", sys, "--node", "orin-1")
	server := prometheus.ForTest(t, prometheus.Options{Targets: []string{strings.TrimSuffix(strings.TrimPrefix(e.url, "http://"), "/metrics")}})
	reader, err := prom.New(prom.Options{Addresses: []string{server.URL()}, Window: time.Second, Forget: 4 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	awaitSample(t, reader, func(s *gpu.Sample, age time.Duration) bool {
		return s != nil && s.Utilization == 0.774 && age < 2*time.Second
	})
	if err := os.WriteFile(load, []byte("50\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	awaitSample(t, reader, func(s *gpu.Sample, _ time.Duration) bool { return s != nil && s.Utilization == 0.05 })
	e.end(t)
	awaitSample(t, reader, func(s *gpu.Sample, age time.Duration) bool {
		return s != nil && s.Utilization == 0.05 && age > 2*time.Second
	})
	awaitSample(t, reader, func(s *gpu.Sample, _ time.Duration) bool { return s == nil })
}

func awaitSample(t *testing.T, r *prom.Reader, enough func(s *gpu.Sample, age time.Duration) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		got, err := r.Read(ctx, []prom.Node{{Name: "orin-1"}})
		var s *gpu.Sample
		age := time.Duration(0)
		if len(got.Samples) > 0 {
			s, age = &got.Samples[0], got.At.Sub(got.Samples[0].At)
		}
		if err == nil && enough(s, age) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not what was awaited: %+v, %s old, %v, %v", s, age, got.Notes, err)
		}
	}
}

// A node without a GPU stays up and in order, and exports no GPU; its metrics are nobody's business who lacks the token.
func TestExportWithoutGPU(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("long-enough-to-be-a-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	sys := t.TempDir()
	if err := os.Mkdir(filepath.Join(sys, "devices"), 0o700); err != nil {
		t.Fatal(err)
	}
	e := startExport(t, "--sysfs", sys, "--http-token-file", token)
	defer e.end(t)
	for _, c := range []struct {
		path, token string
		code        int
	}{{"/healthz", "", http.StatusOK}, {"/readyz", "", http.StatusOK}, {"/metrics", "", http.StatusUnauthorized}, {"/metrics", "long-enough-to-be-a-token", http.StatusOK}} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(e.url, "/metrics")+c.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+c.token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		if response.Body.Close(); err != nil || response.StatusCode != c.code {
			t.Errorf("%s with %q: %s, %v", c.path, c.token, response.Status, err)
		}
		if strings.Contains(string(text), `check_passed{check="gpu"} 0`) || strings.Contains(string(text), `"degraded":true`) {
			t.Errorf("a node without a GPU is called degraded:\n%s", text)
		}
		if strings.Contains(string(text), "utilization") || strings.Contains(string(text), "jetson") {
			t.Errorf("a node without a GPU tells of one:\n%s", text)
		}
	}
}

// A GPU that cannot be read leaves the exporter ready, as a DaemonSet must become, and is told.
func TestExportTellsOfAnUnreadableGPU(t *testing.T) {
	e := startExport(t, "--sysfs", "../cluster/exporter/testdata/thor/sys")
	defer e.end(t)
	for path, want := range map[string]string{
		"/readyz": `"degraded":true,"checks":{"gpu":"a GPU's load is not known: `, "/metrics": `plumbline_check_passed{check="gpu"} 0`,
	} {
		response, err := http.Get(strings.TrimSuffix(e.url, "/metrics") + path) //nolint:noctx // on loopback, in a test
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		if response.Body.Close(); err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(text), want) {
			t.Errorf("%s: %s, %v:\n%s", path, response.Status, err, text)
		}
	}
}
