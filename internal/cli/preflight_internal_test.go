package cli

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/manifest"
	"plumbline/internal/config"
)

// looked is what doctor --cluster looks at.
func looked(t *testing.T, g *grammar) look {
	t.Helper()
	o, err := typicalOptions(&Process{Version: "test"}, g.Doctor.cluster.Deployment)
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLook(&Process{Version: "test"}, nil, &g.Doctor.cluster.Deployment, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// absent are the Secrets that others must have made.
func (l look) absent() (names []string) {
	for _, s := range l.secrets {
		if !s.Brought {
			names = append(names, s.Name)
		}
	}
	return names
}

// flagsOf are those of a command, as the arguments choose them.
func flagsOf(t *testing.T, command string, args ...string) map[string]bool {
	t.Helper()
	app, err := newParser(t.Context(), new(grammar), &Process{Args: args, Stdout: io.Discard, Stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, c := range app.Model.Children {
		if c.Name == command {
			collectFlags(c, all)
		}
	}
	return all
}

// A command line of deploy's can be copied to doctor --cluster.
func TestDoctorTakesEachFlagOfDeploy(t *testing.T) {
	deploy, doctor := flagsOf(t, "deploy"), flagsOf(t, "doctor", "doctor", "--cluster")
	if len(deploy) < 50 {
		t.Fatalf("only %d flags of deploy are seen", len(deploy))
	}
	for name := range deploy {
		if !doctor[name] {
			t.Errorf("doctor --cluster does not take --%s", name)
		}
	}
	if flagsOf(t, "doctor", "doctor")["registry"] || doctor["mqtt-listen"] {
		t.Error("the flags of a hub and those of a cluster are mixed")
	}
}

// Deploy and doctor look at the same, where they are told the same.
func TestDoctorLooksAtWhatDeployWouldLookAt(t *testing.T) {
	for name, c := range map[string]struct {
		flags string
		want  func(look) bool
	}{
		"pulled":       {"--image there/plumbline:1 --mqtt-account pi1", func(l look) bool { return l.image == "there/plumbline:1" && l.push == "" && len(l.absent()) == 0 }},
		"never pulled": {"--image there/plumbline:1 --image-pull-policy Never --mqtt-anonymous", func(l look) bool { return l.image == "" }},
		"pushed": {"--registry there --platform linux/arm64 --mqtt-anonymous --insecure-registry", func(l look) bool {
			return l.push == "there/plumbline:test" && l.insecure && len(l.build.Platform) == 1 && l.version == "test"
		}},
		"login":       {"--image i --image-pull-secret login --mqtt-anonymous", func(l look) bool { return slices.Equal(l.absent(), []string{"login"}) }},
		"certificate": {"--image i --mqtt-tls-secret certificate --mqtt-account pi1", func(l look) bool { return slices.Equal(l.absent(), []string{"certificate"}) }},
		"without secrets": {"--image i --without-secrets --mqtt-account pi1", func(l look) bool {
			return slices.Equal(l.absent(), []string{manifest.AccountsSecret, manifest.AuthoritySecret, manifest.HTTPSecret, manifest.TokenSecret, manifest.ScalerSecret, manifest.ScalerClientSecret}) && !slices.Contains(l.kinds(), "Secret")
		}},
		"without TLS": {"--image i --without-secrets --no-scaler-tls --mqtt-anonymous", func(l look) bool {
			return slices.Equal(l.absent(), []string{manifest.AuthoritySecret, manifest.HTTPSecret, manifest.TokenSecret}) && !slices.Contains(l.kinds(), "TriggerAuthentication")
		}},
		"no taint":     {"--image i --no-taint --mqtt-anonymous", func(l look) bool { return !l.plan.Taint }},
		"KEDA's place": {"--image i --keda-namespace scaling --mqtt-anonymous", func(l look) bool { return l.plan.Policies && l.plan.KEDANamespace == "scaling" }},
		"no policies":  {"--image i --no-network-policies --mqtt-anonymous", func(l look) bool { return !l.plan.Policies && !slices.Contains(l.kinds(), "NetworkPolicy") }},
		"for some":     {"--image i --worker-nodes gpu=yes --mqtt-anonymous --no-watch --timeout 1m --diff", func(l look) bool { return l.plan.WorkerNodes["gpu"] == "yes" }},
	} {
		t.Run(name, func(t *testing.T) {
			args := strings.Fields("--prometheus http://prometheus:9090 --placement patch --storage-class fast --runtime-class nvidia " + c.flags)
			doctor, deploy := parsed(t, append([]string{"doctor", "--cluster"}, args...)...), parsed(t, append([]string{"deploy"}, args...)...)
			got := looked(t, &doctor)
			if !c.want(got) {
				t.Errorf("%+v", got)
			}
			o, err := manifestOptions(&Process{Version: "test"}, &deploy.Deploy.Deployment)
			if err != nil {
				t.Fatal(err)
			}
			if !deploy.Deploy.WithoutSecrets {
				o.Secrets = &manifest.Secrets{}
			}
			want, err := newLook(&Process{Version: "test"}, nil, &deploy.Deploy.Deployment, o)
			if err != nil {
				t.Fatal(err)
			}
			got.objects, want.objects = nil, nil
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(look{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Nothing must be said, or be wrong, for the cluster to be looked at.
func TestDoctorAsksForNothing(t *testing.T) {
	g := parsed(t, "doctor", "--cluster")
	if l := looked(t, &g); l.image != "" || l.push != "" || len(l.prometheus) > 0 || len(l.absent()) > 0 {
		t.Errorf("%+v", l)
	}
	if err := (&config.Deployment{Image: "a", Registry: "b"}).Validate(); err == nil {
		t.Error("two images are taken")
	}
}

func TestWhoseFlagItIsIsSaid(t *testing.T) {
	for line, want := range map[string]string{
		"doctor --kubeconfig x":                    "the flag --kubeconfig is of a cluster: add --cluster",
		"doctor --cluster --http-listen=:80":       "the flag --http-listen is of a hub, not of a cluster: leave --cluster out",
		"doctor --cluster --image x --no-such-one": "unknown flag --no-such-one",
		"doctor --imag x":                          "unknown flag --imag",
	} {
		var out bytes.Buffer
		code := Main(t.Context(), Process{Args: strings.Fields(line), Stdout: &out, Stderr: &out})
		if code != exitMisused || !strings.Contains(out.String(), want) {
			t.Errorf("%s: code %d: %s", line, code, out.String())
		}
	}
}

// What a finding counts stands in lines of its own.
func TestAFindingWithAList(t *testing.T) {
	var out strings.Builder
	finding{Check: "rights", State: wrong, Text: "this user lacks 2 rights", List: []string{"get pods", "list nodes"}, Do: "Ask."}.write(&out)
	want := "✗ rights       this user lacks 2 rights:\n                 get pods\n                 list nodes\n                 → Ask.\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// A text of several lines stays in its column.
func TestAFindingOfSeveralLines(t *testing.T) {
	var out strings.Builder
	finding{Check: "registry", State: wrong, Text: "no:\nwhy", List: []string{"one\ntwo"}}.write(&out)
	want := "✗ registry     no:\n                 why:\n                 one\n                 two\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// Prometheus is called what the flag calls it, however it is asked, and each way has a line.
func TestEachWayToPrometheusIsTold(t *testing.T) {
	kubeconfig := filepath.Join(t.TempDir(), "config")
	text := `{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":"http://127.0.0.1:1"}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],"users":[{"name":"u","user":{}}]}`
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := kube.Connect(kube.Options{Kubeconfig: kubeconfig, Namespace: "plumbline"})
	if err != nil {
		t.Fatal(err)
	}
	const address = "http://prometheus.localhost:1/prom"
	found := look{client: client, prometheus: []string{address}}.loads(t.Context(), nil)
	if found == nil || found.Unseen == nil {
		t.Fatalf("%+v", found)
	}
	lines := strings.Split(found.Unseen.Error(), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "from this machine: ") || !strings.HasPrefix(lines[1], "by the controller: ") || !strings.HasPrefix(lines[2], "through the API server: ") {
		t.Errorf("%q", lines)
	}
	if !strings.Contains(lines[0], address) || !strings.Contains(lines[2], address) {
		t.Errorf("not named: %q", lines)
	}
}

// The controller is not the hub.
func TestWhoIsAskedIsSaid(t *testing.T) {
	answers := httptest.NewServer(http.NotFoundHandler())
	defer answers.Close()
	for whom, want := range map[string]string{"": "the running hub answered 404", "the controller": "the controller answered 404"} {
		c := hubClient{base: answers.URL, whom: whom}
		if _, err := c.Status(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	c := hubClient{base: "http://127.0.0.1:1", whom: "the controller"}
	if _, err := c.Status(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "asking the controller: dial") {
		t.Error(err)
	}
}

func TestServiceOf(t *testing.T) {
	for address, want := range map[string]string{
		"http://prometheus.monitoring:9090":                        "monitoring prometheus 9090",
		"http://prometheus.monitoring.svc/prom":                    "monitoring prometheus 80",
		"http://prometheus.monitoring.svc.cluster.local:9090/prom": "monitoring prometheus 9090",
		"https://prometheus.monitoring:9090":                       "no",
		"http://prometheus:9090":                                   "no",
		"http://prometheus.example.org:9090":                       "no",
		"http://192.168.1.7:9090":                                  "no",
		"http://[fe80::1.2.3.4]:9090":                              "no",
	} {
		namespace, service, port, ok := serviceOf(address)
		got := "no"
		if ok {
			got = namespace + " " + service + " " + port
		}
		if got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

// The rights of a kind that the door does not know could not be asked for.
func TestEveryKindAndGrantOfDeployIsKnownToTheDoor(t *testing.T) {
	for _, placement := range []string{manifest.PlacementGate, manifest.PlacementPatch, manifest.PlacementNone} {
		g := parsed(t, "doctor", "--cluster", "--pod-monitors", "yes", "--placement", placement)
		l := looked(t, &g)
		for _, kind := range l.kinds() {
			if _, resource, _ := kube.Kind(kind); resource == "" {
				t.Errorf("the kind %s is not known", kind)
			}
		}
		for _, r := range l.gives() {
			if r.Kind == "" {
				t.Errorf("a grant's kind is not known: %+v", r)
			}
		}
	}
}
