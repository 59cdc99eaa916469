//go:build linux

package system

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"plumbline/internal/testkit/child"
	"plumbline/test/cluster/isolation"
	"plumbline/test/cluster/supply"
)

// RunNode is the program as a real node: containerd and kubelet in the namespaces that StartNode made. It returns when one
// of them has ended.
func RunNode(description string) error {
	var n realNode
	if err := json.Unmarshal([]byte(description), &n); err != nil {
		return err
	}
	if err := n.settle(); err != nil {
		return err
	}
	containerd, err := n.startContainerd()
	if err != nil {
		return err
	}
	kubelet, err := n.startKubelet()
	if err != nil {
		return err
	}
	select {
	case <-containerd.Ended():
		return fmt.Errorf("containerd ended; see %s", containerd.Log)
	case <-kubelet.Ended():
		return fmt.Errorf("kubelet ended; see %s", kubelet.Log)
	}
}

// settle puts the node's own folders over the machine's, so that nothing it writes is left there.
func (n realNode) settle() error {
	if err := unix.Sethostname([]byte(n.Name)); err != nil {
		return err
	}
	if err := isolation.MakeCgroup(n.Cgroup); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil { // pods' mounts propagate, within this namespace
		return fmt.Errorf("sharing mounts: %w", err)
	}
	err := n.standIns()
	for _, place := range []string{"/run", "/var/log", "/var/lib"} {
		own := filepath.Join(n.Folder, filepath.Base(place))
		err = errors.Join(err, os.MkdirAll(own, 0o755), bind(own, place))
	}
	own := filepath.Join(n.Folder, "sysfs")
	return errors.Join(err, os.MkdirAll(own, 0o755), os.MkdirAll(NodeSysfs, 0o755), bind(own, NodeSysfs), os.MkdirAll("/run/containerd", 0o755))
}

// standIns are files that kubelet finds over three settings of the machine, with the values it would set.
func (n realNode) standIns() error {
	folder := filepath.Join(n.Folder, "settings")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for setting, value := range map[string]string{"vm/overcommit_memory": "1", "kernel/panic": "10", "kernel/panic_on_oops": "1"} {
		file := filepath.Join(folder, filepath.Base(setting))
		if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		if err := bind(file, filepath.Join("/proc/sys", setting)); err != nil {
			return err
		}
	}
	return nil
}

func bind(from, to string) error {
	if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("putting %s over %s: %w", from, to, err)
	}
	return nil
}

const containerdSocket = "/run/containerd/containerd.sock"

func (n realNode) startContainerd() (*child.Process, error) {
	c := &Cluster{Options: Options{Kit: supply.Open(n.Kit)}}
	config, err := n.write("containerd.toml", fmt.Sprintf(containerdConfig, PauseImage, c.Kit.Debian("usr/lib/cni"), n.Folder, c.Kit.Debian("usr/sbin/runc")))
	if err != nil {
		return nil, err
	}
	for _, folder := range []string{"cni", "registries/" + RegistryAddress} {
		if err := os.MkdirAll(filepath.Join(n.Folder, folder), 0o755); err != nil {
			return nil, err
		}
	}
	if _, err := n.write("registries/"+RegistryAddress+"/hosts.toml", registryHosts); err != nil {
		return nil, err
	}
	if _, err := n.write("cni/10-pods.conflist", fmt.Sprintf(podNetwork, n.Subnet)); err != nil {
		return nil, err
	}
	process, err := child.StartCommand(n.Logs, c.withDebian(c.Kit.Debian("usr/bin/containerd"), "--config", config, "--log-level", "warn")())
	if err != nil {
		return nil, err
	}
	ctr := func(args ...string) error {
		out, err := c.withDebian(c.Kit.Debian("usr/bin/ctr"), append([]string{"--namespace", "k8s.io"}, args...)...)().CombinedOutput()
		if err != nil {
			return fmt.Errorf("ctr %s: %w: %s", strings.Join(args, " "), err, out)
		}
		return nil
	}
	if err := process.Answers(context.Background(), func() error { return ctr("version") }); err != nil {
		return nil, err
	}
	for _, archive := range n.Images {
		if err := ctr("images", "import", archive); err != nil {
			return nil, err
		}
	}
	return process, nil
}

// startKubelet waits for the API server first: a kubelet that comes too early waits longer.
func (n realNode) startKubelet() (*child.Process, error) {
	config, err := n.write("kubelet.yaml", fmt.Sprintf(kubeletConfig, n.Address, n.CA, n.Cert, n.Key, n.Cgroup))
	if err != nil {
		return nil, err
	}
	if err := Await(context.Background(), patience, "the API server listens", func(ctx context.Context) error { return listens(ctx, Machine+":"+APIPort) }); err != nil {
		return nil, err
	}
	return child.Start(n.Logs, supply.Open(n.Kit).Program("kubelet"), "--config="+config, "--kubeconfig="+n.Config, "--hostname-override="+n.Name,
		"--node-ip="+n.Address, "--root-dir=/var/lib/kubelet", "--cert-dir=/var/lib/kubelet/pki", "--node-labels="+RealLabel+"="+RealValue, "--v=2")
}

func (n realNode) write(name, text string) (string, error) {
	file := filepath.Join(n.Folder, name)
	return file, os.WriteFile(file, []byte(text), 0o644)
}
