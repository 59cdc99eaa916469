package cli

import (
	"testing"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/manifest"
	"plumbline/internal/config"
)

func TestServiceOf(t *testing.T) {
	for address, want := range map[string]string{
		"http://prometheus.monitoring:9090":                        "monitoring prometheus 9090 ",
		"http://prometheus.monitoring.svc/prom":                    "monitoring prometheus 80 /prom",
		"http://prometheus.monitoring.svc.cluster.local:9090/prom": "monitoring prometheus 9090 /prom",
		"https://prometheus.monitoring:9090":                       "no",
		"http://prometheus:9090":                                   "no",
		"http://prometheus.example.org:9090":                       "no",
		"http://192.168.1.7:9090":                                  "no",
		"http://[fe80::1.2.3.4]:9090":                              "no",
	} {
		namespace, service, port, path, ok := serviceOf(address)
		got := "no"
		if ok {
			got = namespace + " " + service + " " + port + " " + path
		}
		if got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

// The rights of a kind that the door does not know could not be asked for.
func TestEveryKindAndGrantOfDeployIsKnownToTheDoor(t *testing.T) {
	for _, placement := range []string{manifest.PlacementGate, manifest.PlacementPatch, manifest.PlacementNone} {
		objects, err := typicalObjects(&config.Preflight{Namespace: "plumbline", Placement: placement})
		if err != nil {
			t.Fatal(err)
		}
		l := look{objects: objects}
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
