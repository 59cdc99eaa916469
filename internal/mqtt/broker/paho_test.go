package broker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/broker"
)

// python is the interpreter that has paho-mqtt.
func python(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../../.tools/python/bin/python")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("Python with paho-mqtt is missing: run make deps (%v)", err)
	}
	return path
}

// journal accepts as the real one does: what comes with DUP and was accepted before is no new picture.
type journal struct {
	mutex    sync.Mutex
	calls    int
	refuse   func(call int) bool
	seen     map[string]bool
	accepted map[string]int
}

func (j *journal) handle(_ context.Context, m mqtt.Message) error {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if j.calls++; j.refuse(j.calls) {
		return errors.New("the disk is full")
	}
	name, _, _ := bytes.Cut(m.Payload, []byte("x"))
	key := fmt.Sprint(m.PacketID, string(name))
	if !m.DUP || !j.seen[key] {
		j.seen[key] = true
		j.accepted[string(name)]++
	}
	return nil
}

// Python's client, the one that devices of the original system run, gets every picture through once, although some are
// refused at first. In MQTT 3.1.1 it sends again only because the connection is closed.
func TestPahoSendsAgainWhatWasNotAccepted(t *testing.T) {
	t.Parallel()
	interpreter := python(t)
	for _, c := range []struct {
		client
		qos int
	}{
		{mqtt3, 1}, {mqtt3, 2}, {mqtt5, 1}, {mqtt5, 2}, {client{4, "wss"}, 1}, {client{5, "wss"}, 1}, {client{5, "mqtts"}, 1}, {client{4, "ws"}, 2},
	} {
		t.Run(fmt.Sprintf("%s version %d QoS %d", c.scheme, c.version, c.qos), func(t *testing.T) {
			t.Parallel()
			const count = 12
			j := &journal{seen: map[string]bool{}, accepted: map[string]int{}, refuse: func(call int) bool { return call == 1 || call == 6 }}
			b := start(t, broker.Options{Handle: j.handle})
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			out, err := exec.CommandContext(ctx, interpreter, "testdata/publish.py", b.url(t, c.scheme), b.ca.File,
				strconv.Itoa(int(c.version)), strconv.Itoa(c.qos), strconv.Itoa(count)).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			j.mutex.Lock()
			defer j.mutex.Unlock()
			for i := range count {
				if got := j.accepted[fmt.Sprintf("picture %d", i)]; got != 1 {
					t.Errorf("picture %d was accepted %d times", i, got)
				}
			}
			if j.calls < count+2 {
				t.Errorf("%d messages were handed over: nothing was sent again", j.calls)
			}
		})
	}
}

// mosquitto_pub, which a shell script would use, sends again, too.
func TestMosquittoSendsAgainWhatWasNotAccepted(t *testing.T) {
	j := &journal{seen: map[string]bool{}, accepted: map[string]int{}, refuse: func(call int) bool { return call == 2 }}
	b := start(t, broker.Options{Handle: j.handle})
	out, err := mosquitto(t, b, "mosquitto_pub", []byte("picture 0x\npicture 1x\npicture 2x\n"), "-q", "1", "-c", "-i", "camera", "-t", "images/pi1", "-l")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for i := range 3 {
		if got := j.accepted[fmt.Sprintf("picture %d", i)]; got != 1 {
			t.Errorf("picture %d was accepted %d times: %v", i, got, j.accepted)
		}
	}
}
