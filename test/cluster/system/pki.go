//go:build linux

package system

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// authority signs the cluster's certificates. They live as long as a cluster: a day at most.
type authority struct {
	folder string
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
}

// identity is who a certificate says its holder is.
type identity struct {
	name, group string
	hosts       []string // names and addresses that it may serve as; none: a client only
}

func newAuthority(folder string) (*authority, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &authority{folder: folder, key: key}
	template := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: "cluster under test"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	return a, errors.Join(writePEM(a.file("ca.crt"), "CERTIFICATE", der), a.writeServiceAccountKey())
}

func (a *authority) file(name string) string { return filepath.Join(a.folder, name) }

// issue writes name.crt and name.key.
func (a *authority) issue(name string, who identity) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: who.name}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	if who.group != "" {
		template.Subject.Organization = []string{who.group}
	}
	for _, h := range who.hosts {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		if address := net.ParseIP(h); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return err
	}
	return errors.Join(writePEM(a.file(name+".crt"), "CERTIFICATE", der), writeKey(a.file(name+".key"), key))
}

// writeServiceAccountKey makes the pair by which the API server knows the tokens of pods.
func (a *authority) writeServiceAccountKey() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return errors.Join(writeKey(a.file("sa.key"), key), writePEM(a.file("sa.pub"), "PUBLIC KEY", public))
}

// kubeconfig issues a client's certificate and writes name.kubeconfig.
func (a *authority) kubeconfig(name string, who identity) error {
	if err := a.issue(name, who); err != nil {
		return err
	}
	return a.writeKubeconfig(name, fmt.Sprintf("client-certificate: %s, client-key: %s", a.file(name+".crt"), a.file(name+".key")))
}

// writeKubeconfig writes one for a user who proves himself by credentials, YAML's inside of a mapping.
func (a *authority) writeKubeconfig(name, credentials string) error {
	return os.WriteFile(a.file(name+".kubeconfig"), fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: it, cluster: {server: "https://%s:%s", certificate-authority: %s}}]
users: [{name: me, user: {%s}}]
contexts: [{name: here, context: {cluster: it, user: me}}]
current-context: here
`, Machine, APIPort, a.file("ca.crt"), credentials), 0o600)
}

// issueAll makes what a cluster with these nodes needs.
func (a *authority) issueAll(nodes []string) error {
	const masters = "system:masters"
	err := errors.Join(
		a.issue("apiserver", identity{name: "kube-apiserver", hosts: []string{"localhost", "127.0.0.1", Machine, apiVIP, "kubernetes", "kubernetes.default",
			"kubernetes.default.svc", "kubernetes.default.svc." + domain}}),
		a.issue("kubelet-client", identity{name: "kubelet-client", group: masters}),
		a.issue("keda-service", identity{name: "keda-operator", hosts: []string{"localhost", "keda-operator", "keda-operator.keda.svc", "127.0.0.1"}}),
		a.kubeconfig("admin", identity{name: "admin", group: masters}),
		a.kubeconfig("controller-manager", identity{name: "system:kube-controller-manager"}),
		a.kubeconfig("scheduler", identity{name: "system:kube-scheduler"}),
		a.kubeconfig("proxy", identity{name: "system:kube-proxy"}),
		a.kubeconfig("dns", identity{name: "coredns", group: masters}),
		a.kubeconfig("kwok", identity{name: "kwok", group: masters}),
	)
	for i, node := range nodes {
		err = errors.Join(err, a.kubeconfig("kubelet-"+node, identity{name: "system:node:" + node, group: "system:nodes", hosts: []string{node, nodeAddress(i)}}))
	}
	return err
}

func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // never fails: crypto/rand ends the program instead
	return n.Add(n, big.NewInt(1))
}

func writeKey(file string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(file, "EC PRIVATE KEY", der)
}

func writePEM(file, kind string, der []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
