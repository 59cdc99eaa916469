package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"plumbline/internal/testkit/mosquitto"
)

// What a client can see of a Mosquitto with tight limits, and that a running hub is left alone.
func TestDoctorLooksAtMosquitto(t *testing.T) {
	b := mosquitto.ForTest(t, mosquitto.Options{Settings: []string{"max_packet_size 100000", "retain_available false"}})
	h := &process{t: t, dir: t.TempDir(), http: freeAddress(t), flags: []string{"--mqtt-url", "mqtt://" + b.Address()}}
	h.start()
	cmd := exec.Command("plumbline", "doctor", "--data", h.data(), "--json", "--workers", "0", "--mqtt-url", "mqtt://"+b.Address())
	cmd.Env = append(os.Environ(), "PLUMBLINE_CACHE_DIR="+cacheDir())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var said struct {
		OK       bool
		Findings []struct{ Check, State, Text string }
	}
	if err := json.Unmarshal(out, &said); err != nil || !said.OK {
		t.Fatalf("%v: %s", err, out)
	}
	var text strings.Builder
	for _, f := range said.Findings {
		text.WriteString(f.State + " " + f.Check + ": " + f.Text + "\n")
	}
	for _, want := range []string{
		"fine data folder: " + h.data() + " belongs to a running hub",
		"fine listeners: not looked at",
		"MQTT 5",
		"fine broker: may subscribe to images/+ at QoS 1",
		"fine broker: may publish to posture/plumbline-doctor",
		"warning broker: the broker takes messages of 100000 bytes at most",
		"warning broker: the broker retains no messages",
		"fine broker: the broker keeps an absent hub's session for 7 days",
		"max_queued_messages 0",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the doctor does not say %q:\n%s", want, text.String())
		}
	}
	h.stop()
	if strings.Contains(h.stderr.String(), "connection to the MQTT broker ended") {
		t.Errorf("the doctor disturbed the hub:\n%s", h.stderr.String())
	}
}
