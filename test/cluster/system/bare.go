//go:build linux

package system

import (
	"bytes"
	"context"
	"errors"
	"os"
)

// barePorts are beside the cluster's.
var barePorts = planePorts{etcd: "12379", peer: "12380", api: "16443"}

// bareNode is ready at once, because nobody looks after it.
const bareNode = `
apiVersion: v1
kind: Node
metadata: {name: bare-1}
status: {conditions: [{type: Ready, status: "True"}]}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: bare, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: none
`

// StartBare starts a second Kubernetes beside the cluster, in which KEDA was never installed: etcd, the API server and, of the
// controllers, the one by which namespaces end. It has a node and a storage class, and nothing runs there. It gives a kubeconfig, and
// what ends all of it.
func (c *Cluster) StartBare(ctx context.Context) (kubeconfig string, end func() error, err error) {
	end = func() (err error) {
		for _, name := range []string{"bare-controller-manager", "bare-apiserver", "bare-etcd"} {
			if c.Runs(name) {
				err = errors.Join(err, c.Kill(name))
			}
		}
		return err
	}
	if kubeconfig, err = c.kubeconfigAt("bare", barePorts.api); err != nil {
		return "", end, err
	}
	if err := c.startEtcd(ctx, "bare-etcd", barePorts); err != nil {
		return "", end, err
	}
	// Nobody would lift the taint that a new node gets.
	if err := c.startAPIServer(ctx, "bare-apiserver", barePorts, "--disable-admission-plugins=TaintNodesByCondition"); err != nil {
		return "", end, err
	}
	if err := c.run(ctx, "bare-controller-manager", nil, c.Kit.Program("kube-controller-manager"), "--kubeconfig="+kubeconfig, "--secure-port=0",
		"--leader-elect=false", "--controllers=namespace-controller", "--cert-dir="+c.data("bare-controller-manager"),
		"--flex-volume-plugin-dir="+c.data("flexvolume")); err != nil {
		return "", end, err
	}
	return kubeconfig, end, c.Kubectl(ctx, kubeconfig, bareNode, "apply", "-f", "-")
}

// KubeconfigOfNobody gives a kubeconfig by which nobody answers.
func (c *Cluster) KubeconfigOfNobody() (string, error) { return c.kubeconfigAt("nobody", "1") }

// kubeconfigAt is the administrator's, for another port: one authority signs for all.
func (c *Cluster) kubeconfigAt(name, port string) (string, error) {
	text, err := os.ReadFile(c.Kubeconfig())
	if err != nil {
		return "", err
	}
	file := c.pki.file(name + ".kubeconfig")
	return file, os.WriteFile(file, bytes.Replace(text, []byte(":"+usualPorts.api), []byte(":"+port), 1), 0o600)
}
