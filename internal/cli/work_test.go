package cli_test

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"plumbline/internal/testkit/nats"
)

// remoteWorker is a worker in a process of its own.
type remoteWorker struct {
	t      *testing.T
	cmd    *exec.Cmd
	ready  chan bool // false when it ended without having been
	ended  chan error
	stdout []string // once ended
	stderr bytes.Buffer
}

// joinable makes a hub without workers of its own that others may join.
func joinable(t *testing.T, flags ...string) (h *process, address string) {
	address = freeAddress(t)
	return startHub(t, append([]string{"--workers", "0", "--listen-nats", address}, flags...)...), address
}

// startWorker starts one that joins by the hub's listener.
func startWorker(t *testing.T, h *process, address string, flags ...string) *remoteWorker {
	t.Helper()
	return launchWorker(t, append([]string{"--nats", "nats://" + address, "--nats-token-file", filepath.Join(h.data(), "nats-token")}, flags...)...)
}

func launchWorker(t *testing.T, flags ...string) *remoteWorker {
	t.Helper()
	w := &remoteWorker{t: t, ready: make(chan bool, 2), ended: make(chan error, 1)}
	w.cmd = exec.Command("plumbline", append([]string{"work", "--model", "lite", "--workers", "1", "--device", "cpu"}, flags...)...)
	w.cmd.Env = append(os.Environ(), "PLUMBLINE_CACHE_DIR="+cacheDir())
	w.cmd.Stderr = &w.stderr
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.cmd.Process.Kill() })
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if w.stdout = append(w.stdout, lines.Text()); strings.Contains(lines.Text(), "is working for") {
				w.ready <- true
			}
		}
		w.ready <- false
		w.ended <- w.cmd.Wait()
	}()
	return w
}

func (w *remoteWorker) joined() *remoteWorker {
	w.t.Helper()
	if !<-w.ready {
		w.t.Fatalf("the worker ended before it was ready:\n%s", w.stderr.String())
	}
	return w
}

// wait gives the worker's exit code.
func (w *remoteWorker) wait(patience time.Duration) int {
	w.t.Helper()
	select {
	case <-w.ended:
		return w.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		w.t.Fatalf("the worker did not end within %s", patience)
		return -1
	}
}

func (w *remoteWorker) said() string { return strings.Join(w.stdout, "\n") + "\n" + w.stderr.String() }

func (w *remoteWorker) terminate() {
	w.t.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		w.t.Fatal(err)
	}
}

func TestWorkerElsewhereEndsWhenNothingWaits(t *testing.T) {
	h, address := joinable(t)
	const pictures = 4
	for range pictures {
		sendOne(t, h.mqtt)
	}
	w := startWorker(t, h, address, "--exit-when-idle", "1s", "--node", "gpu-7")
	if code := w.wait(time.Minute); code != 0 || !strings.Contains(w.said(), "4 pictures analysed and recorded") {
		t.Errorf("exit code %d:\n%s", code, w.said())
	}
	w = startWorker(t, h, address, "--exit-when-idle", "1s") // one that never gets a picture
	if code := w.wait(time.Minute); code != 0 || !strings.Contains(w.said(), "0 pictures analysed and recorded") {
		t.Errorf("exit code %d:\n%s", code, w.said())
	}
	h.stop()
	rows := 0
	for _, entries := range rowsBySource(t, h.data()) {
		for _, e := range entries {
			rows++
			if e.ProcessedBy != "gpu-7" {
				t.Errorf("processed by %q, want the node that the worker was told", e.ProcessedBy)
			}
			if _, err := os.Stat(filepath.Join(h.dir, "images", "analyzed_images_from_"+e.Device, e.Filename)); err != nil {
				t.Error(err)
			}
		}
	}
	if rows != pictures {
		t.Errorf("%d rows, want %d", rows, pictures)
	}
}

// Workers hold their results while their hub is killed and started again: each picture has one row, and none is blamed.
func TestWorkersOutliveAKilledHub(t *testing.T) {
	h, address := joinable(t)
	one, two := startWorker(t, h, address).joined(), startWorker(t, h, address).joined()
	send := newCrowd(t, h.mqtt, 4)
	const hubKills = 5
	for range hubKills {
		runFor(1500 * time.Millisecond)
		h.kill()
		h.start()
	}
	acknowledged := send.end()
	h.drain()
	for _, w := range []*remoteWorker{one, two} {
		w.terminate()
		if code := w.wait(30 * time.Second); code != 0 {
			t.Errorf("exit code %d:\n%s", code, w.said())
		}
	}
	if letters := deadLetters(t, h.data()); len(letters) > 0 {
		t.Errorf("dead letters: %+v", letters)
	}
	h.stop()
	if strings.Contains(h.stderr.String(), "blame") {
		t.Errorf("somebody was blamed:\n%s", h.stderr.String())
	}
	rows := rowsBySource(t, h.data())
	for name := range acknowledged {
		if len(rows[name]) != 1 {
			t.Errorf("%s was acknowledged and has %d rows", name, len(rows[name]))
		}
	}
	if len(acknowledged) < 50 {
		t.Errorf("only %d pictures were acknowledged", len(acknowledged))
	}
	t.Logf("%d pictures over %d kills of the hub; first worker: %s", len(acknowledged), hubKills, one.stdout[len(one.stdout)-1])
}

