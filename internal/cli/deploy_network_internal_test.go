package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Metrics are read from where Prometheus is, as far as its address tells.
func TestScrapersAreWherePrometheusIs(t *testing.T) {
	for flags, want := range map[string][]string{
		"--prometheus http://prometheus.monitoring:9090":                                               {"monitoring"},
		"--prometheus http://prometheus.monitoring.svc:9090/path":                                      {"monitoring"},
		"--prometheus http://prometheus.monitoring.svc.cluster.local.:9090":                            {"monitoring"},
		"--prometheus http://prometheus.monitoring.svc.lan:9090 --cluster-domain lan":                  {"monitoring"},
		"--prometheus http://prometheus:9090":                                                          {"mine"},
		"--prometheus http://a.one:9090 --prometheus http://b.two:9090 --prometheus http://c.one:9090": {"one", "two"},
		"--prometheus http://192.168.1.10:9090":                                                        nil,
		"--prometheus https://prometheus.example.org":                                                  nil,
		"--prometheus http://a.one:9090 --prometheus http://10.0.0.1:9090":                             nil,
		"--prometheus http://a.one:9090 --metrics-from two":                                            {"two"},
		"--prometheus http://a.one:9090 --metrics-from *":                                              nil,
	} {
		args := append(strings.Fields("deploy --dry-run --image i --mqtt-anonymous --namespace mine"), strings.Fields(flags)...)
		g := parsed(t, args...)
		if diff := cmp.Diff(want, scrapers(&g.Deploy.Deployment)); diff != "" {
			t.Errorf("%s: %s", flags, diff)
		}
	}
}

// What the Prometheus operator reads is given where it is, or where somebody says so.
func TestPodMonitorsWhereTheOperatorIs(t *testing.T) {
	for flags, want := range map[string][2]bool{
		"":                   {false, true},
		"--pod-monitors yes": {true, true},
		"--pod-monitors no":  {false, false},
	} {
		g := parsed(t, append(strings.Fields("deploy --dry-run --no-dashboard --image i --mqtt-anonymous --prometheus http://p:9090"), strings.Fields(flags)...)...)
		for i, operator := range []bool{false, true} {
			o, err := monitoringOptions(&g.Deploy.Deployment, operator)
			if err != nil || o.PodMonitors != want[i] || o.Dashboard != nil {
				t.Errorf("%q, operator %t: %+v, %v", flags, operator, o.PodMonitors, err)
			}
		}
	}
}

// What the controller would refuse at its start is refused before anything is deployed.
func TestPrometheusIsAnAddress(t *testing.T) {
	for _, address := range []string{"prometheus.monitoring:9090", "10.0.0.1:9090", "ftp://prometheus", "http://"} {
		if err := prometheusRefusal([]string{address}); err == nil || !strings.Contains(err.Error(), "give one such as http://") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
