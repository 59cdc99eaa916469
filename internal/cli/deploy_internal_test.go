package cli

import (
	"bytes"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

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

func pods(objects []manifest.Object) (list []corev1.PodSpec) {
	for _, o := range objects {
		switch o := o.(type) {
		case *appsv1.StatefulSet:
			list = append(list, o.Spec.Template.Spec)
		case *appsv1.Deployment:
			list = append(list, o.Spec.Template.Spec)
		case *appsv1.DaemonSet:
			list = append(list, o.Spec.Template.Spec)
		case *manifest.ScaledJob:
			list = append(list, o.Spec.JobTargetRef.Template.Spec)
		}
	}
	return list
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
			for _, pod := range pods(objects) {
				for _, c := range append(pod.InitContainers, pod.Containers...) {
					seen[c.Args[0]] = true
					understands(t, c.Args)
				}
			}
			if len(seen) < 4 {
				t.Errorf("only %v are deployed", seen)
			}
		})
	}
}

func understands(t *testing.T, args []string) {
	t.Helper()
	g, err := parsed(t, args...), error(nil)
	switch args[0] {
	case "serve":
		err = g.Serve.Validate()
	case "work":
		err = g.Work.Validate()
	case "control":
		err = g.Control.Run.Validate()
	case "export":
		err = g.Export.Validate()
	case "users":
		if g.Users.Add.Name == "" || !g.Users.Add.IfMissing {
			t.Errorf("%q makes %+v", args, g.Users.Add)
		}
	default:
		t.Errorf("nothing is known of %q", args)
	}
	if err != nil {
		t.Errorf("%q: %v", args, err)
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