// A worker that is told to end finishes what it has in hand and gives the rest back, without blame.
func TestWorkerToldToEndGivesBack(t *testing.T) {
	h, address := joinable(t)
	for range 60 {
		sendOne(t, h.mqtt)
	}
	w := startWorker(t, h, address).joined()
	h.until(time.Minute, "a first row", func() bool { return depthOf(h).Waiting < 55 })
	started := time.Now()
	w.terminate()
	if code := w.wait(15 * time.Second); code != 0 || time.Since(started) > 5*time.Second {
		t.Errorf("exit code %d after %s:\n%s", code, time.Since(started), w.said())
	}
	if depthOf(h).Waiting == 0 {
		t.Error("nothing was left to give back")
	}
	if strings.Contains(h.stderr.String()+w.said(), "blame") {
		t.Errorf("somebody was blamed:\n%s", w.said())
	}
	last := startWorker(t, h, address, "--exit-when-idle", "1s")
	if code := last.wait(time.Minute); code != 0 {
		t.Errorf("exit code %d:\n%s", code, last.said())
	}
	h.stop()
	if rows := rowsBySource(t, h.data()); len(rows) == 0 || countRows(rows) != 60 {
		t.Errorf("%d rows, want 60", countRows(rows))
	}
}

// Hub and worker meet at a NATS that runs elsewhere; the worker goes on while the hub is killed.
func TestWorkerByANATSOutside(t *testing.T) {
	server := nats.Start(t, nil)
	h := startHub(t, "--workers", "0", "--nats", server.URL(), "--max-picture-bytes", "1MiB")
	w := launchWorker(t, "--nats", server.URL()).joined()
	send := newCrowd(t, h.mqtt, 2)
	runFor(time.Second)
	h.kill()
	runFor(500 * time.Millisecond)
	h.start()
	acknowledged := send.end()
	h.drain()
	w.terminate()
	if code := w.wait(30 * time.Second); code != 0 {
		t.Errorf("exit code %d:\n%s", code, w.said())
	}
	h.stop()
	rows := rowsBySource(t, h.data())
	host, err := os.Hostname()
	for name := range acknowledged {
		if len(rows[name]) != 1 || err != nil || rows[name][0].ProcessedBy != host {
			t.Errorf("%s was acknowledged and has the rows %+v, want one by %s (%v)", name, rows[name], host, err)
		}
	}
	if len(acknowledged) == 0 {
		t.Error("nothing was acknowledged")
	}
}

func countRows[T any](rows map[string][]T) (n int) {
	for _, entries := range rows {
		n += len(entries)
	}
	return n
}

type depths struct{ Waiting, Leased int }

func depthOf(h *process) (d depths) {
	h.get("/api/v1/queue", &d)
	return d
}

// A worker that loses its hub holds on for --hub-timeout and then ends with a sentence and exit code 1.
func TestWorkerLosesItsHub(t *testing.T) {
	h, address := joinable(t)
	w := startWorker(t, h, address, "--hub-timeout", "1s").joined()
	h.stop()
	if code := w.wait(30 * time.Second); code != 1 || !strings.Contains(w.said(), "no hub was there for 1s") {
		t.Errorf("exit code %d:\n%s", code, w.said())
	}
}

func TestWorkerShowsHealthAndMetrics(t *testing.T) {
	h, address := joinable(t)
	http := freeAddress(t)
	w := startWorker(t, h, address, "--http-listen", http).joined()
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": `"hub":"ok"`, "/metrics": "plumbline_captures_total"} {
		if path == "/metrics" {
			sendOne(t, h.mqtt)
			h.drain()
		}
		if got := run(t, nil, "curl", "-sS", "http://"+http+path); !strings.Contains(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := run(t, nil, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://"+http+"/"); got != "404" {
		t.Errorf("a worker shows a page: %s", got)
	}
	w.terminate()
	if code := w.wait(15 * time.Second); code != 0 {
		t.Errorf("exit code %d:\n%s", code, w.said())
	}
}

// A worker that the hub asks to leave finishes what it has in hand and ends with code 0; the other one works on.
func TestWorkerLeavesWhenItsHubAsks(t *testing.T) {
	h, address := joinable(t)
	leaver := startWorker(t, h, address, "--name", "leaver", "--node", "gpu-7").joined()
	stayer := startWorker(t, h, address, "--name", "stayer").joined()
	var q struct {
		Waiting, Leased int
		Workers         []struct {
			Name, Node string
			Claimed    bool
		}
	}
	const pictures = 40
	for range pictures {
		sendOne(t, h.mqtt)
	}
	h.until(30*time.Second, "both work", func() bool {
		h.get("/api/v1/queue", &q)
		return len(q.Workers) == 2 && q.Workers[0].Claimed && q.Workers[1].Claimed
	})
	if w := q.Workers[0]; w.Name != "leaver" || w.Node != "gpu-7" {
		t.Errorf("%+v", q)
	}
	answer, err := http.Post("http://"+h.http+"/api/v1/workers/leaver/leave", "", http.NoBody)
	if err != nil || answer.Body.Close() != nil || answer.StatusCode != http.StatusAccepted {
		t.Fatalf("asking it to leave: %+v, %v", answer, err)
	}
	if code := leaver.wait(30 * time.Second); code != 0 || !strings.Contains(leaver.said(), "asked this worker to leave") {
		t.Errorf("exit code %d:\n%s", code, leaver.said())
	}
	h.drain()
	h.get("/api/v1/queue", &q)
	if len(q.Workers) != 1 || q.Workers[0].Name != "stayer" {
		t.Errorf("%+v", q)
	}
	stayer.terminate()
	if code := stayer.wait(30 * time.Second); code != 0 {
		t.Errorf("exit code %d:\n%s", code, stayer.said())
	}
	h.stop()
	if strings.Contains(h.stderr.String(), "blame") {
		t.Errorf("somebody was blamed:\n%s", h.stderr.String())
	}
}
