package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// refusedOf is what deploy says of further flags before it makes anything.
func refusedOf(t *testing.T, output string, flags ...string) string {
	t.Helper()
	g := parsed(t, append(append([]string{"deploy"}, strings.Fields(output)...), flags...)...)
	if err := g.Deploy.refused(&Process{Version: "1"}); err != nil {
		return err.Error()
	}
	return ""
}

const sound = "--dry-run --image i --prometheus http://prometheus:9090 "

// What roles, KEDA or Kubernetes would refuse later is refused at once, told with its flag.
func TestDeployRefusesWhatWouldBeRefusedLater(t *testing.T) {
	anonymous, outside := sound+"--mqtt-anonymous", sound+"--mqtt-url mqtt://hub@mosquitto"
	for name, c := range map[string]struct {
		base  string
		flags []string
		want  []string
	}{
		"trigger, all at once": {anonymous, []string{"--trigger=foo=1", "--trigger=threshold=80", "--trigger=policy=best", "--trigger=maxAge=0s"}, []string{
			"--trigger foo=1: there is no foo (there are capturesPerJob,", `--trigger threshold=80: threshold is "80": give a ratio`,
			`--trigger policy=best: policy is "best": give one of`, "--trigger maxAge=0s: ",
		}},
		"deploy's own keys": {anonymous, []string{"--trigger=scalerAddress=x:1", "--trigger=enableTLS=false", "--trigger=unsafeSsl=true"}, []string{
			"deploy sets scalerAddress itself: it is the controller's", "deploy sets enableTLS itself: --scaler-tls", "deploy sets unsafeSsl itself",
		}},
		"image":                   {anonymous, []string{"--image=:::"}, []string{`--image ":::" is no image's reference`}},
		"registry":                {"--dry-run --prometheus http://p:9090 --mqtt-anonymous", []string{"--registry=http://localhost:5000"}, []string{`--registry "http://localhost:5000" is no place`, "without http://"}},
		"broker's scheme":         {sound, []string{"--mqtt-url=http://mosquitto"}, []string{`--mqtt-url: broker "http://mosquitto": want mqtt://`}},
		"broker's port":           {sound, []string{"--mqtt-url=mosquitto:99999"}, []string{"its port must be a number"}},
		"password and no user":    {sound, []string{"--mqtt-url=mqtt://mosquitto", "--mqtt-password-file=file"}, []string{"mqtt://user@host into --mqtt-url"}},
		"password, no scheme":     {sound, []string{"--mqtt-url=hub:hidden@mosquitto"}, []string{"--mqtt-url: ", "a password does not belong"}},
		"account":                 {sound, []string{"--mqtt-account=.pi1"}, []string{`--mqtt-account: the device's name ".pi1"`}},
		"database":                {anonymous, []string{"--database-url=mysql://hub:hidden@x"}, []string{"must begin with postgres://"}},
		"Prometheus":              {anonymous, []string{"--prometheus=http://me:hidden@prometheus", "--prometheus=http://p:99999"}, []string{"--prometheus has a user or password in it", "--prometheus http://p:99999 is no address"}},
		"what manifests say, too": {anonymous, []string{"--sysfs=sys", "--storage=much", "--trigger=foo=1"}, []string{`sysfs "sys"`, `storage "much"`, "there is no foo"}},

		"unknown flags of each role": {anonymous, []string{"--hub-arg=--fly", "--control-arg=--swim", "--export-arg=--run", "--worker-arg=--walk", "--trigger=foo=1"}, []string{
			"--hub-arg=--fly: plumbline serve would not start: unknown flag --fly", "--control-arg=--swim: plumbline control", "--export-arg=--run: plumbline export",
			"--worker-arg=--walk: plumbline work", "there is no foo",
		}},
		"values of each role": {outside, []string{"--hub-arg=--journal-age=1h", "--control-arg=--gpu-threshold=80", "--export-arg=--jetson-metric=x", "--worker-arg=--model=huge"}, []string{
			"--hub-arg=--journal-age=1h: plumbline serve would not start: --journal-age is", "--control-arg=--gpu-threshold=80: plumbline control would not start: the threshold is 80",
			"--export-arg=--jetson-metric=x: ", "--worker-arg=--model=huge: ",
		}},
		"the one that is wrong":   {anonymous, []string{"--worker-arg=--pictures=none", "--worker-arg=--walk", "--worker-arg=--model=heavy"}, []string{"--worker-arg=--walk: "}},
		"a value that is missing": {anonymous, []string{"--worker-arg=--model"}, []string{"--worker-arg=--model: "}},
		"help":                    {anonymous, []string{"--worker-arg=--help"}, []string{"--worker-arg=--help: ", "print something and end"}},
		"profile":                 {anonymous, []string{"--hub-arg=--profile=mine"}, []string{`profile "mine" is unknown`}},
		"topic":                   {anonymous, []string{"--hub-arg=--mqtt-topic=a/#/b"}, []string{"--mqtt-topic: "}},
		"listener":                {anonymous, []string{"--hub-arg=--mqtt-ws-listen=8083"}, []string{`--mqtt-ws-listen is "8083": give HOST:PORT`}},
		"exporter's listener":     {anonymous, []string{"--export-arg=--http-listen=9401"}, []string{`--http-listen is "9401": give HOST:PORT`}},
		"GPU load":                {anonymous, []string{"--control-arg=--gpu-load=foo"}, []string{"--gpu-load: "}},
		"hub":                     {anonymous, []string{"--control-arg=--hub=foo"}, []string{"--hub: "}},
		"database in an argument": {anonymous, []string{"--hub-arg=--database-url=postgres://hub:hidden@x"}, []string{"--hub-arg=--database-url=…@x: ", "give --database-url to deploy"}},
		"NATS' password":          {anonymous, []string{"--hub-arg=--nats=nats://hub:hidden@x"}, []string{"--hub-arg=--nats=…@x: "}},
		"a chart, with no more":   {"--output helm:chart", []string{"--worker-arg=--walk", "--trigger=foo=1"}, []string{"--worker-arg=--walk: ", "there is no foo"}},
		"what would be applied":   {"--image i --prometheus http://prometheus:9090 --mqtt-anonymous", []string{"--worker-arg=--walk"}, []string{"--worker-arg=--walk: "}},
		"how it would differ":     {"--diff --image i --prometheus http://prometheus:9090 --mqtt-anonymous", []string{"--worker-arg=--walk"}, []string{"--worker-arg=--walk: "}},
	} {
		t.Run(name, func(t *testing.T) {
			got := refusedOf(t, c.base, c.flags...)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("%s %q gives\n%s\nwithout %q", c.base, c.flags, got, want)
				}
			}
			if lines := strings.Count(got, "\n") + 1; lines > max(len(c.want), 2) {
				t.Errorf("%d lines for %d mistakes:\n%s", lines, len(c.want), got)
			}
			if strings.Contains(got, "hidden") {
				t.Errorf("what is secret shows:\n%s", got)
			}
		})
	}
}

