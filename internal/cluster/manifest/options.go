package manifest

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Names of what is deployed.
const (
	Hub     = "plumbline-hub"
	Control = "plumbline-control"
	Export  = "plumbline-export"
	Work    = "plumbline-work"
	Claim   = "data-" + Hub + "-0" // of the hub's volume, as the StatefulSet names it

	AuthoritySecret = "plumbline-authority"  // ca.pem, ca.key: the hub's alone
	TokenSecret     = "plumbline-nats-token" // nats-token: by which workers join the hub
	HTTPSecret      = "plumbline-http-token" // token: of the hub's page and API
	DatabaseSecret  = "plumbline-database"   // DATABASE_URL or SUPABASE_…, as environment
	BrokerSecret    = "plumbline-broker"     // PLUMBLINE_MQTT_PASSWORD, for a broker outside
	AccountsSecret  = "plumbline-accounts"   // passwords of the embedded broker's first accounts, by their names

	ScalerSecret       = "plumbline-scaler"      // tls.crt, tls.key: the controller's when KEDA asks; ca.crt: who has signed KEDA's
	ScalerClientSecret = "plumbline-scaler-keda" // tls.crt, tls.key: KEDA's; ca.crt: who has signed the controller's
)

// SecretNames are the names of all Secrets that may be made.
func SecretNames() []string {
	return []string{AuthoritySecret, TokenSecret, HTTPSecret, DatabaseSecret, BrokerSecret, AccountsSecret, ScalerSecret, ScalerClientSecret}
}

// Gate is the scheduling gate that placement lifts.
const Gate = "plumbline/placement"

// ControlPlaneTaint keeps workers off the control plane's nodes.
const ControlPlaneTaint = "plumbline/control-plane"

// Ports of the roles.
const (
	hubPort     = 8080
	natsPort    = 4222
	mqttPort    = 1883
	mqttTLSPort = 8883
	scalerPort  = 9402
	controlPort = 9403
	exportPort  = 9401
	metricsPort = 9404 // the hub's: its page's port wants a token
)

// How workers are given their nodes.
const (
	PlacementGate  = "gate"
	PlacementPatch = "patch"
	PlacementNone  = "none"
)

// Options say what is to run.
type Options struct {
	Namespace     string
	ClusterDomain string // of the cluster's DNS; empty: cluster.local
	Version       string // for labels

	Image       string
	PullPolicy  string // Always, IfNotPresent or Never
	PullSecrets []string

	Hub        HubOptions
	Control    ControlOptions
	Exporter   ExporterOptions
	Worker     WorkerOptions
	Network    NetworkOptions
	Monitoring MonitoringOptions
	Secrets    *Secrets // nil: they are there already
}

// HubOptions are the hub's.
type HubOptions struct {
	StorageClass string // empty: the cluster's default
	Storage      string // such as 20Gi
	MQTTURL      string // broker outside; empty: the embedded one
	MQTTService  string // type of the embedded broker's Service: ClusterIP, NodePort or LoadBalancer
	TLSSecret    string // with its certificate (tls.crt, tls.key); empty: plain MQTT
	Anonymous    bool   // everybody may publish; else Accounts
	Accounts     []string
	Args         []string
	// Database and BrokerPassword say that their secrets exist.
	Database, BrokerPassword bool
}

// ControlOptions are the controller's.
type ControlOptions struct {
	Placement  string
	Replicas   int32
	Prometheus []string
	TLS        bool // between KEDA and the controller, both with a certificate; else whoever reaches it may ask
	Args       []string
}

// ExporterOptions are the exporter's.
type ExporterOptions struct {
	NodeSelector map[string]string
	Sysfs        string // of the host
	Args         []string
}

// WorkerOptions are the workers'.
type WorkerOptions struct {
	PollingInterval time.Duration
	MaxReplicas     int32
	Sessions        int           // inference sessions of one worker
	ExitWhenIdle    time.Duration // not under a lease, 15 s: else the last worker may go before a picture comes back
	CPU, Memory     string        // requests; memory is the limit's half
	RuntimeClass    string        // such as nvidia; of the exporter, too
	Groups          []int64       // further groups, such as video, that GPU devices are open to
	NodeSelector    map[string]string
	Tolerations     []corev1.Toleration
	Trigger         map[string]string // further metadata; see docs/scaler.md
	Args            []string
}

// NetworkOptions say who may reach our pods. Namespaces are told by their names.
type NetworkOptions struct {
	Policies bool     // else nothing is said
	KEDA     string   // namespace of KEDA's operator
	Scrapers []string // namespaces from which metrics are read; none: from anywhere
	Page     []string // namespaces, such as an ingress controller's, from which the hub's page and API are read; none: from anywhere, with its token
}

// MonitoringOptions say what is given to Grafana and the Prometheus operator.
type MonitoringOptions struct {
	PodMonitors bool              // PodMonitor and PrometheusRule; their definitions must be there
	Labels      map[string]string // by which an operator's Prometheus chooses
	Alerts      []byte            // a rule file; nil: no alerts
	Dashboard   []byte            // nil: none
}

// Secrets are what the parts know each other by, and what the environment said.
type Secrets struct {
	Authority map[string][]byte // files of the hub's certificate authority
	Token     []byte            // the token file
	HTTPToken []byte

	ScalerServer, ScalerClient map[string][]byte // both sides' tls.crt, tls.key and ca.crt

	Database map[string]string // DATABASE_URL, SUPABASE_…
	Broker   map[string]string // PLUMBLINE_MQTT_PASSWORD
	Accounts map[string]string // passwords by names
}

// ScalerHosts are the names by which the controller is asked.
func (o *Options) ScalerHosts() []string {
	return []string{o.host(Control), Control + "." + o.Namespace + ".svc", Control + "." + o.Namespace, Control}
}

// host is the full name of a Service, which answers whatever a pod's search domains are.
func (o *Options) host(service string) string {
	domain := o.ClusterDomain
	if domain == "" {
		domain = "cluster.local"
	}
	return service + "." + o.Namespace + ".svc." + domain
}
