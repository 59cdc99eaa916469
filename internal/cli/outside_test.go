package cli_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline/internal/testkit/mosquitto"
)

// A hub that is a client of a broker outside: what is published while it is dead becomes rows when it is back, results
// appear on that broker, and nothing listens for devices.
func TestHubAsClientOfMosquitto(t *testing.T) {
	b := mosquitto.ForTest(t, mosquitto.Options{})
	h := &process{t: t, dir: t.TempDir(), http: freeAddress(t), flags: []string{"--mqtt-url", "mqtt://" + b.Address()}}
	h.start()
	h.until(20*time.Second, "readiness", func() bool { return h.status("/readyz") == http.StatusOK })
	run(t, firstPerson(), "mosquitto_pub", "-p", b.Port(), "-q", "1", "-t", "images/kept", "-s", "-r")
	h.until(30*time.Second, "the row of a retained picture", func() bool { return h.rows("kept") == 1 })
	h.kill()
	for range 2 {
		run(t, firstPerson(), "mosquitto_pub", "-p", b.Port(), "-q", "1", "-t", "images/pi1", "-s")
	}
	if err := errors.Join(b.Stop(), b.Start()); err != nil {
		t.Fatal(err)
	}
	h.flags = append(h.flags, "--mqtt-version", "3.1.1") // by which a broker sends retained pictures on every connection
	h.start()
	h.until(30*time.Second, "two rows", func() bool { return h.rows("pi1") == 2 })
	said := run(t, nil, "mosquitto_sub", "-p", b.Port(), "-t", "posture/pi1", "-C", "1", "-W", "20")
	if !strings.Contains(said, `"device":"pi1"`) {
		t.Errorf("the result on the broker: %s", said)
	}
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	h.until(20*time.Second, "unreadiness", func() bool { return h.status("/readyz") != http.StatusOK })
	if said := h.body("/readyz"); !strings.Contains(said, "MQTT broker mqtt://"+b.Address()) {
		t.Errorf("/readyz says %s", said)
	}
	h.stop()
	if rows := rowsBySource(t, h.data())[""]; len(rows) != 3 {
		t.Errorf("%d rows of 3 pictures", len(rows))
	}
}

func (p *process) rows(device string) int {
	p.t.Helper()
	return strings.Count(p.body("/api/v1/results?device="+device), `"capture_id"`)
}

func (p *process) status(path string) int {
	response, err := http.Get("http://" + p.http + path)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

func (p *process) body(path string) string {
	p.t.Helper()
	response, err := http.Get("http://" + p.http + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		p.t.Fatal(err)
	}
	return body.String()
}
