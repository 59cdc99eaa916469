// Package kube is the only door to Kubernetes. For the controller it has informers, and the conversions of what they see into
// the words of internal/gpu (nodes with the eyes of a pod template, workers with the time of their placement and end), into
// Jobs counted as KEDA counts them, and into a small typed view of ScaledJobs; it writes what placement asks for: one patch
// that places a pod, one that pins a ScaledJob, an eviction, Events, a Lease. For deploying and stopping it has objects as JSON
// has them: server-side apply, get, list, delete, rights, taints, logs, and a way to Services through the API server.
//
// It refuses to decide anything. What informers say may be a moment old; whether they are connected is what Watch.Ready says.
// Errors say what was wrong and what to do; secrets' contents are in none of them.
package kube

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// Names that pods, nodes and ScaledJobs carry for placement.
const (
	Gate               = "plumbline/placement" // the scheduling gate of pods that want to be placed
	nodeAnnotation     = "plumbline/node"      // on a placed pod: the node it was given
	placedAnnotation   = "plumbline/placed-at" // on a placed pod: when, RFC 3339 in UTC
	decisionAnnotation = "plumbline/decision"  // on a placed pod: the decision's id
	gpuLabel           = "plumbline/gpu"       // on a node: "true" or "false" says whether it has a GPU

	scaledJobLabel = "scaledjob.keda.sh/name" // KEDA puts it on Jobs and their pods
	jobLabel       = "job-name"               // the Job controller's, and what KEDA looks for
)

// Options say how the cluster is reached.
type Options struct {
	Kubeconfig string  // a file; empty: the pod's own ServiceAccount, or else what kubectl would use
	Context    string  // of the kubeconfig; empty: its current one
	Namespace  string  // of the ScaledJobs, Jobs and pods; empty: the ServiceAccount's or the context's
	QPS        float32 // requests a second at most; 0: 200
	UserAgent  string
	Warn       func(text string) // told what the apiserver warns of, each warning once; nil: it is logged
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Client reaches one cluster.
type Client struct {
	namespace string
	server    string // the API's address
	context   string // of the kubeconfig; empty in a pod
	config    *rest.Config
	core      rest.Interface
	batch     rest.Interface
	leases    rest.Interface
	dynamic   dynamic.Interface
	log       *slog.Logger
}

// Connect makes the client. It does not ask the cluster anything yet.
//
// The libraries of Kubernetes log by themselves, through one logger a process: they get this one.
func Connect(o Options) (*Client, error) {
	config, from, err := configuration(o)
	if err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	klog.SetSlogLogger(o.Logger)
	config.QPS, config.Burst = o.QPS, int(2*o.QPS)
	if o.QPS == 0 {
		config.QPS, config.Burst = 200, 400
	}
	if o.UserAgent != "" {
		config.UserAgent = o.UserAgent
	}
	if o.Registerer != nil {
		counter, err := newCounter(o.Registerer)
		if err != nil {
			return nil, err
		}
		config.Wrap(counter.wrap)
	}
	if o.Warn != nil {
		config.WarningHandler = &warner{tell: o.Warn, told: map[string]bool{}}
	}
	return connect(config, from, o.Logger)
}

func connect(config *rest.Config, from origin, log *slog.Logger) (*Client, error) {
	transport, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("the certificates, keys or login that the kubeconfig names cannot be used: %w; %s", err, nameAnother)
	}
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig's address of the cluster: %w; %s", err, nameAnother)
	}
	c := &Client{namespace: from.namespace, server: base.String(), context: from.context, config: config, log: log}
	var errs [4]error
	c.core, errs[0] = restClient(config, transport, corev1.SchemeGroupVersion)
	c.batch, errs[1] = restClient(config, transport, batchv1.SchemeGroupVersion)
	c.leases, errs[2] = restClient(config, transport, coordinationv1.SchemeGroupVersion)
	c.dynamic, errs[3] = dynamic.NewForConfigAndClient(config, transport)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("connecting to Kubernetes: %w", err)
	}
	return c, nil
}

// restClient is client-go's, for the kinds that are used here. Its clientset and leader election would register every kind of
// Kubernetes whenever any role of this binary starts: 21 MB of memory in each worker, and 6 MB to ship.
func restClient(config *rest.Config, transport *http.Client, group schema.GroupVersion) (rest.Interface, error) {
	kinds := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, batchv1.AddToScheme, coordinationv1.AddToScheme, policyv1.AddToScheme} {
		if err := add(kinds); err != nil {
			return nil, err
		}
	}
	config = rest.CopyConfig(config)
	config.GroupVersion, config.APIPath = &group, "/apis"
	if group.Group == "" {
		config.APIPath = "/api"
	}
	config.NegotiatedSerializer = serializer.NewCodecFactory(kinds).WithoutConversion()
	return rest.RESTClientForConfigAndClient(config, transport)
}

// Namespace is where pods, Jobs and ScaledJobs are looked for.
func (c *Client) Namespace() string { return c.namespace }

// counter counts requests to the apiserver.
type counter struct{ requests *prometheus.CounterVec }

func newCounter(r prometheus.Registerer) (*counter, error) {
	c := &counter{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "plumbline_kubernetes_requests_total",
		Help: "Requests to the Kubernetes API, by method and status code (0: no answer). A watch counts once, when it opens.",
	}, []string{"method", "code"})}
	if err := r.Register(c.requests); err != nil {
		return nil, fmt.Errorf("registering the metrics of the Kubernetes client: %w", err)
	}
	return c, nil
}

func (c *counter) wrap(next http.RoundTripper) http.RoundTripper { return &counting{next, c} }

type counting struct {
	next http.RoundTripper
	*counter
}

func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := c.next.RoundTrip(r)
	code := 0
	if err == nil {
		code = answer.StatusCode
	}
	c.requests.WithLabelValues(r.Method, strconv.Itoa(code)).Inc()
	return answer, err
}

// WrappedRoundTripper lets client-go find the transport beneath, to cancel requests and to check connections.
func (c *counting) WrappedRoundTripper() http.RoundTripper { return c.next }
