package device_test

import (
	"os/exec"
	"strings"
	"testing"

	"plumbline/internal/mqtt/device"
	"plumbline/internal/testkit/rabbitmq"
)

// Debian's RabbitMQ speaks MQTT 3.1.1 only, and answers MQTT 5 by closing the connection.
func TestRabbitMQ(t *testing.T) {
	t.Parallel()
	const n = 20
	b := rabbitmq.ForTest(t, "mqtt.allow_anonymous = false\n")
	receive := func(args ...string) string {
		t.Helper()
		account := []string{"-V", "311", "-p", b.Port(), "-u", "guest", "-P", "guest", "-i", "receiver", "-c", "-q", "1", "-t", "images/pi1"}
		out, err := exec.Command("mosquitto_sub", append(account, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	receive("-E") // subscribes only
	options := device.Options{URL: "mqtt://guest@" + b.Address(), Password: "guest", Form: device.Raw}
	total, err := send(t, nil, options, pictures(n))
	if err != nil || total.Acknowledged != n {
		t.Errorf("%v, %+v", err, total)
	}
	got := receive("-C", "20", "-W", "20")
	for i := range n {
		if c := strings.Count(got, string(picture(i).Bytes)+"\n"); c != 1 {
			t.Errorf("picture %d arrived %d times", i, c)
		}
	}
	options.Password = "wrong"
	if _, err := send(t, nil, options, pictures(1)); err == nil || !strings.Contains(err.Error(), `does not accept user "guest"`) {
		t.Errorf("a wrong password: %v", err)
	}
	options.Version = device.Version5
	if _, err := send(t, nil, options, pictures(1)); err == nil {
		t.Error("it speaks MQTT 5")
	}
}
