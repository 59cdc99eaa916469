package cli_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"plumbline/internal/cluster/hubapi"
)

// What a real hub says of its backlog and workers is what the controller reads, with a token and without.
func TestControllersReaderUnderstandsTheHub(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a token of enough letters\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	h := startHub(t, "--workers", "0", "--listen-nats", address, "--http-token-file", token)
	c, err := hubapi.New(hubapi.Options{URLs: []string{"http://" + h.http}, TokenFile: token})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now().Add(-time.Second)
	const pictures = 30
	for range pictures {
		sendOne(t, h.mqtt)
	}
	read := func() (q hubapi.Queue) {
		t.Helper()
		if q, err = c.Queue(t.Context()); err != nil {
			t.Fatal(err)
		}
		return q
	}
	if q := read(); q.Waiting != pictures || q.Leased != 0 || len(q.Workers) != 0 || q.Oldest.Before(began) || q.Oldest.After(time.Now()) {
		t.Errorf("%+v", q)
	}
	w := startWorker(t, h, address, "--name", "pod-1", "--node", "gpu-1")
	h.until(time.Minute, "the worker to have claimed", func() bool {
		q := read()
		return len(q.Workers) == 1 && q.Workers[0].Claimed && q.Workers[0].Name == "pod-1" && q.Workers[0].Node == "gpu-1"
	})
	if err := c.AskToLeave(t.Context(), "pod-2"); !errors.Is(err, hubapi.ErrNoSuchWorker) {
		t.Errorf("asking nobody: %v", err)
	}
	if err := c.AskToLeave(t.Context(), "pod-1"); err != nil {
		t.Error(err)
	}
	if code := w.wait(30 * time.Second); code != 0 {
		t.Errorf("exit code %d:\n%s", code, w.said())
	}
	h.until(time.Minute, "nobody to be there", func() bool { return len(read().Workers) == 0 })
	if q := read(); q.Leased != 0 || q.Dead != 0 {
		t.Errorf("%+v", q)
	}
	wrong, err := hubapi.New(hubapi.Options{URLs: []string{"http://" + h.http}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wrong.Queue(t.Context()); err == nil {
		t.Error("the hub answers without its token")
	}
}
