//go:build linux

package system

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

// planePorts are what tells one control plane's etcd and API server from another's.
type planePorts struct{ etcd, peer, api string }

var usualPorts = planePorts{etcd: "2379", peer: "2380", api: APIPort}

// startControlPlane starts etcd and the API server one after the other, then everything that talks to the API server.
func (c *Cluster) startControlPlane(ctx context.Context) error {
	if err := c.startEtcd(ctx, "etcd", usualPorts); err != nil {
		return err
	}
	if err := c.startAudited(ctx); err != nil {
		return err
	}
	all, ctx := errgroup.WithContext(ctx)
	for _, start := range []func(context.Context) error{
		c.startControllerManager, c.startScheduler, c.startNames, c.startKEDA, c.startKWOK, c.startPrometheus,
	} {
		all.Go(func() error { return start(ctx) })
	}
	if len(c.Nodes) > 0 {
		all.Go(func() error { return c.startProxy(ctx) })
	}
	return all.Wait()
}

func (p planePorts) storage() string { return "http://127.0.0.1:" + p.etcd }

func (c *Cluster) startEtcd(ctx context.Context, name string, p planePorts) error {
	client, peer := p.storage(), "http://127.0.0.1:"+p.peer
	return c.run(ctx, name, answers(client+"/health"), c.Kit.Program("etcd"), "--name=one", "--data-dir="+c.data(name),
		"--listen-client-urls="+client, "--advertise-client-urls="+client, "--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer,
		"--initial-cluster=one="+peer, "--unsafe-no-fsync") // what a power cut leaves of a test is of no use
}

// auditPolicy notes who did what to which object, but not what is only kept alive or read by the cluster's own parts.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, users: ["system:apiserver", "system:kube-scheduler", "system:kube-controller-manager", "system:kube-proxy", "kwok", "coredns"], verbs: [get, list, watch]}
- {level: None, userGroups: ["system:nodes"], verbs: [get, list, watch]}
- {level: None, users: [kwok], resources: [{group: "coordination.k8s.io", resources: [leases]}]}
- {level: None, userGroups: ["system:nodes"], resources: [{group: "coordination.k8s.io", resources: [leases]}]}
- {level: Request, verbs: [patch, update], resources: [{group: "", resources: [pods]}, {group: "keda.sh", resources: [scaledjobs]}]}
- {level: RequestResponse, verbs: [create], resources: [{group: "", resources: [pods]}]}
- {level: Metadata}
`

// AuditLog is the API server's record of who did what, a JSON object a line.
func (c *Cluster) AuditLog() string { return c.data("audit.log") }

// startAudited starts the cluster's API server, which notes who does what.
func (c *Cluster) startAudited(ctx context.Context) error {
	policy := c.data("audit-policy.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o644); err != nil {
		return err
	}
	return c.startAPIServer(ctx, "kube-apiserver", usualPorts,
		"--audit-policy-file="+policy, "--audit-log-path="+c.AuditLog(), "--audit-log-mode=blocking")
}

func (c *Cluster) startAPIServer(ctx context.Context, name string, p planePorts, further ...string) error {
	client := c.client()
	ready := func(ctx context.Context) error { return get(ctx, client, "https://"+Machine+":"+p.api+"/readyz") }
	return c.run(ctx, name, ready, c.Kit.Program("kube-apiserver"), append([]string{"--etcd-servers=" + p.storage(),
		"--bind-address=0.0.0.0", "--secure-port=" + p.api, "--advertise-address=" + Machine, "--service-cluster-ip-range=" + services,
		"--tls-cert-file=" + c.pki.file("apiserver.crt"), "--tls-private-key-file=" + c.pki.file("apiserver.key"), "--client-ca-file=" + c.pki.file("ca.crt"),
		"--kubelet-client-certificate=" + c.pki.file("kubelet-client.crt"), "--kubelet-client-key=" + c.pki.file("kubelet-client.key"),
		"--kubelet-certificate-authority=" + c.pki.file("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + c.pki.file("sa.pub"),
		"--service-account-signing-key-file=" + c.pki.file("sa.key"), "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--profiling=false"}, further...)...)
}

// connect makes the administrator's clients. Their limits are far above what a test asks.
func (c *Cluster) connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 500, 1000
	klog.SetLogger(logr.Discard()) // what goes wrong is an error somewhere, too
	if c.API, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	if c.Objects, err = dynamic.NewForConfig(config); err != nil {
		return err
	}
	c.mapper = newResources(c.API.Discovery())
	return nil
}

// clientLimits are far above the defaults, with which a controller on one machine waits more than it works.
var clientLimits = []string{"--kube-api-qps=300", "--kube-api-burst=600"}

func (c *Cluster) startControllerManager(ctx context.Context) error {
	ready := func(ctx context.Context) error { // its work shows: a namespace has its account
		_, err := c.API.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return err
	}
	return c.run(ctx, "kube-controller-manager", ready, c.Kit.Program("kube-controller-manager"), append([]string{
		"--kubeconfig=" + c.pki.file("controller-manager.kubeconfig"), "--bind-address=127.0.0.1", "--leader-elect=false",
		"--service-account-private-key-file=" + c.pki.file("sa.key"), "--root-ca-file=" + c.pki.file("ca.crt"), "--use-service-account-credentials=true",
		"--cert-dir=" + c.data("controller-manager"), "--flex-volume-plugin-dir=" + c.data("flexvolume"), // by default it writes to the machine
		"--allocate-node-cidrs=false", "--controllers=*,-node-ipam-controller,-service-lb-controller,-node-route-controller,-cloud-node-lifecycle-controller",
	}, clientLimits...)...)
}

func (c *Cluster) startScheduler(ctx context.Context) error {
	insecure := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // its own certificate, on loopback
	ready := func(ctx context.Context) error { return get(ctx, insecure, "https://127.0.0.1:10259/healthz") }
	return c.run(ctx, "kube-scheduler", ready, c.Kit.Program("kube-scheduler"), append([]string{"--kubeconfig=" + c.pki.file("scheduler.kubeconfig"),
		"--bind-address=127.0.0.1", "--leader-elect=false", "--cert-dir=" + c.data("scheduler")}, clientLimits...)...)
}

// client trusts the cluster's authority.
func (c *Cluster) client() *http.Client {
	trusted := x509.NewCertPool()
	trusted.AddCert(c.pki.cert)
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}}
}

// answers tells whether a URL gives status 200.
func answers(url string) func(context.Context) error {
	client := &http.Client{Timeout: 5 * time.Second}
	return func(ctx context.Context) error { return get(ctx, client, url) }
}

func get(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}
