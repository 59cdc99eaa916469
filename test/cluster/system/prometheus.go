//go:build linux

package system

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// PrometheusURL is where Prometheus answers, in pods as well.
const PrometheusURL = "http://" + Machine + ":9090"

// LoadsAddress is where a test may serve metrics of its own; Prometheus asks there, and takes the labels as they are.
const LoadsAddress = Machine + ":19400"

// targetsAddress is where Prometheus is told of the pods: Debian's is built without Kubernetes' discovery.
const targetsAddress = "127.0.0.1:9191"

// prometheusConfig scrapes what a test serves.
const prometheusConfig = `global: {scrape_interval: %[1]s, scrape_timeout: %[1]s}
scrape_configs:
- job_name: loads
  honor_labels: true
  static_configs: [{targets: ["%[2]s"]}]
`

// podsConfig lets it scrape every pod's port named metrics, too, under the name of the pod's node.
const podsConfig = `- job_name: pods
  http_sd_configs: [{url: "http://` + targetsAddress + `/", refresh_interval: 1s}]
`

func (c *Cluster) startPrometheus(ctx context.Context) error {
	if err := c.serveTargets(); err != nil {
		return err
	}
	return c.runPrometheus(ctx, "prometheus", Machine+":9090", fmt.Sprintf(prometheusConfig, c.Scrape, LoadsAddress)+podsConfig)
}

// StartPrometheus starts a further one, which scrapes only what is served at one address.
func (c *Cluster) StartPrometheus(ctx context.Context, name, listen, loads string) error {
	return c.runPrometheus(ctx, name, listen, fmt.Sprintf(prometheusConfig, c.Scrape, loads))
}

func (c *Cluster) runPrometheus(ctx context.Context, name, listen, config string) error {
	file := c.data(name + ".yml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		return err
	}
	return c.run(ctx, name, answers("http://"+listen+"/-/ready"), c.Kit.Debian("usr/bin/prometheus"), "--config.file="+file,
		"--storage.tsdb.path="+c.data(name), "--web.listen-address="+listen, "--storage.tsdb.retention.time=1h")
}

// target is one of Prometheus' scrape targets, in the words of its HTTP discovery.
type target struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// serveTargets tells who asks which pods there are to scrape.
func (c *Cluster) serveTargets() error {
	listener, err := net.Listen("tcp", targetsAddress)
	if err != nil {
		return err
	}
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:errcheck,gosec // it ends with the process, and only Prometheus is there
		pods, err := c.API.CoreV1().Pods(metav1.NamespaceAll).List(r.Context(), metav1.ListOptions{FieldSelector: "status.phase=Running", ResourceVersion: "0"})
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(targets(pods.Items)) //nolint:errcheck // Prometheus asks again
	}))
	return nil
}

// targets are the ports named metrics of pods on real nodes: KWOK's answer nobody.
func targets(pods []corev1.Pod) []target {
	all := []target{}
	for _, p := range pods {
		for _, container := range p.Spec.Containers {
			for _, port := range container.Ports {
				if port.Name == "metrics" && p.Status.PodIP != "" && !strings.HasPrefix(p.Status.PodIP, pretendedPods) {
					all = append(all, target{[]string{fmt.Sprintf("%s:%d", p.Status.PodIP, port.ContainerPort)}, map[string]string{"node": p.Spec.NodeName, "pod": p.Name}})
				}
			}
		}
	}
	return all
}
