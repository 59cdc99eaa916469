// Package manifest writes down what runs in a cluster: hub, controller, exporter and the ScaledJob of the workers, with their
// accounts, rights and secrets, as Kubernetes' own types. It is what `plumbline deploy` applies and what its --dry-run prints.
//
//	devices --MQTT--> hub <--NATS-- workers (ScaledJob) <--Jobs-- KEDA --asks--> control --reads--> Prometheus --scrapes--> export
//
// Nothing is privileged: every pod runs as a user without rights, on a read-only root filesystem, without capabilities; the
// exporter alone sees something of its node, /sys, and cannot write to it. Only the controller talks to Kubernetes.
//
// The package refuses to talk to a cluster, and to make up secrets: it is given them.
package manifest
