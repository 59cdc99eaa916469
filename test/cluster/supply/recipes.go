//go:build linux

package supply

// Versions of what is built. A recipe's own go.mod pins the modules; these are what the programs say of themselves.
const (
	kubernetesVersion = "1.35.4"
	kedaVersion       = "2.21.0"
	kwokVersion       = "0.7.0"
	kubernetesStamp   = "k8s.io/component-base/version."
)

// program is one binary: a package of the modules that a recipe (a folder with go.mod and go.sum) pins.
type program struct {
	name, recipe, source string
	stamps               []string // linker's -X: a program that does not know its version is refused by others, or refuses
}

var kubernetesStamps = []string{
	kubernetesStamp + "gitVersion=v" + kubernetesVersion, kubernetesStamp + "gitMajor=1", kubernetesStamp + "gitMinor=35",
	kubernetesStamp + "gitTreeState=clean",
}

// programs in the order in which they are built: what shares most code comes together.
var programs = []program{
	{"kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", kubernetesStamps},
	{"kubelet", "kubernetes", "k8s.io/kubernetes/cmd/kubelet", kubernetesStamps},
	{"kube-controller-manager", "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", kubernetesStamps},
	{"kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", kubernetesStamps},
	{"kube-proxy", "kubernetes", "k8s.io/kubernetes/cmd/kube-proxy", kubernetesStamps},
	{"kubectl", "kubernetes", "k8s.io/kubernetes/cmd/kubectl", kubernetesStamps},
	{"etcd", "etcd", "go.etcd.io/etcd/server/v3", nil},
	{"kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", []string{"sigs.k8s.io/kwok/pkg/consts.Version=v" + kwokVersion}},
	{"keda-operator", "keda", "github.com/kedacore/keda/v2/cmd/operator", []string{"github.com/kedacore/keda/v2/version.Version=" + kedaVersion}},
	{"coredns", "coredns", ".", nil},
}

// files are copied out of a module: KEDA's resource definitions and the rights of its operator, and how KWOK's nodes and pods
// come to life.
var files = []struct{ recipe, module, from, to string }{
	{"keda", "github.com/kedacore/keda/v2", "config/crd/bases", "keda/crd"},
	{"keda", "github.com/kedacore/keda/v2", "config/rbac", "keda/rbac"},
	{"kwok", "sigs.k8s.io/kwok", "kustomize/stage", "kwok/stage"},
}

// packages of Debian are unpacked, never installed, each list into a folder: root holds containerd and what it calls, Prometheus,
// and nft for kube-proxy; base is what Plumbline's image stands on where no registry can be reached.
var packages = []struct {
	to    string
	names []string
}{
	{"root", []string{"containerd", "runc", "containernetworking-plugins", "prometheus",
		"nftables", "libnftables1", "libnftnl11", "libmnl0", "libjansson4", "libedit2", "libxtables12"}},
	{"base", []string{"libc6", "libgcc-s1", "libstdc++6"}},
}
