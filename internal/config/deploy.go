package config

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Deploy is the configuration of bringing a deployment into a cluster, or of writing it down.
type Deploy struct {
	Writing    `embed:"" group:"Deploying"`
	Rollout    `embed:"" group:"Deploying"`
	Deployment `embed:""`
}

// UsualStorage is the size of the hub's volume where none is asked for.
const UsualStorage = "20Gi"

// Writing says that what would be deployed is written down, and nothing applied.
type Writing struct {
	DryRun      bool   `help:"Print what would be applied, as YAML for kubectl apply -f -. Secrets are in it, newly made." env:"-"`
	Output      string `help:"Write what would be applied, without Secrets, for others to apply: kustomize:DIR is a base, helm:DIR a chart whose values are these flags." placeholder:"KIND:DIR" env:"-"`
	SecretsOnly bool   `help:"Print the namespace and the Secrets alone, newly made, for kubectl apply -f -." env:"-"`
}

// Deployment is what runs in a cluster, and in which: deploy brings it there, and doctor --cluster looks whether that would work.
type Deployment struct {
	WithoutSecrets bool `help:"Leave the Secrets out: they are in the cluster already, or come from elsewhere (docs/cluster.md has their names)." group:"Cluster"`
	Taint          bool `help:"Keep workers off the control plane's nodes by the taint plumbline/control-plane:NoSchedule, if a node remains that takes them." default:"true" negatable:"" group:"Cluster"`
	ImageBuild     `embed:"" group:"Image (with --registry)"`

	Kubeconfig      string   `help:"How the cluster is reached (default: what kubectl uses)." placeholder:"FILE" type:"path" group:"Cluster"`
	Context         string   `help:"Context of the kubeconfig (default: its current one)." placeholder:"NAME" group:"Cluster"`
	Namespace       string   `help:"Namespace of everything." default:"plumbline" group:"Cluster"`
	ClusterDomain   string   `help:"Domain of the cluster's DNS." default:"cluster.local" placeholder:"DOMAIN" group:"Cluster"`
	Image           string   `help:"Image to run, as plumbline image --push prints it." placeholder:"REF" group:"Cluster"`
	Registry        string   `help:"Instead of --image: build it, as plumbline image does, and push it to this registry, such as registry.example.org/team, as REGISTRY/plumbline:VERSION. With --dry-run it is only named." placeholder:"REGISTRY" group:"Cluster"`
	ImagePullPolicy string   `help:"When nodes pull the image: ${enum}. Never where it was imported on every node." enum:"Always,IfNotPresent,Never" default:"IfNotPresent" group:"Cluster"`
	ImagePullSecret []string `help:"Secret of the namespace with the registry's login. May be repeated." placeholder:"NAME" group:"Cluster"`

	Storage      string   `help:"Size of the hub's volume: queue, journal, pictures, SQLite." default:"${usual_storage}" placeholder:"SIZE" group:"Hub"`
	StorageClass string   `help:"Class of the hub's volume (default: the cluster's)." placeholder:"NAME" group:"Hub"`
	DatabaseURL  string   `name:"database-url" help:"PostgreSQL to write rows to, or SUPABASE_HOST and so on in the environment; goes into a Secret. Without one rows go to SQLite on the hub's volume." placeholder:"URL" env:"PLUMBLINE_DATABASE_URL,DATABASE_URL" group:"Hub"`
	HubArg       []string `help:"Further argument of plumbline serve, such as --hub-arg=--journal-age=90d. May be repeated." sep:"none" placeholder:"ARG" group:"Hub"`

	MQTTURL          string   `name:"mqtt-url" help:"MQTT broker that already runs, such as mqtt://mosquitto.mqtt:1883, instead of the one inside." placeholder:"URL" group:"Broker"`
	MQTTPasswordFile string   `name:"mqtt-password-file" help:"File with the password of the URL's user; PLUMBLINE_MQTT_PASSWORD does the same. Goes into a Secret." placeholder:"FILE" type:"path" group:"Broker"`
	MQTTAccount      []string `name:"mqtt-account" help:"First account of the broker inside: the name of a device. Its password is made up and goes into a Secret. May be repeated; further ones are made by plumbline users add in the hub's pod." placeholder:"NAME" group:"Broker"`
	MQTTTLSSecret    string   `name:"mqtt-tls-secret" help:"Secret of the namespace with the certificate (tls.crt, tls.key) of the broker inside, which then speaks TLS, on port 8883." placeholder:"NAME" group:"Broker"`
	MQTTAnonymous    bool     `name:"mqtt-anonymous" help:"Let anyone who reaches the broker inside publish." group:"Broker"`
	MQTTService      string   `name:"mqtt-service" help:"How devices reach the broker inside: ${enum}." enum:"ClusterIP,NodePort,LoadBalancer" default:"ClusterIP" group:"Broker"`

	Placement       string   `help:"How workers get their node: by the scheduling gate of their pods (gate), by the ScaledJob's nodeAffinity (patch), or by Kubernetes alone (none)." enum:"gate,patch,none" default:"gate" group:"Control"`
	Prometheus      []string `help:"Prometheus that the nodes' loads are in, such as http://prometheus.monitoring:9090. May be repeated: the first that answers is taken." placeholder:"URL" group:"Control"`
	ControlReplicas int32    `help:"Replicas of the controller." default:"2" group:"Control"`
	ControlArg      []string `help:"Further argument of plumbline control. May be repeated." sep:"none" placeholder:"ARG" group:"Control"`

	ScalerTLS bool `name:"scaler-tls" help:"KEDA and the controller show each other certificates, out of Secrets that are made with the others. With --no-scaler-tls whoever reaches the controller may ask how many Jobs are wanted." default:"true" negatable:"" group:"Control"`

	NetworkPolicies bool     `help:"Say by NetworkPolicies who may reach our pods." default:"true" negatable:"" group:"Network"`
	KEDANamespace   string   `name:"keda-namespace" help:"Namespace of KEDA's operator, which asks the controller." default:"keda" placeholder:"NAME" group:"Network"`
	MetricsFrom     []string `help:"Namespace from which metrics are read (default: that of --prometheus where its address tells, else anywhere); * is anywhere. May be repeated." placeholder:"NAME" group:"Network"`
	PageFrom        []string `help:"Namespace, such as an ingress controller's, from which alone the hub's page and API are reached (default: from anywhere; they want their token of everybody). May be repeated." placeholder:"NAME" group:"Network"`

	PodMonitors  string            `help:"PodMonitor and PrometheusRule for the Prometheus operator: ${enum}. auto: where the cluster knows them; not with --dry-run." enum:"auto,yes,no" default:"auto" group:"Monitoring"`
	MonitorLabel map[string]string `help:"Labels by which that operator's Prometheus chooses them, such as release=prometheus." placeholder:"NAME=VALUE" group:"Monitoring"`
	Dashboard    bool              `help:"Grafana's dashboard as a ConfigMap for its sidecar." default:"true" negatable:"" group:"Monitoring"`

	Sysfs        string            `help:"Where nodes have their sysfs." default:"/sys" placeholder:"DIR" group:"Exporter"`
	ExportNodes  map[string]string `help:"Labels of the nodes to measure: NAME=VALUE (default: all nodes)." placeholder:"NAME=VALUE" group:"Exporter"`
	ExportArg    []string          `help:"Further argument of plumbline export. May be repeated." sep:"none" placeholder:"ARG" group:"Exporter"`
	RuntimeClass string            `help:"RuntimeClass of exporter and workers where GPUs need one, such as nvidia." placeholder:"NAME" group:"Exporter"`

	MaxWorkers      int32             `help:"Workers at a time, at most." default:"20" group:"Workers"`
	PollingInterval time.Duration     `help:"How often KEDA asks whether workers are wanted." default:"2s" group:"Workers"`
	WorkerSessions  int               `help:"Inference sessions of one worker." default:"1" group:"Workers"`
	WorkerIdle      time.Duration     `help:"A worker ends when nothing could be claimed for this long." default:"20s" group:"Workers"`
	WorkerCPU       string            `name:"worker-cpu" help:"CPU that one worker asks for." default:"500m" placeholder:"CPUS" group:"Workers"`
	WorkerMemory    string            `help:"Memory that one worker asks for; its limit is twice as much." default:"512Mi" placeholder:"SIZE" group:"Workers"`
	WorkerGroup     []int64           `help:"Further group of the workers' process that the GPU's devices are open to, such as 44 (video) on a Jetson. May be repeated." placeholder:"GID" group:"Workers"`
	WorkerNodes     map[string]string `help:"Labels of nodes that may take workers: NAME=VALUE." placeholder:"NAME=VALUE" group:"Workers"`
	WorkerArg       []string          `help:"Further argument of plumbline work, such as --worker-arg=--model=heavy. May be repeated." sep:"none" placeholder:"ARG" group:"Workers"`
	Trigger         map[string]string `help:"Metadata of the ScaledJob's trigger (docs/scaler.md): KEY=VALUE, such as capturesPerJob=10." placeholder:"KEY=VALUE" group:"Workers"`
}

