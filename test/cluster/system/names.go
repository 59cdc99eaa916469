//go:build linux

package system

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// useOwnNames lets the namespace's processes ask the cluster's CoreDNS, so that KEDA finds the scaler by its Service's name.
func (c *Cluster) useOwnNames() error {
	own := c.data("resolv.conf")
	if err := os.WriteFile(own, []byte("nameserver "+Machine+"\nsearch svc."+domain+" "+domain+"\noptions ndots:5\n"), 0o644); err != nil {
		return err
	}
	place, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if err != nil {
		return err
	}
	if err := unix.Mount(own, place, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("putting another resolv.conf over the machine's: %w", err)
	}
	return nil
}

const corefile = `.:53 {
  errors
  ready 127.0.0.1:8181
  kubernetes %s in-addr.arpa {
    kubeconfig %s
    ttl 1
  }
  cache 1
}
`

// dnsService is where pods look for CoreDNS, which is a process here and no pod.
const dnsService = `
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: ` + dnsVIP + `
  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
endpoints: [{addresses: [` + Machine + `], conditions: {ready: true}}]
ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
`

func (c *Cluster) startNames(ctx context.Context) error {
	file := c.data("Corefile")
	if err := os.WriteFile(file, fmt.Appendf(nil, corefile, domain, c.pki.file("dns.kubeconfig")), 0o644); err != nil {
		return err
	}
	if err := c.Apply(ctx, dnsService); err != nil {
		return err
	}
	return c.run(ctx, "coredns", answers("http://127.0.0.1:8181/ready"), c.Kit.Program("coredns"), "-conf="+file)
}

// startProxy makes Services reachable by their addresses; one does for all nodes, since they share the network.
func (c *Cluster) startProxy(ctx context.Context) error {
	file := c.data("kube-proxy.yaml")
	err := os.WriteFile(file, []byte(`apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clusterCIDR: `+pods+`
hostnameOverride: `+c.Nodes[0]+`
bindAddress: `+Machine+`
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
nodePortAddresses: [127.0.0.1/32]
clientConnection: {kubeconfig: `+c.pki.file("proxy.kubeconfig")+`}
conntrack: {maxPerCore: 0, min: 0, tcpCloseWaitTimeout: 0s, tcpEstablishedTimeout: 0s}
`), 0o644)
	if err != nil {
		return err
	}
	return c.runPart(ctx, &part{name: "kube-proxy", ready: answers("http://127.0.0.1:10256/livez"),
		command: c.withDebian(c.Kit.Program("kube-proxy"), "--config="+file)})
}
