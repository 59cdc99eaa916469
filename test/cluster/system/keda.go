//go:build linux

package system

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const kedaNamespace = "keda"

// startKEDA installs KEDA's definitions and rights and runs its operator as a process under its own account.
func (c *Cluster) startKEDA(ctx context.Context) error {
	if err := c.defineKEDA(ctx); err != nil {
		return err
	}
	token, err := c.token(ctx, kedaNamespace, "keda-operator")
	if err != nil {
		return err
	}
	if err := c.pki.writeKubeconfig("keda", "token: "+token); err != nil {
		return err
	}
	folder, err := c.kedaCertificates()
	if err != nil {
		return err
	}
	return c.runPart(ctx, &part{name: "keda", ready: answers("http://127.0.0.1:18081/readyz"), command: func() *exec.Cmd {
		cmd := exec.Command(c.Kit.Program("keda-operator"), "--kubeconfig="+c.pki.file("keda.kubeconfig"), "--leader-elect=false", "--cert-dir="+folder,
			"--metrics-bind-address=127.0.0.1:18080", "--health-probe-bind-address=127.0.0.1:18081", "--metrics-service-bind-address=127.0.0.1:19666",
			"--zap-encoder=console", "--zap-time-encoding=rfc3339nano")
		cmd.Env = append(os.Environ(), "WATCH_NAMESPACE=", "POD_NAMESPACE="+kedaNamespace, "KEDA_CLUSTER_OBJECT_NAMESPACE="+kedaNamespace)
		return cmd
	}})
}

func (c *Cluster) defineKEDA(ctx context.Context) error {
	definitions, err := readYAML(c.Kit.Module("keda/crd"))
	if err != nil {
		return err
	}
	rights, err := readYAML(c.Kit.Module("keda/rbac"), "role.yaml", "role_binding.yaml")
	if err != nil {
		return err
	}
	account := "apiVersion: v1\nkind: Namespace\nmetadata: {name: keda}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: keda-operator, namespace: keda}\n"
	for _, text := range []string{account, definitions, rights} {
		if err := c.Apply(ctx, text); err != nil {
			return err
		}
	}
	// A definition is served a moment after it was made.
	scaledJobs := c.Objects.Resource(schema.GroupVersionResource{Group: "keda.sh", Version: "v1alpha1", Resource: "scaledjobs"})
	err = Await(ctx, patience, "KEDA's ScaledJobs are served", func(ctx context.Context) error {
		_, err := scaledJobs.List(ctx, metav1.ListOptions{})
		return err
	})
	c.mapper.Reset() // it knows only what was there when it first asked
	return err
}

// kedaCertificates is the folder in which the operator finds the certificates it would else ask an issuer for.
func (c *Cluster) kedaCertificates() (string, error) {
	folder := c.data("keda-certificates")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	for from, to := range map[string]string{"ca.crt": "ca.crt", "keda-service.crt": "tls.crt", "keda-service.key": "tls.key"} {
		content, err := os.ReadFile(c.pki.file(from))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(folder, to), content, 0o600); err != nil {
			return "", err
		}
	}
	return folder, nil
}

// token is what a process shows that acts under a service account.
func (c *Cluster) token(ctx context.Context, namespace, account string) (string, error) {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(12 * time.Hour / time.Second))}}
	answer, err := c.API.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return answer.Status.Token, nil
}

// KubeconfigOf writes a kubeconfig for a service account and gives its path: for a process that acts as a pod would.
func (c *Cluster) KubeconfigOf(ctx context.Context, namespace, account string) (string, error) {
	token, err := c.token(ctx, namespace, account)
	if err != nil {
		return "", err
	}
	name := namespace + "-" + account
	return c.pki.file(name + ".kubeconfig"), c.pki.writeKubeconfig(name, "token: "+token)
}