// Validate refuses what cannot be honoured. What the manifests themselves refuse is not said here again.
func (d *Deploy) Validate() error {
	if d.WatchOnly {
		return d.Rollout.Validate()
	}
	if err := errors.Join(d.Rollout.Validate(), d.validateOutput()); err != nil || d.SecretsOnly {
		return err
	}
	if err := d.Deployment.Validate(); err != nil {
		return err
	}
	switch {
	case d.Prints() && d.Diff:
		return errors.New("--dry-run and --output ask no cluster, --diff asks one: give one of them")
	case d.Image == "" && d.Registry == "" && !d.Prints():
		return errors.New("which image? Give --registry REGISTRY to build and push one, or --image REF for one that is there")
	case d.MQTTURL == "" && !d.MQTTAnonymous && len(d.MQTTAccount) == 0 && !strings.HasPrefix(d.Output, "helm:"): // whose values may be set later
		return errors.New("how do pictures come? Give --mqtt-url for a broker that already runs, or for the one inside --mqtt-account DEVICE, or --mqtt-anonymous to let anyone who reaches it publish")
	}
	return nil
}

// Validate refuses what contradicts itself. What deploy cannot do without, it asks for itself.
func (d *Deployment) Validate() error {
	switch {
	case d.Image != "" && d.Registry != "":
		return errors.New("--image and --registry both say which image: give one")
	case d.MQTTURL == "" && d.MQTTPasswordFile != "":
		return errors.New("--mqtt-password-file is of a broker outside, which --mqtt-url names")
	}
	return nil
}

// Prints says whether something is written, and nothing applied.
func (w *Writing) Prints() bool { return w.DryRun || w.Output != "" || w.SecretsOnly }

func (d *Deploy) validateOutput() error {
	kind, dir, _ := strings.Cut(d.Output, ":")
	switch {
	case d.Output != "" && d.SecretsOnly:
		return errors.New("--output writes no Secrets: give --secrets-only by itself")
	case d.Output != "" && (kind != "kustomize" && kind != "helm" || dir == ""):
		return fmt.Errorf("--output %s: give kustomize:DIR or helm:DIR", d.Output)
	case d.SecretsOnly && d.WithoutSecrets:
		return errors.New("--secrets-only and --without-secrets leave nothing")
	}
	return nil
}
