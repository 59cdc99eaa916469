package outside_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumbline/internal/mqtt/dial"
	"plumbline/internal/mqtt/outside"
	"plumbline/internal/testkit/mosquitto"
)

// The configuration that the documentation recommends, as it stands there: more pictures than Mosquitto keeps by default wait
// for an absent hub, through a restart, and everybody has the rights that they need and no more.
func TestDocumentedMosquittoConfiguration(t *testing.T) {
	folder := t.TempDir()
	passwords, rights := filepath.Join(folder, "passwd"), filepath.Join(folder, "acl")
	run(t, "mosquitto_passwd", "-b", "-c", passwords, "plumbline", "for the hub")
	run(t, "mosquitto_passwd", "-b", passwords, "pi1", "for pi1")
	configuration, acl := documented(t)
	if err := os.WriteFile(rights, []byte(acl), 0o600); err != nil {
		t.Fatal(err)
	}
	configuration = strings.NewReplacer("/etc/mosquitto/passwd", passwords, "/etc/mosquitto/acl", rights).Replace(configuration)
	var lines []string
	for line := range strings.Lines(configuration) { // port and folder are the test's own
		if !strings.HasPrefix(line, "listener ") && !strings.HasPrefix(line, "persistence_location ") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	b := mosquitto.ForTest(t, mosquitto.Options{Settings: lines})
	o := outside.Options{Broker: broker(t, "mqtt://plumbline@"+b.Address(), dial.TLS{}), Password: "for the hub"}

	if f, err := outside.Probe(t.Context(), o, "posture/doctor"); err != nil || f.Subscribe != nil || f.Publish != nil {
		t.Fatalf("found %+v, %v", f, err)
	}
	in := newInbox()
	h := start(t, in, o)
	h.ready()
	if err := h.client.Publish("posture/pi1", []byte("result"), true, 1); err != nil {
		t.Fatal(err)
	}
	device := []string{"-p", b.Port(), "-u", "pi1", "-P", "for pi1", "-q", "1"}
	if got := run(t, "mosquitto_sub", append(device, "-t", "posture/pi1", "-C", "1", "-W", "10")...); got != "result\n" {
		t.Errorf("the device reads %q", got)
	}
	h.stop()
	const pictures = 1500
	runWithInput(t, strings.Repeat("picture\n", pictures), "mosquitto_pub", append(device, "-t", "images/pi1", "-l")...)
	run(t, "mosquitto_pub", append(device, "-t", "images/pi2", "-m", "in another one's name")...)
	if err := errors.Join(b.Stop(), b.Start()); err != nil {
		t.Fatal(err)
	}
	start(t, in, o)
	until(t, "all pictures", func() bool { return in.count() == pictures })
	if in.has("in another one's name") {
		t.Error("a device publishes as another one")
	}
}

// documented gives the two files of docs/brokers.md.
func documented(t *testing.T) (configuration, acl string) {
	t.Helper()
	text, err := os.ReadFile("../../../docs/brokers.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(text), "```conf\n")
	if len(blocks) != 3 {
		t.Fatalf("docs/brokers.md has %d blocks of configuration, want 2", len(blocks)-1)
	}
	configuration, _, _ = strings.Cut(blocks[1], "```")
	acl, _, _ = strings.Cut(blocks[2], "```")
	return configuration, acl
}
