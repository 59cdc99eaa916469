//go:build linux

package system

import (
	"context"
	"net"
)

// RegistryAddress is where a case may serve a registry, in plain HTTP; real nodes pull from it.
const RegistryAddress = Machine + ":5000"

const registryHosts = `server = "http://` + RegistryAddress + `"
[host."http://` + RegistryAddress + `"]
  capabilities = ["pull", "resolve"]
`

// Images that real nodes have. No registry is asked for them.
const (
	PauseImage     = "cluster-test.local/pause:1" // every pod's first container
	PlumblineImage = "cluster-test.local/plumbline:test"
)

// containerdConfig: the pause image, the folder of CNI's plugins, the node's folder, runc. Hugetlb, SELinux and AppArmor are
// left alone, and OOM scores are not lowered, since a virtual machine may not let them be.
const containerdConfig = `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt"]
[grpc]
  address = "` + containerdSocket + `"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "%[1]s"
  disable_tcp_service = true
  stream_server_address = "127.0.0.1"
  tolerate_missing_hugetlb_controller = true
  disable_hugetlb_controller = true
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "%[3]s/registries"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "%[2]s"
    conf_dir = "%[3]s/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "%[4]s"
        SystemdCgroup = false
`

// podNetwork: the node's range. Every pod has a cable of its own to the network that all processes share; nothing is masked,
// so that everybody sees who speaks.
const podNetwork = `{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "ptp", "ipMasq": false, "ipam": {"type": "host-local", "ranges": [[{"subnet": "%s"}]], "routes": [{"dst": "0.0.0.0/0"}]}}
]}
`

// kubeletConfig: address, authority, certificate, key, cgroup. A node tells of itself every two seconds, so that its death is
// noticed soon. Images are never collected: they cannot be had again. Nor is it verified who may use one: the image that was put
// there and one of a registry are the same to the bit, and the kubelet would take the first one for the second, pulled by others.
const kubeletConfig = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: %[1]s
port: 10250
readOnlyPort: 0
healthzBindAddress: %[1]s
healthzPort: 10248
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}, x509: {clientCAFile: %[2]s}}
authorization: {mode: AlwaysAllow}
tlsCertFile: %[3]s
tlsPrivateKeyFile: %[4]s
containerRuntimeEndpoint: unix://` + containerdSocket + `
cgroupDriver: cgroupfs
cgroupRoot: /%[5]s
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
nodeStatusUpdateFrequency: 2s
nodeLeaseDurationSeconds: 8
clusterDNS: [` + dnsVIP + `]
clusterDomain: ` + domain + `
resolvConf: ""
volumePluginDir: /var/lib/kubelet/volume-plugins
imageMinimumGCAge: 100h
imagePullCredentialsVerificationPolicy: NeverVerify
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 50Mi, nodefs.available: 1%%, imagefs.available: 1%%}
localStorageCapacityIsolation: false
`

func listens(ctx context.Context, address string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
