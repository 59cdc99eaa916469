package queue_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"plumbline/internal/queue"
)

// A hub in a cluster gets authority and token as files that it cannot write, and workers the same token.
func TestAPassportMadeBeforehandIsTaken(t *testing.T) {
	o := joinable(t)
	if o.Outside != nil {
		return
	}
	dir := t.TempDir()
	first, err := queue.NewPassport()
	must(t, err)
	for name, content := range first.Authority {
		must(t, os.WriteFile(filepath.Join(dir, name), content, 0o400))
	}
	token := filepath.Join(dir, "nats-token")
	must(t, os.WriteFile(token, first.Token, 0o400))
	must(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { must(t, os.Chmod(dir, 0o700)) })

	o.Listener.Authority, o.Listener.TokenFile = dir, token
	h := open(t, o)
	nc, _ := visitor(t, h, o)
	if !nc.IsConnected() {
		t.Error("a worker with the token is not let in")
	}
	if _, err := os.Stat(filepath.Join(o.Dir, "authority")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the hub made an authority of its own: %v", err)
	}

	second, err := queue.NewPassport()
	must(t, err)
	if string(first.Token) == string(second.Token) || string(first.Authority["ca.key"]) == string(second.Authority["ca.key"]) {
		t.Error("two passports are the same")
	}
}
