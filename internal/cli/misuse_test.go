package cli_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// What was set wrong ends with exit code 2, wherever it is noticed, with a sentence, and at once.
func TestMistakesOfUsageEndWithTwo(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("photo.jpg", firstPerson(), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := func(flags ...string) []string {
		return append([]string{"serve", "--data", "d", "--workers", "0", "--mqtt-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"}, flags...)
	}
	work := func(flags ...string) []string {
		return append([]string{"work", "--model", "lite", "--device", "cpu"}, flags...)
	}
	for want, args := range map[string][]string{
		"unknown flag --fly":                    {"serve", "--fly"},
		"queue-max-bytes":                       serve("--queue-max-bytes", "10"),
		"no address of a NATS server":           serve("--nats", "http://x"),
		"both its file and that of its key":     serve("--nats", "nats://127.0.0.1:1", "--nats-cert", "photo.jpg"),
		"credentials for NATS":                  serve("--nats", "nats://127.0.0.1:1", "--nats-creds", "nothing"),
		"one of credentials, user":              serve("--nats", "nats://127.0.0.1:1", "--nats-creds", "photo.jpg", "--nats-user", "me"),
		"can't begin the names of streams":      serve("--nats", "nats://127.0.0.1:1", "--nats-prefix", "A b"),
		"no listener is needed":                 serve("--nats", "nats://127.0.0.1:1", "--listen-nats", "127.0.0.1:0"),
		"is not HOST:PORT":                      serve("--listen-nats", "here"),
		"plumbline users add":                   serve("--mqtt-listen", "0.0.0.0:0"),
		"needs a certificate and its key":       serve("--mqtt-tls-listen", "127.0.0.1:0"),
		"reading the certificate":               serve("--mqtt-tls-listen", "127.0.0.1:0", "--mqtt-tls-cert", "no", "--mqtt-tls-key", "no"),
		"must begin with postgres://":           serve("--database-url", "mysql://x"),
		"a password or a token does not belong": serve("--nats", "nats://me:hidden@127.0.0.1:1"),
		"nats-auth-token-file":                  work("--nats", "nats://127.0.0.1:1,nats://hidden@127.0.0.1:2"),
		"reading the token file":                work("--nats", "nats://127.0.0.1:1", "--nats-token-file", "no"),
		"no address of a hub":                   work("--nats", "http://x", "--nats-token-file", tokenFile(t)),
		"reading the authorities":               work("--nats", "nats://127.0.0.1:1", "--nats-ca", "no"),
		"nothing.jpg: no such file":             {"send", "nothing.jpg", "--device", "pi1"},
		"not possible in a name":                {"send", "photo.jpg", "--device", "a/b"},
		"want mqtt://":                          {"send", "photo.jpg", "--device", "pi1", "--mqtt-url", "http://x"},
		"reading the MQTT broker's authority":   {"send", "photo.jpg", "--device", "pi1", "--mqtt-url", "mqtts://127.0.0.1:1", "--mqtt-ca", "no"},
		"--data and --http exclude each other":  {"ledger", "--data", "d", "--http", "http://127.0.0.1:1"},
		"no data folder":                        {"dead", "list", "--data", "nowhere"},
		"no file matches":                       {"analyze", "no*.jpg"},
		"expected one of":                       {"users"},
		"there is no foo":                       {"deploy", "--dry-run", "--image", "i", "--prometheus", "http://p:9090", "--mqtt-anonymous", "--trigger", "foo=1"},
		"--worker-arg=--walk":                   {"deploy", "--kubeconfig", "nowhere", "--image", "i", "--prometheus", "http://p:9090", "--mqtt-anonymous", "--worker-arg=--walk"},
		"--hub-arg=--walk":                      {"doctor", "--cluster", "--kubeconfig", "nowhere", "--hub-arg=--walk"},
		"--devices 0":                           {"demo", "--devices", "0"},
		"unknown model":                         {"image", "--output", "x.tar", "--image-model", "huge"},
		"the image's name":                      {"image", "--push", "BAD:::ref"},
		"stat /nowhere":                         {"image", "--output", "x.tar", "--platform", "linux/" + runtime.GOARCH, "--base", "/nowhere"},
		"is no binary for Linux":                {"image", "--output", "x.tar", "--platform", "linux/" + runtime.GOARCH, "--binary", "photo.jpg"},
	} {
		t.Run(want, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			out, err := exec.CommandContext(ctx, "plumbline", args...).CombinedOutput()
			var ended *exec.ExitError
			if !errors.As(err, &ended) || ended.ExitCode() != 2 || !bytes.Contains(out, []byte(want)) {
				t.Errorf("%v ends with %v:\n%s", args, err, out)
			}
			if bytes.Contains(out, []byte("hidden")) {
				t.Errorf("what is secret shows:\n%s", out)
			}
		})
	}
}

// tokenFile is one that can be read.
func tokenFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nats-token")
	text := "token: 0123456789abcdefghijklmnop\nauthority: sha256:" + strings.Repeat("01", 32) + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
