//go:build linux

package system

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"

	"plumbline/test/cluster/isolation"
)

// NodeStage is the argument by which the program knows itself as a real node; the node's description follows.
const NodeStage = "real-node"

// NodeSysfs is a folder that pods on a real node may mount: a test writes there what a Jetson's /sys would hold.
const NodeSysfs = "/run/sysfs"

// The label of real nodes: DaemonSets that tolerate everything would else pretend to run on KWOK's, by the hundred.
const (
	RealLabel = "cluster-test/real"
	RealValue = "yes"
)

// realNode is what the program must know to be a node.
type realNode struct {
	Name, Address, Subnet string
	Folder, Logs, Kit     string // its own folder, the folder for logs, the programs' folder
	CA, Cert, Key, Config string // of its kubelet
	Cgroup                string
	Images                []string
}

func nodeAddress(i int) string { return fmt.Sprintf("10.77.0.%d", i+1) }

// StartNode starts a real node, in its own process, mount and host name spaces, and waits until it is ready.
func (c *Cluster) StartNode(ctx context.Context, name string) error {
	i := slices.Index(c.Nodes, name)
	n := realNode{Name: name, Address: nodeAddress(i), Subnet: fmt.Sprintf("10.244.%d.0/24", i+1), Folder: filepath.Join(c.Folder, "nodes", name), Logs: c.Logs(), Kit: c.Kit.Folder(),
		CA: c.pki.file("ca.crt"), Cert: c.pki.file("kubelet-" + name + ".crt"), Key: c.pki.file("kubelet-" + name + ".key"),
		Config: c.pki.file("kubelet-" + name + ".kubeconfig"), Cgroup: c.Cgroup + name, Images: c.Images}
	description, err := json.Marshal(n)
	if err != nil {
		return err
	}
	ready := func(ctx context.Context) error {
		return get(ctx, http.DefaultClient, "http://"+n.Address+":10248/healthz")
	}
	err = c.runPart(ctx, &part{name: name, ready: ready, command: func() *exec.Cmd {
		return isolation.Space{}.Command(context.WithoutCancel(ctx), NodeStage, string(description))
	}})
	if err != nil {
		return err
	}
	return c.Ready(ctx, name)
}

// Sysfs is where the files of a node's NodeSysfs lie.
func (c *Cluster) Sysfs(node string) string { return filepath.Join(c.Folder, "nodes", node, "sysfs") }
