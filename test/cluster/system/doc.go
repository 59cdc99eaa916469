//go:build linux

// Package system starts a whole Kubernetes cluster inside a network namespace: etcd, API server, controller manager,
// scheduler, KEDA, KWOK, Prometheus, CoreDNS, kube-proxy, PostgreSQL and Mosquitto as processes, and nodes of two kinds:
// real ones (kubelet, containerd and runc, in namespaces of their own) and KWOK's, which only pretend to run their pods.
// Whatever it starts ends with the namespace; it keeps everything in one folder and no secret outlives it.
package system

import "time"

// Addresses inside the namespace. Nobody else is there, so that they can be the same every time.
const (
	Machine  = "10.77.0.254" // where the processes listen, as seen from pods
	APIPort  = "6443"
	services = "10.96.0.0/16"
	apiVIP   = "10.96.0.1"
	dnsVIP   = "10.96.0.10"
	pods     = "10.244.0.0/16"
	domain   = "cluster.local"
)

// patience is how long a part may take to get ready on a busy machine.
const patience = 90 * time.Second
