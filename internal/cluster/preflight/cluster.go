package preflight

import (
	"fmt"
	"slices"
	"strings"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/wording"
)

// Versions of Kubernetes 1, by their minor number. Scheduling gates (KEP-3521) and node affinity that is given to a gated pod
// (KEP-3838) are beta, and on unless switched off, since 1.27, and stable since 1.30. A Job's podFailurePolicy is since 1.26 and 1.31.
const (
	oldestKubernetes = 27
	stableKubernetes = 30
	testedKubernetes = 35
)

func (j *judge) kubernetes() {
	v := j.Cluster.Version
	switch {
	case v.Major == 0:
		j.say(Warning, fmt.Sprintf("%s at %s tells no version that can be read", v.Text, j.Cluster.Server), "")
	case v.Major == 1 && v.Minor < oldestKubernetes:
		j.say(Wrong, fmt.Sprintf("%s is too old: workers wait at a scheduling gate and get their node there, which Kubernetes 1.%d brought", v.Text, oldestKubernetes),
			fmt.Sprintf("Upgrade the cluster, to 1.%d or newer at best.", stableKubernetes))
	case v.Major == 1 && v.Minor < stableKubernetes:
		j.say(Warning, fmt.Sprintf("%s has scheduling gates as beta: on unless somebody switched them off, and not tried with Plumbline", v.Text),
			fmt.Sprintf("Upgrade to 1.%d or newer, or see that the feature gate PodSchedulingReadiness is on.", stableKubernetes))
	case v.Major == 1 && v.Minor > testedKubernetes:
		j.fine("%s at %s, newer than 1.%d, with which Plumbline is tested", v.Text, j.Cluster.Server, testedKubernetes)
	default:
		j.fine("%s at %s", v.Text, j.Cluster.Server)
	}
}

func (j *judge) nodes() {
	if j.unseen(kube.SurveyNodes, "nodes") {
		return
	}
	var away, open []string
	for _, n := range j.Cluster.Nodes {
		if !n.Ready {
			away = append(away, n.Name)
			continue
		}
		if takesPods(n) {
			open = append(open, n.Name)
		}
	}
	all := len(j.Cluster.Nodes)
	text := fmt.Sprintf("%d of %s %s pods", len(open), wording.Count(all, "node"), wording.Agree(len(open), "takes", "take"))
	switch {
	case all == 0:
		j.say(Wrong, "the cluster has no nodes", "See kubectl get nodes; add one.")
	case len(open) == 0:
		j.say(Wrong, fmt.Sprintf("none of %s takes pods: not ready, cordoned or tainted", wording.Count(all, "node")), "See kubectl get nodes; uncordon one, or lift a taint.")
	case len(away) > 0:
		j.say(Warning, fmt.Sprintf("%s; not ready: %s", text, names(away)), "What is not ready takes no worker; the rest works without it.")
	default:
		j.fine("%s", text)
	}
}

// takesPods tells whether pods without special tolerations are let in.
func takesPods(n kube.Machine) bool { return n.Ready && !n.Cordoned && !closed(n) }

// closed tells whether taints keep ordinary pods away.
func closed(n kube.Machine) bool { return len(n.Repels) > 0 }

func (j *judge) controlPlane() {
	if j.Cluster.Unseen[kube.SurveyNodes] != nil {
		return
	}
	var open, shut []string
	for _, n := range j.Cluster.Nodes {
		switch {
		case !n.ControlPlane:
		case closed(n):
			shut = append(shut, n.Name)
		default:
			open = append(open, n.Name)
		}
	}
	workers := slices.ContainsFunc(j.Cluster.Nodes, func(n kube.Machine) bool { return !n.ControlPlane && takesPods(n) && j.forWorkers(n) })
	switch {
	case len(open)+len(shut) == 0:
		j.fine("no node is labelled as control plane; none is tainted")
	case len(open) == 0:
		j.fine("%s: closed to pods already, by taints", names(shut))
	case !j.Taint:
		j.fine("%s: open to pods, and left so", names(open))
	case workers:
		j.fine("%s: to be tainted by deploy with plumbline/control-plane:NoSchedule, which stop lifts; other nodes remain for workers", names(open))
	default:
		j.fine("%s: left open, since no other node takes workers; they share the machine with the control plane", names(open))
	}
}

// forWorkers tells whether a node has the labels that workers ask for.
func (j *judge) forWorkers(n kube.Machine) bool {
	for key, value := range j.WorkerNodes {
		if n.Labels[key] != value {
			return false
		}
	}
	return true
}

func (j *judge) namespace() {
	if j.unseen(kube.SurveyNamespace, "the namespace "+j.Namespace) {
		return
	}
	n := j.Cluster.Namespace
	switch {
	case !n.Exists:
		j.fine("%s is not there yet; deploy makes it", j.Namespace)
	case n.Terminating:
		why := ""
		if n.Stuck != "" {
			why = ": " + n.Stuck
		}
		j.say(Wrong, fmt.Sprintf("%s is being deleted; nothing can be made in it%s", j.Namespace, why),
			"Wait until it is gone. If it does not go, what it names above holds it; a ScaledJob does where KEDA was removed before (plumbline stop --force).")
	case j.Host && (n.Enforce == "baseline" || n.Enforce == "restricted"):
		j.say(Wrong, fmt.Sprintf("%s enforces the Pod Security Standard %s, which refuses the exporter's pods: they mount their node's /sys", j.Namespace, n.Enforce),
			"Give another --namespace, or label this one pod-security.kubernetes.io/enforce=privileged.")
	case n.Ours:
		j.fine("%s is there, made by deploy", j.Namespace)
	default:
		j.fine("%s is there, made by somebody else; stop will leave it", j.Namespace)
	}
}