// What can only be known in the cluster is no reason to refuse.
func TestDeployLetsPass(t *testing.T) {
	for name, flags := range map[string][]string{
		"nothing more":               nil,
		"trigger":                    {"--trigger=capturesPerJob=5", "--trigger=threshold=0.7", "--trigger=policy=two-choices", "--trigger=fallback=cpu"},
		"a file of the pod":          {"--hub-arg=--mqtt-tls-client-ca=/data/ca.pem", "--control-arg=--prometheus-ca=/etc/ca.pem", "--control-arg=--prometheus-token-file=/etc/token", "--worker-arg=--models-dir=/models"},
		"its configuration file":     {"--hub-arg=--config=/data/config.yaml", "--hub-arg=--profile=of-that-file"},
		"an argument in two":         {"--worker-arg=--model", "--worker-arg=heavy"},
		"a digest":                   {"--image=registry.test:5000/a/b@sha256:" + strings.Repeat("0", 64)},
		"a broker by its name":       {"--no-mqtt-anonymous", "--mqtt-url=mosquitto"},
		"a broker by TLS of a pod's": {"--no-mqtt-anonymous", "--mqtt-url=mqtts://mosquitto", "--hub-arg=--mqtt-ca=/data/ca.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			anonymous := []string{"--mqtt-anonymous"}
			if len(flags) > 0 && flags[0] == "--no-mqtt-anonymous" {
				anonymous, flags = nil, flags[1:]
			}
			if got := refusedOf(t, sound, append(anonymous, flags...)...); got != "" {
				t.Error(got)
			}
		})
	}
}

// What this machine's environment and configuration file say is meant for this machine, and not for pods.
func TestPodsArgumentsAreReadWithoutThisMachinesSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("side: middle\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"PLUMBLINE_CONFIG": file, "PLUMBLINE_MODEL": "huge", "PLUMBLINE_GPU_THRESHOLD": "80", "PLUMBLINE_JOURNAL_AGE": "1h"} {
		t.Setenv(name, value)
	}
	if got := refusedOf(t, sound+"--mqtt-anonymous"); got != "" {
		t.Error(got)
	}
	// And what they say mends nothing that the pod lacks.
	t.Setenv("PLUMBLINE_SCALEDJOB", "mine")
	if err := understood([]string{"control", "--hub=http://hub", "--prometheus=http://p", "--placement=patch"}); err == nil {
		t.Error("the controller is thought to have a ScaledJob that only this machine's environment names")
	}
}

// Half the settings of a database are told as serve would tell them, whatever is to be made of them.
func TestHalfADatabaseIsRefused(t *testing.T) {
	t.Setenv("SUPABASE_HOST", "db.test")
	t.Setenv("SUPABASE_USER", "hub")
	for name, output := range map[string]string{"printed": sound + "--mqtt-anonymous", "applied": strings.TrimPrefix(sound, "--dry-run ") + "--mqtt-anonymous", "Secrets alone": "--secrets-only"} {
		if got := refusedOf(t, output); !strings.Contains(got, "SUPABASE_DB, SUPABASE_PASSWORD must be set too") {
			t.Errorf("%s: %q", name, got)
		}
	}
}
