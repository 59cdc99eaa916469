package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"plumbline/internal/testkit/mosquitto"
	"plumbline/internal/testkit/nats"
	"plumbline/internal/testkit/postgres"
)

// Two hubs share a NATS, a PostgreSQL and a broker. The one that is the broker's client is killed while pictures come:
// the other one takes over, nothing is lost and nothing is recorded twice. Results of either are announced.
func TestSecondHubTakesOverTheBroker(t *testing.T) {
	b := mosquitto.ForTest(t, mosquitto.Options{})
	database := postgres.ForTest(t, postgres.Options{})
	name := database.NewDatabase(t)
	t.Setenv("DATABASE_URL", database.URL(name))
	t.Setenv("PLUMBLINE_NATS", nats.Start(t, nil).URL())
	hubs := make([]*process, 2)
	for i := range hubs {
		hubs[i] = &process{t: t, dir: t.TempDir(), http: freeAddress(t), flags: []string{"--mqtt-url", "mqtt://" + b.Address(), "--max-picture-bytes", "4MiB"}}
		hubs[i].start()
		hubs[i].until(20*time.Second, "readiness", func() bool { return hubs[i].status("/readyz") == http.StatusOK })
	}
	for i, want := range []string{`"mqtt":"ok"`, `"mqtt":"standby"`} {
		if said := hubs[i].body("/readyz"); !strings.Contains(said, want) {
			t.Errorf("hub %d: /readyz says %s, want %s", i, said, want)
		}
		if got := hubs[i].metric("plumbline_mqtt_outside_standby"); got != float64(i) {
			t.Errorf("hub %d: the metric of standing by is %g", i, got)
		}
	}
	const pictures = 30
	for i := range pictures {
		if i == pictures/2 {
			hubs[0].kill()
		}
		pub := exec.Command("mosquitto_pub", "-p", b.Port(), "-q", "1", "-t", "images/pi1", "-s")
		pub.Stdin = bytes.NewReader(fmt.Appendf(firstPerson(), "%d", i)) // behind its end, so that each is another picture
		if out, err := pub.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	killed := time.Now()
	rows := func() string {
		return strings.TrimSpace(database.SQL(t, name, "SELECT count(*) || ' ' || count(DISTINCT capture_id) FROM posture_log"))
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("rows and captures: %s; queue: %s", rows(), hubs[1].body("/api/v1/queue"))
		}
	})
	hubs[1].until(time.Minute, "all rows", func() bool { return rows() == "30 30" })
	t.Logf("all rows %s after the kill", time.Since(killed))
	hubs[1].drain()
	if got := rows(); got != "30 30" {
		t.Errorf("%s rows and captures, want 30 30", got)
	}
	if said := hubs[1].body("/readyz"); !strings.Contains(said, `"mqtt":"ok"`) || hubs[1].metric("plumbline_mqtt_outside_standby") != 0 {
		t.Errorf("the hub that took over says %s", said)
	}
	out, err := exec.Command("plumbline", "ledger", "--http", "http://"+hubs[1].http).CombinedOutput()
	if err != nil {
		t.Errorf("the ledger: %v\n%s", err, out)
	}
	hubs[1].stop()
	if !strings.Contains(hubs[1].stderr.String(), "this one stands by") {
		t.Errorf("the log says nothing of standing by:\n%s", hubs[1].stderr.String())
	}
}

func TestHubOnNATSSaysWhatIsWrong(t *testing.T) {
	server := nats.Start(t, nil)
	serve := func(dir string, flags ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "plumbline", append([]string{"serve", "--workers", "0", "--data", dir, "--mqtt-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"}, flags...)...)
		out, err := cmd.CombinedOutput()
		if err == nil || ctx.Err() != nil {
			t.Errorf("%v: it started\n%s", flags, out)
		}
		return string(out)
	}
	if said := serve(t.TempDir(), "--nats", server.URL()); !strings.Contains(said, "max_payload") || !strings.Contains(said, "--max-picture-bytes") {
		t.Errorf("max_payload is too small: %s", said)
	}
	if said := serve(t.TempDir(), "--nats-replicas", "3"); !strings.Contains(said, "--nats names") {
		t.Errorf("settings of no NATS: %s", said)
	}
	first := &process{t: t, dir: t.TempDir(), mqtt: "127.0.0.1:0", http: freeAddress(t), flags: []string{"--nats", server.URL(), "--max-picture-bytes", "4MiB"}}
	first.start()
	if said := serve(t.TempDir(), "--nats", server.URL(), "--max-picture-bytes", "4MiB"); !strings.Contains(said, "another hub") || !strings.Contains(said, "--database-url") {
		t.Errorf("a second hub with SQLite: %s", said)
	}
	first.stop()
	out, err := exec.Command("plumbline", "dead", "list", "--data", filepath.Join(first.dir, "data")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), server.URL()) {
		t.Errorf("dead letters of a hub whose queue is elsewhere: %v %s", err, out)
	}
	out, err = exec.Command("plumbline", "dead", "list", "--data", filepath.Join(first.dir, "data"), "--nats", server.URL()).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "No dead letters") {
		t.Errorf("the same with --nats: %v %s", err, out)
	}
}
