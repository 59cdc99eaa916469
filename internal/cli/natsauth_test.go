package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumbline/internal/testkit/nats"
)

// A NATS that asks for a plain token gets it from a file or the environment; and an address with a secret in it may be given by the
// environment.
func TestNATSWithAToken(t *testing.T) {
	server := nats.Configured(t, "authorization: { token: \"a-plain-token\" }\njetstream: {}\nmax_payload: 9MB\n")
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("a-plain-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, set := range map[string]func(*process){
		"file": func(p *process) { p.flags = []string{"--nats", server.URL(), "--nats-auth-token-file", file} },
		"environment": func(p *process) {
			t.Setenv("PLUMBLINE_NATS", strings.Replace(server.URL(), "://", "://a-plain-token@", 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := &process{t: t, dir: t.TempDir(), mqtt: freeAddress(t), http: freeAddress(t)}
			set(h)
			h.start()
			sendOne(t, h.mqtt)
			h.drain()
			h.stop()
			if strings.Contains(h.stderr.String(), "a-plain-token") {
				t.Errorf("the token shows:\n%s", h.stderr.String())
			}
		})
	}
}

// Hub and worker show credentials (JWT and seed) to a NATS that knows its users by an operator's signature.
func TestNATSWithCredentials(t *testing.T) {
	server, credentials := nats.Operated(t)
	login := []string{"--nats", server.URL(), "--nats-creds", credentials}
	h := startHub(t, append(login, "--workers", "0")...)
	sendOne(t, h.mqtt)
	w := launchWorker(t, append(login, "--exit-when-idle", "1s")...)
	if code := w.wait(time.Minute); code != 0 || !strings.Contains(w.said(), "1 picture analysed and recorded") {
		t.Errorf("exit code %d:\n%s", code, w.said())
	}
	h.stop()
	_, foreign := nats.Operated(t)
	w = launchWorker(t, "--nats", server.URL(), "--nats-creds", foreign, "--hub-timeout", "20s")
	if code := w.wait(time.Minute); code != 1 || !strings.Contains(w.said(), "uthorization") {
		t.Errorf("with somebody else's credentials: exit code %d:\n%s", code, w.said())
	}
}
