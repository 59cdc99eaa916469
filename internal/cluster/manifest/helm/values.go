package helm

import (
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"plumbline/internal/cluster/manifest"
)

// value is one line of values.yaml.
type value struct {
	path    string // below .Values
	comment string
	now     func(o *manifest.Options) any
}

// Lists and maps that are empty are written as such, and not as null.
func list[T any](v []T) any {
	if v == nil {
		return []T{}
	}
	return v
}

func dict(v map[string]string) any {
	if v == nil {
		return map[string]string{}
	}
	return v
}

// values are all that can be set, in the order of values.yaml.
func values() []value {
	return []value{
		{"image", "Image to run, as plumbline image --push prints it.", func(o *manifest.Options) any { return o.Image }},
		{"imagePullPolicy", "Always, IfNotPresent or Never.", func(o *manifest.Options) any { return o.PullPolicy }},
		{"imagePullSecrets", "Names of Secrets with the registry's login.", func(o *manifest.Options) any { return list(o.PullSecrets) }},
		{"clusterDomain", "Domain of the cluster's DNS.", func(o *manifest.Options) any { return or(o.ClusterDomain, "cluster.local") }},

		{"hub.storage", "Size of the hub's volume.", func(o *manifest.Options) any { return o.Hub.Storage }},
		{"hub.storageClass", "Its class; empty: the cluster's default.", func(o *manifest.Options) any { return o.Hub.StorageClass }},
		{"hub.database", "Rows go to the PostgreSQL that the Secret plumbline-database names, else to SQLite on the volume.", func(o *manifest.Options) any { return o.Hub.Database }},
		{"hub.args", "Further arguments of plumbline serve.", func(o *manifest.Options) any { return list(o.Hub.Args) }},
		{"hub.mqtt.url", "Broker that already runs; empty: the one inside.", func(o *manifest.Options) any { return o.Hub.MQTTURL }},
		{"hub.mqtt.password", "Its password is in the Secret plumbline-broker.", func(o *manifest.Options) any { return o.Hub.BrokerPassword }},
		{"hub.mqtt.accounts", "First accounts of the broker inside; their passwords are in the Secret plumbline-accounts.", func(o *manifest.Options) any { return list(o.Hub.Accounts) }},
		{"hub.mqtt.anonymous", "Anyone who reaches the broker inside may publish.", func(o *manifest.Options) any { return o.Hub.Anonymous }},
		{"hub.mqtt.tlsSecret", "Secret with the certificate of the broker inside, which then speaks TLS, on port 8883.", func(o *manifest.Options) any { return o.Hub.TLSSecret }},
		{"hub.mqtt.service", "How devices reach the broker inside: ClusterIP, NodePort or LoadBalancer.", func(o *manifest.Options) any { return o.Hub.MQTTService }},

		{"control.placement", "How workers get their node: gate, patch or none.", func(o *manifest.Options) any { return o.Control.Placement }},
		{"control.prometheus", "Prometheus that the nodes' loads are in; the first that answers is taken.", func(o *manifest.Options) any { return list(o.Control.Prometheus) }},
		{"control.replicas", "", func(o *manifest.Options) any { return o.Control.Replicas }},
		{"control.tls", "KEDA and the controller show each other certificates.", func(o *manifest.Options) any { return o.Control.TLS }},
		{"control.args", "Further arguments of plumbline control.", func(o *manifest.Options) any { return list(o.Control.Args) }},

		{"exporter.nodeSelector", "Labels of the nodes to measure; none: all nodes.", func(o *manifest.Options) any { return dict(o.Exporter.NodeSelector) }},
		{"exporter.sysfs", "Where nodes have their sysfs.", func(o *manifest.Options) any { return o.Exporter.Sysfs }},
		{"exporter.args", "Further arguments of plumbline export.", func(o *manifest.Options) any { return list(o.Exporter.Args) }},

		{"worker.maxReplicas", "Workers at a time, at most.", func(o *manifest.Options) any { return o.Worker.MaxReplicas }},
		{"worker.pollingInterval", "Seconds between KEDA's questions.", func(o *manifest.Options) any { return int(o.Worker.PollingInterval / time.Second) }},
		{"worker.sessions", "Inference sessions of one worker.", func(o *manifest.Options) any { return o.Worker.Sessions }},
		{"worker.exitWhenIdle", "A worker ends when nothing could be claimed for this long; more than 15s.", func(o *manifest.Options) any { return o.Worker.ExitWhenIdle.String() }},
		{"worker.cpu", "What one worker asks for.", func(o *manifest.Options) any { return o.Worker.CPU }},
		{"worker.memory", "", func(o *manifest.Options) any { return o.Worker.Memory }},
		{"worker.memoryLimit", "At which it is ended; twice as much.", func(o *manifest.Options) any { return o.MemoryLimit() }},
		{"worker.runtimeClass", "RuntimeClass of workers and exporter where GPUs need one, such as nvidia.", func(o *manifest.Options) any { return o.Worker.RuntimeClass }},
		{"worker.groups", "Further groups that the GPU's devices are open to, such as 44 (video) on a Jetson.", func(o *manifest.Options) any { return list(o.Worker.Groups) }},
		{"worker.nodeSelector", "Labels of nodes that may take workers.", func(o *manifest.Options) any { return dict(o.Worker.NodeSelector) }},
		{"worker.tolerations", "Taints of nodes that may take workers all the same.", func(o *manifest.Options) any { return list(o.Worker.Tolerations) }},
		{"worker.trigger", "Metadata of the ScaledJob's trigger, such as capturesPerJob: \"10\".", func(o *manifest.Options) any { return dict(o.Worker.Trigger) }},
		{"worker.args", "Further arguments of plumbline work.", func(o *manifest.Options) any { return list(o.Worker.Args) }},

		{"networkPolicies.enabled", "", func(o *manifest.Options) any { return o.Network.Policies }},
		{"networkPolicies.kedaNamespace", "Namespace of KEDA's operator.", func(o *manifest.Options) any { return or(o.Network.KEDA, "keda") }},
		{"networkPolicies.metricsFrom", "Namespaces from which metrics are read; none: anywhere.", func(o *manifest.Options) any { return list(o.Network.Scrapers) }},
		{"networkPolicies.pageFrom", "Namespaces from which alone the hub's page is reached; none: anywhere, with its token.", func(o *manifest.Options) any { return list(o.Network.Page) }},

		{"monitoring.dashboard", "Grafana's dashboard as a ConfigMap for its sidecar.", func(o *manifest.Options) any { return o.Monitoring.Dashboard != nil }},
		{"monitoring.podMonitors", "PodMonitor and PrometheusRule for the Prometheus operator.", func(o *manifest.Options) any { return o.Monitoring.PodMonitors }},
		{"monitoring.labels", "Labels by which its Prometheus chooses them.", func(o *manifest.Options) any { return dict(o.Monitoring.Labels) }},
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Numbers and quantities that no text of ours has, and that Kubernetes writes as they stand here.
const (
	replicasMark, maxReplicasMark, pollingMark, sessionsMark, groupMark = 70009, 70011, 70003, 70013, 70015

	storageMark, cpuMark, memoryMark, limitMark = "70005Mi", "70004m", "70007Mi", "140014Mi"
	idleMark                                    = 70002 * time.Second
)

// marks are what stands in the manifests where a value belongs, and the template that gives it.
var marks = map[string]string{
	"mark-namespace": "$.Release.Namespace", "mark-version": "$.Chart.AppVersion", "mark-domain": "$.Values.clusterDomain",
	"mark-image": "$.Values.image", "mark-pull-policy": "$.Values.imagePullPolicy",
	storageMark: "$.Values.hub.storage", "mark-storage-class": "$.Values.hub.storageClass",
	"mark-mqtt-url": "$.Values.hub.mqtt.url", "mark-mqtt-service": "$.Values.hub.mqtt.service", "mark-tls-secret": "$.Values.hub.mqtt.tlsSecret",
	"--placement=none": placement, "--placement=gate": placement, "--placement=patch": placement,
	"/mark-sysfs": "$.Values.exporter.sysfs",
	cpuMark:       "$.Values.worker.cpu", memoryMark: "$.Values.worker.memory", limitMark: "$.Values.worker.memoryLimit",
	idleMark.String(): "$.Values.worker.exitWhenIdle", "mark-runtime-class": "$.Values.worker.runtimeClass",
	"mark-keda": "$.Values.networkPolicies.kedaNamespace", "mark-dashboard": `($.Files.Get "dashboard.json")`,
	strconv.Itoa(replicasMark): "(int64 $.Values.control.replicas)", strconv.Itoa(maxReplicasMark): "(int64 $.Values.worker.maxReplicas)",
	strconv.Itoa(pollingMark): "(int64 $.Values.worker.pollingInterval)", strconv.Itoa(sessionsMark): "(int64 $.Values.worker.sessions)",
	"account-0": `(printf "account-%d" $i)`,
}

const placement = `(printf "--placement=%s" $.Values.control.placement)`

// manyMarks stand for each of several: what holds one is repeated for each entry of the value.
var manyMarks = map[string]string{
	"mark-pull-secret": "$.Values.imagePullSecrets", "mark-account": "$.Values.hub.mqtt.accounts", "mark-prometheus": "$.Values.control.prometheus",
	"mark-hub-arg": "$.Values.hub.args", "mark-control-arg": "$.Values.control.args", "mark-export-arg": "$.Values.exporter.args", "mark-work-arg": "$.Values.worker.args",
	"mark-export-label": "$.Values.exporter.nodeSelector", "mark-work-label": "$.Values.worker.nodeSelector", "mark-trigger": "$.Values.worker.trigger",
	"mark-toleration": "$.Values.worker.tolerations", strconv.Itoa(groupMark): "$.Values.worker.groups",
	"mark-metrics-from": "$.Values.networkPolicies.metricsFrom", "mark-page-from": "$.Values.networkPolicies.pageFrom", "mark-monitor-label": "$.Values.monitoring.labels",
}

// accountMark is the one among them that a whole container is made for.
const accountMark = "mark-account"

// wholeMark is the one among them whose entries have more fields than we know.
const wholeMark = "mark-toleration"

// marked are options with a mark at each of them that is always there, and nothing of what need not be there.
func marked(alerts []byte) manifest.Options {
	return manifest.Options{
		Namespace: "mark-namespace", ClusterDomain: "mark-domain", Version: "mark-version", Image: "mark-image", PullPolicy: "mark-pull-policy",
		Hub:      manifest.HubOptions{Storage: storageMark, MQTTService: "mark-mqtt-service", Anonymous: true, Args: []string{"mark-hub-arg"}},
		Control:  manifest.ControlOptions{Placement: manifest.PlacementNone, Replicas: replicasMark, Prometheus: []string{"mark-prometheus"}, Args: []string{"mark-control-arg"}},
		Exporter: manifest.ExporterOptions{Sysfs: "/mark-sysfs", Args: []string{"mark-export-arg"}},
		Worker: manifest.WorkerOptions{
			PollingInterval: pollingMark * time.Second, MaxReplicas: maxReplicasMark, Sessions: sessionsMark, ExitWhenIdle: idleMark, CPU: cpuMark, Memory: memoryMark,
			Tolerations: []corev1.Toleration{{Key: wholeMark}}, Trigger: each("mark-trigger"), Args: []string{"mark-work-arg"},
		},
		Network:    manifest.NetworkOptions{Policies: true, KEDA: "mark-keda"},
		Monitoring: manifest.MonitoringOptions{Alerts: alerts},
	}
}

func each(mark string) map[string]string { return map[string]string{mark: mark} }

// variant is a change of what there is, under a condition on values.
type variant struct {
	when string
	set  func(*manifest.Options)
}

// variants are in the order in which the manifests list what they add.
func variants() []variant {
	return []variant{
		{when: "$.Values.imagePullSecrets", set: func(o *manifest.Options) { o.PullSecrets = []string{"mark-pull-secret"} }},
		{when: "$.Values.hub.storageClass", set: func(o *manifest.Options) { o.Hub.StorageClass = "mark-storage-class" }},
		// Three, since each of them alone brings the list that both stand in.
		{when: "and $.Values.hub.database (not $.Values.hub.mqtt.password)", set: func(o *manifest.Options) { o.Hub.Database = true }},
		{when: "and $.Values.hub.mqtt.password (not $.Values.hub.database)", set: func(o *manifest.Options) { o.Hub.BrokerPassword = true }},
		{when: "and $.Values.hub.database $.Values.hub.mqtt.password", set: func(o *manifest.Options) { o.Hub.Database, o.Hub.BrokerPassword = true, true }},
		{when: "$.Values.hub.mqtt.url", set: func(o *manifest.Options) { o.Hub.MQTTURL, o.Hub.Anonymous = "mark-mqtt-url", false }},
		{when: "$.Values.hub.mqtt.accounts", set: func(o *manifest.Options) { o.Hub.Accounts, o.Hub.Anonymous = []string{"mark-account"}, false }},
		{when: "$.Values.hub.mqtt.tlsSecret", set: func(o *manifest.Options) { o.Hub.TLSSecret = "mark-tls-secret" }},
		{when: "$.Values.control.tls", set: func(o *manifest.Options) { o.Control.TLS = true }},
		{when: `eq $.Values.control.placement "gate"`, set: func(o *manifest.Options) { o.Control.Placement = manifest.PlacementGate }},
		{when: `eq $.Values.control.placement "patch"`, set: func(o *manifest.Options) { o.Control.Placement = manifest.PlacementPatch }},
		{when: "$.Values.exporter.nodeSelector", set: func(o *manifest.Options) { o.Exporter.NodeSelector = each("mark-export-label") }},
		{when: "$.Values.worker.runtimeClass", set: func(o *manifest.Options) { o.Worker.RuntimeClass = "mark-runtime-class" }},
		{when: "$.Values.worker.groups", set: func(o *manifest.Options) { o.Worker.Groups = []int64{groupMark} }},
		{when: "$.Values.worker.nodeSelector", set: func(o *manifest.Options) { o.Worker.NodeSelector = each("mark-work-label") }},
		{when: "$.Values.networkPolicies.metricsFrom", set: func(o *manifest.Options) { o.Network.Scrapers = []string{"mark-metrics-from"} }},
		{when: "$.Values.networkPolicies.pageFrom", set: func(o *manifest.Options) { o.Network.Page = []string{"mark-page-from"} }},
		{when: "not $.Values.networkPolicies.enabled", set: func(o *manifest.Options) { o.Network.Policies = false }},
		{when: "$.Values.monitoring.dashboard", set: func(o *manifest.Options) { o.Monitoring.Dashboard = []byte("mark-dashboard") }},
		{when: "$.Values.monitoring.podMonitors", set: func(o *manifest.Options) {
			o.Monitoring.PodMonitors, o.Monitoring.Labels = true, each("mark-monitor-label")
		}},
	}
}
