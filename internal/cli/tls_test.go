package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The certificates are those of docs/mqtt.md, made by its commands; the devices are those that its reader has.
func TestCertificatesAsDocumented(t *testing.T) {
	dir := t.TempDir()
	blocks := shellBlocks(t, "../../docs/mqtt.md")
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of shell commands in docs/mqtt.md, want those that make and those that revoke certificates", len(blocks))
	}
	shell(t, dir, blocks[0])
	shell(t, dir, strings.ReplaceAll(blocks[1], "openssl ca -config ca.cnf -cert ca.crt -keyfile ca.key -revoke", "#"))
	in := func(file string) string { return filepath.Join(dir, file) }
	secure, web := freeAddress(t), freeAddress(t)
	h := startHub(t, "--workers", "0", "--mqtt-tls-listen", secure, "--mqtt-wss-listen", web, "--mqtt-tls-cert", in("hub.crt"), "--mqtt-tls-key", in("hub.key"),
		"--mqtt-tls-client-ca", in("ca.crt"), "--mqtt-tls-revoked", in("revoked.crl"), "--mqtt-max-clients", "5", "--mqtt-buffer", "100MB")
	picture := in("photo.jpg")
	if err := os.WriteFile(picture, firstPerson(), 0o600); err != nil {
		t.Fatal(err)
	}
	send := func(device, url string, flags ...string) (string, error) {
		args := append([]string{"send", picture, "--device", device, "--mqtt-url", url}, flags...)
		out, err := exec.Command("plumbline", args...).CombinedOutput()
		return string(out), err
	}
	trust, own := []string{"--mqtt-ca", in("ca.crt")}, []string{"--mqtt-client-cert", in("pi1.crt"), "--mqtt-client-key", in("pi1.key")}
	both := append(append([]string{}, trust...), own...)
	for name, c := range map[string]struct {
		device, url string
		flags       []string
		want        string
	}{
		"over TLS":                {"pi1", "mqtts://" + secure, both, "1 acknowledged"},
		"over a websocket":        {"pi1", "wss://" + web, both, "1 acknowledged"},
		"as another device":       {"pi2", "mqtts://" + secure, both, "does not let"},
		"without its certificate": {"pi1", "mqtts://" + secure, trust, "--mqtt-client-cert"},
		"without the authority":   {"pi1", "wss://" + web, own, "--mqtt-ca"},
		"certificate for nothing": {"pi1", "mqtt://" + h.mqtt, both, "mqtts://"},
		"plain, to TLS":           {"pi1", "mqtt://" + secure, nil, "MQTT broker"},
		"TLS, to plain":           {"pi1", "mqtts://" + h.mqtt, both, "MQTT broker"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := send(c.device, c.url, c.flags...)
			if !strings.Contains(out, c.want) || (err == nil) != (c.want == "1 acknowledged") {
				t.Errorf("%v: %s; want %q", err, out, c.want)
			}
		})
	}
	shell(t, dir, blocks[1])
	h.until(20*time.Second, "the revoked certificate to be refused", func() bool {
		_, err := send("pi1", "mqtts://"+secure, both...)
		return err != nil
	})
	h.stop()
}

// shellBlocks are the blocks of a page that are marked as shell commands.
func shellBlocks(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, part := range strings.Split(string(text), "```sh\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		blocks = append(blocks, block)
	}
	return blocks
}

func shell(t *testing.T, dir, commands string) {
	t.Helper()
	cmd := exec.Command("sh", "-e", "-c", commands)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n%s", err, commands, out)
	}
}
