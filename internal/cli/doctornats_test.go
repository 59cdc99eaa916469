package cli_test

import (
	"os/exec"
	"strings"
	"testing"

	"plumbline/internal/testkit/nats"
	"plumbline/internal/testkit/rabbitmq"
)

// examine runs a doctor who analyses nothing, and gives what it says and its exit code.
func examine(t *testing.T, flags ...string) (said string, code int) {
	t.Helper()
	cmd := exec.Command("plumbline", append([]string{"doctor", "--workers", "0", "--data", t.TempDir(), "--http-listen", "127.0.0.1:0"}, flags...)...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func says(t *testing.T, said string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(said, want) {
			t.Errorf("the doctor does not say %q:\n%s", want, said)
		}
	}
}

// What a doctor sees of a NATS outside: rights, limits and streams that do not fit. Nothing is made there.
func TestDoctorLooksAtNATS(t *testing.T) {
	server := nats.Configured(t, `
		accounts: {
			WELL:   { jetstream: enabled, users: [ { user: well, password: secret } ] }
			LITTLE: { jetstream: { max_file: 100MB }, users: [ { user: little, password: secret } ] }
			NONE:   { users: [ { user: none, password: secret } ] }
			FEW:    { jetstream: enabled, users: [ { user: few, password: secret, permissions: { publish: [ "$JS.API.>" ], subscribe: [ "_INBOX.>" ] } } ] }
		}
		jetstream: {}
		max_payload: 9MB`)
	t.Setenv("PLUMBLINE_NATS_PASSWORD", "secret")
	as := func(user string, flags ...string) []string {
		return append([]string{"--nats", server.URL(), "--nats-user", user, "--mqtt-listen", "127.0.0.1:0"}, flags...)
	}
	for range 2 { // the first look has made nothing
		said, code := examine(t, as("well")...)
		says(t, said, "✓ queue        connected to "+server.URL()+", NATS 2.", "takes messages of", "JetStream is on", "! queue        cannot be seen from here: whether the server writes", "5 streams will be made")
		if code != 0 {
			t.Errorf("exit code %d:\n%s", code, said)
		}
	}
	h := startHub(t, "--workers", "0", "--nats", server.URL(), "--nats-user", "well", "--queue-max-bytes", "1GiB")
	said, code := examine(t, as("well", "--queue-max-bytes", "1GiB")...)
	says(t, said, "✓ queue        5 streams as needed")
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	for name, c := range map[string]struct {
		flags []string
		wants []string
	}{
		"a stream":        {as("well", "--queue-max-bytes", "500MiB"), []string{"✗ queue        stream PLUMBLINE_QUEUE does not fit", "max_bytes is 1073741824", "--queue-max-bytes"}},
		"room":            {as("little", "--queue-max-bytes", "1GiB"), []string{"✗ queue        JetStream is on, but the account may store"}},
		"JetStream":       {as("none"), []string{"✗ queue        JetStream is off for this user's account"}},
		"rights":          {as("few"), []string{"✗ queue        a right is missing", `"plumbline.result"`, `"plumbline.recorded"`, `"plumbline.doctor"`}},
		"largest message": {as("well", "--max-picture-bytes", "20MiB"), []string{"✗ queue        the server takes messages of up to", "max_payload"}},
		"no server":       {[]string{"--nats", "nats://127.0.0.1:1"}, []string{"✗ queue        connecting to NATS at nats://127.0.0.1:1"}},
		"wrong password":  {as("nobody"), []string{"✗ queue", "uthorization"}},
	} {
		t.Run(name, func(t *testing.T) {
			said, code := examine(t, c.flags...)
			says(t, said, c.wants...)
			if code != 1 || strings.Contains(said, "secret") {
				t.Errorf("exit code %d:\n%s", code, said)
			}
		})
	}
	h.stop()
	if strings.Contains(h.stderr.String(), "level=ERROR") {
		t.Errorf("the doctor disturbed the hub:\n%s", h.stderr.String())
	}
}

// A broker that speaks MQTT 3.1.1 only and has no name gets RabbitMQ's advice, not Mosquitto's.
func TestDoctorLooksAtRabbitMQ(t *testing.T) {
	b := rabbitmq.ForTest(t, "")
	t.Setenv("PLUMBLINE_MQTT_PASSWORD", "guest")
	said, code := examine(t, "--mqtt-url", "mqtt://guest@"+b.Address())
	says(t, said, "MQTT 3.1.1", "mqtt.subscription_ttl = infinity")
	if code != 0 || strings.Contains(strings.ToLower(said), "mosquitto") {
		t.Errorf("exit code %d:\n%s", code, said)
	}
}