func (j *judge) storage() {
	if j.unseen(kube.SurveyClaims, "the claims of volumes") {
		return
	}
	if i := slices.IndexFunc(j.Cluster.Claims, func(c kube.Claim) bool { return c.Name == j.Claim }); i >= 0 {
		j.claimed(j.Cluster.Claims[i])
		return
	}
	if j.unseen(kube.SurveyClasses, "storage classes") {
		return
	}
	if j.StorageClass == "" {
		j.defaultClass()
		return
	}
	for _, c := range j.Cluster.Classes {
		if c.Name == j.StorageClass {
			j.class("class", c)
			return
		}
	}
	if j.free(j.StorageClass) {
		j.fine("there is no class %s, but a free volume of it, made by hand", j.StorageClass)
		return
	}
	if j.volumesUnseen("there is no storage class " + j.StorageClass) {
		return
	}
	j.say(Wrong, fmt.Sprintf("there is no storage class %s, and no free volume of it: the hub would wait for ever", j.StorageClass), j.otherClasses())
}

// byHand is the provisioner of classes whose volumes somebody makes.
const byHand = "kubernetes.io/no-provisioner"

// class judges the class that the hub's volume is to be of.
func (j *judge) class(which string, c kube.StorageClass) {
	switch {
	case c.Provisioner != byHand:
		j.fine("%s %s (%s) makes the hub's volume", which, c.Name, c.Provisioner)
	case j.free(c.Name):
		j.fine("%s %s makes no volume by itself, but there is a free one, made by hand", which, c.Name)
	case j.volumesUnseen(which + " " + c.Name + " makes no volume by itself"):
	default:
		j.say(Wrong, fmt.Sprintf("%s %s makes no volume by itself, and no free one is there: the hub would wait for ever", which, c.Name), "Make a volume of this class, or choose another class with --storage-class.")
	}
}

// volumesUnseen says that a volume made by hand would do, and that it cannot be seen whether there is one.
func (j *judge) volumesUnseen(why string) bool {
	err := j.Cluster.Unseen[kube.SurveyVolumes]
	if err != nil {
		j.say(Warning, fmt.Sprintf("%s, and whether a free one is there, made by hand, cannot be seen: %v", why, err), askSomebody)
	}
	return err != nil
}

// free says whether there is a volume of the class that nobody has claimed.
func (j *judge) free(class string) bool {
	return slices.ContainsFunc(j.Cluster.Volumes, func(v kube.Volume) bool { return v.Class == class })
}

// claimed judges the claim of an earlier deployment.
func (j *judge) claimed(c kube.Claim) {
	switch {
	case c.Phase == "Lost":
		j.say(Wrong, fmt.Sprintf("the claim %s has lost its volume, and with it what it held", c.Name), "Bring the volume back, or delete the claim to begin anew: kubectl -n "+j.Namespace+" delete pvc "+c.Name)
	case c.Phase != "Bound":
		j.say(Warning, fmt.Sprintf("the claim %s is there and %s", c.Name, strings.ToLower(c.Phase)), "Some classes make the volume only when the hub's pod comes; else see kubectl -n "+j.Namespace+" describe pvc "+c.Name)
	case j.StorageClass != "" && c.Class != j.StorageClass:
		j.say(Warning, fmt.Sprintf("the hub's volume is there, with class %s and not %s; it is used as it is", c.Class, j.StorageClass), "")
	default:
		j.fine("the hub's volume is there (claim %s); what it holds goes on", c.Name)
	}
}

func (j *judge) defaultClass() {
	for _, c := range j.Cluster.Classes {
		if c.Default {
			j.class("the default class", c)
			return
		}
	}
	j.say(Wrong, "no storage class is the default: the hub would wait for its volume for ever", j.otherClasses())
}

func (j *judge) otherClasses() string {
	var all []string
	for _, c := range j.Cluster.Classes {
		all = append(all, c.Name)
	}
	if len(all) == 0 {
		return "Install something that makes volumes, such as a local-path provisioner, or make one by hand and name its class with --storage-class."
	}
	return "Choose with --storage-class: " + names(all) + "."
}

func (j *judge) runtime() {
	if j.RuntimeClass == "" || j.unseen(kube.SurveyRuntimes, "runtime classes") {
		return
	}
	if slices.Contains(j.Cluster.Runtimes, j.RuntimeClass) {
		j.fine("the RuntimeClass %s is there", j.RuntimeClass)
		return
	}
	do := "Install the container toolkit of the GPU's vendor and make the class."
	if len(j.Cluster.Runtimes) > 0 {
		do += " There are: " + names(j.Cluster.Runtimes) + "."
	}
	j.say(Wrong, fmt.Sprintf("there is no RuntimeClass %s: exporter and workers would be refused", j.RuntimeClass), do)
}

func (j *judge) secrets() {
	if j.unseen(kube.SurveySecrets, "the Secrets that the settings name") {
		return
	}
	if n := len(j.Cluster.Absent); n > 0 {
		j.list(fmt.Sprintf("%s %s not in the namespace %s, and pods that need %s do not start", wording.Count(n, "Secret"), wording.Agree(n, "is", "are"), j.Namespace, wording.Agree(n, "it", "them")),
			j.Cluster.Absent, "Make "+wording.Agree(n, "it", "them")+" first (kubectl -n "+j.Namespace+" create secret …).")
	}
}
