package manifest

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// Dashboard is the name of the ConfigMap with Grafana's dashboard.
const Dashboard = "plumbline-dashboard"

// dashboardLabel is what Grafana's usual sidecar looks for.
const dashboardLabel = "grafana_dashboard"

// PodMonitor is the part of the Prometheus operator's that is written here, in its words
// (prometheus-operator.dev/docs/api-reference/api): its own module would bring much for little.
type PodMonitor struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              PodMonitorSpec `json:"spec"`
}

// PodMonitorSpec says which pods are scraped, and how.
type PodMonitorSpec struct {
	Selector            metav1.LabelSelector `json:"selector"`
	PodMetricsEndpoints []PodMetricsEndpoint `json:"podMetricsEndpoints"`
}

// PodMetricsEndpoint is one port of the pods that have it.
type PodMetricsEndpoint struct {
	Port        string `json:"port"`
	Path        string `json:"path"`
	Interval    string `json:"interval"`
	HonorLabels bool   `json:"honorLabels"`
}

// PrometheusRule is the operator's way to give Prometheus alert rules; its groups are those of a rule file.
type PrometheusRule struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              json.RawMessage `json:"spec"`
}

// monitoring is what the Prometheus operator and Grafana's sidecar read.
func (o *Options) monitoring() ([]Object, error) {
	var list []Object
	if o.Monitoring.Dashboard != nil {
		meta := o.meta(Dashboard, "monitoring")
		meta.Labels[dashboardLabel] = "1"
		list = append(list, &corev1.ConfigMap{TypeMeta: kind("v1", "ConfigMap"), ObjectMeta: meta, Data: map[string]string{"plumbline.json": string(o.Monitoring.Dashboard)}})
	}
	if !o.Monitoring.PodMonitors {
		return list, nil
	}
	list = append(list, o.podMonitor())
	if o.Monitoring.Alerts == nil {
		return list, nil
	}
	rules, err := yaml.YAMLToJSON(o.Monitoring.Alerts)
	if err != nil {
		return nil, fmt.Errorf("reading the alert rules: %w", err)
	}
	return append(list, &PrometheusRule{TypeMeta: kind(operator, "PrometheusRule"), ObjectMeta: o.metaOfOperator(), Spec: rules}), nil
}

// operator is the Prometheus operator's API.
const operator = "monitoring.coreos.com/v1"

// podMonitor: every five seconds, since placement decides by the nodes' loads. Our own labels stay: `namespace` of a scaler's
// metric is the ScaledJob's.
func (o *Options) podMonitor() Object {
	return &PodMonitor{TypeMeta: kind(operator, "PodMonitor"), ObjectMeta: o.metaOfOperator(), Spec: PodMonitorSpec{
		Selector:            labelled(map[string]string{nameLabel: plumbline}),
		PodMetricsEndpoints: []PodMetricsEndpoint{{Port: "metrics", Path: "/metrics", Interval: "5s", HonorLabels: true}},
	}}
}

// metaOfOperator has the labels by which an operator's Prometheus chooses what is its.
func (o *Options) metaOfOperator() metav1.ObjectMeta {
	m := o.meta(plumbline, "monitoring")
	for name, value := range o.Monitoring.Labels {
		m.Labels[name] = value
	}
	return m
}
