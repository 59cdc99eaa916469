package cli

import (
	"bytes"
	"strings"
	"testing"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/manifest"
)

// parsed is a command line as kong and the role's own validation take it.
func parsed(t *testing.T, args ...string) grammar {
	t.Helper()
	var g grammar
	var out bytes.Buffer
	p := Process{Name: "plumbline", Args: args, Stdout: &out, Stderr: &out, Version: "test"}
	parser, err := newParser(t.Context(), &g, &p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return g
}

// What is deployed is told only what its role understands, whichever way is chosen.
func TestEveryRoleUnderstandsWhatItIsDeployedWith(t *testing.T) {
	for name, flags := range map[string]string{
		"broker outside":  "--mqtt-url mqtt://hub@mosquitto:1883",
		"accounts":        "--mqtt-account pi1 --mqtt-account pi2",
		"accounts by TLS": "--mqtt-account pi1 --mqtt-tls-secret certificate",
		"anonymous":       "--mqtt-anonymous --mqtt-service NodePort",
		"patch":           "--mqtt-anonymous --placement patch",
		"none":            "--mqtt-anonymous --placement none",
		"further":         "--mqtt-anonymous --hub-arg=--journal-age=90d --control-arg=--gpu-threshold=0.7 --export-arg=--jetson-metric=none --worker-arg=--model=heavy --worker-sessions 2 --worker-idle 1m",
	} {
		t.Run(name, func(t *testing.T) {
			args := append(strings.Fields("deploy --dry-run --image i --prometheus http://prometheus:9090 --prometheus http://second:9090"), strings.Fields(flags)...)
			g := parsed(t, args...)
			if err := g.Deploy.Validate(); err != nil {
				t.Fatal(err)
			}
			o, err := manifestOptions(&Process{Version: "test"}, &g.Deploy.Deployment)
			if err != nil {
				t.Fatal(err)
			}
			objects, err := manifest.Objects(o)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for _, line := range manifest.CommandLines(objects) {
				seen[line[0]] = true
				if err := understood(line); err != nil {
					t.Errorf("%q: %v", line, err)
				}
				if add := parsed(t, line...).Users.Add; line[0] == "users" && (add.Name == "" || !add.IfMissing) {
					t.Errorf("%q makes %+v", line, add)
				}
			}
			if len(seen) < 4 {
				t.Errorf("only %v are deployed", seen)
			}
		})
	}
}

// The gate that pods are born with is the one that placement lifts.
func TestOneGate(t *testing.T) {
	if manifest.Gate != kube.Gate {
		t.Errorf("manifests say %q, placement %q", manifest.Gate, kube.Gate)
	}
	if manifest.ControlPlaneTaint != kube.ControlPlaneTaint {
		t.Errorf("manifests tolerate %q, nodes get %q", manifest.ControlPlaneTaint, kube.ControlPlaneTaint)
	}
}
