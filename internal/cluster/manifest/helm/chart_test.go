package helm_test

import (
	"strings"
	"testing"
	"time"

	"plumbline/deploy/monitoring"
	"plumbline/internal/cluster/manifest"
	"plumbline/internal/cluster/manifest/helm"
)

// usual are the defaults of plumbline deploy; image and Prometheus are what everybody must name.
func usual() manifest.Options {
	return manifest.Options{
		Version: "0.0.0", PullPolicy: "IfNotPresent",
		Hub:        manifest.HubOptions{Storage: "20Gi", MQTTService: "ClusterIP"},
		Control:    manifest.ControlOptions{Placement: manifest.PlacementGate, Replicas: 2, TLS: true},
		Exporter:   manifest.ExporterOptions{Sysfs: "/sys"},
		Worker:     manifest.WorkerOptions{PollingInterval: 2 * time.Second, MaxReplicas: 20, Sessions: 1, ExitWhenIdle: 20 * time.Second, CPU: "500m", Memory: "512Mi"},
		Network:    manifest.NetworkOptions{Policies: true, KEDA: "keda"},
		Monitoring: manifest.MonitoringOptions{Dashboard: []byte("yes")},
	}
}

func chart(t *testing.T, o manifest.Options) map[string]string {
	t.Helper()
	dashboard, err := monitoring.Dashboard()
	if err != nil {
		t.Fatal(err)
	}
	files, err := helm.Chart(o, dashboard, monitoring.Alerts)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for name, content := range files {
		all[name] = string(content)
	}
	return all
}

// No mark is left over, and nothing of a Secret's content is there.
func TestTheChartHasNeitherMarksNorSecrets(t *testing.T) {
	for name, content := range chart(t, usual()) {
		for _, wrong := range []string{"mark-", "7000", "7001", "kind: Secret\n", "kind: Namespace"} {
			if strings.Contains(content, wrong) {
				t.Errorf("%s has %q in it:\n%s", name, wrong, content)
			}
		}
	}
}
