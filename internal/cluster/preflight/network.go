package preflight

import (
	"slices"
	"strings"

	"plumbline/internal/cluster/kube"
)

// enforcers are DaemonSets of network plugins that heed NetworkPolicies.
var enforcers = map[string]string{
	"calico-node": "Calico", "canal": "Canal", "cilium": "Cilium", "antrea-agent": "Antrea", "kube-router": "kube-router", "weave-net": "Weave Net",
	"ovnkube-node": "OVN-Kubernetes", "kube-ovn-cni": "Kube-OVN", "azure-npm": "Azure's policy manager", "anetd": "GKE's dataplane",
}

// network says what becomes of NetworkPolicies, and of PodMonitors; neither keeps anything from working.
func (j *judge) network() {
	if !j.unseen(kube.SurveyMonitors, "whether PodMonitors are known here") && j.Cluster.Monitors {
		j.fine("PodMonitors are known here: Prometheus's operator can find our metrics by them")
	}
	if !j.Policies {
		j.fine("no NetworkPolicies are to be made: every pod of the cluster reaches ours")
		return
	}
	if j.unseen(kube.SurveyNetwork, "whether something heeds NetworkPolicies") {
		return
	}
	if plugin := j.enforcer(); plugin != "" {
		j.fine("NetworkPolicies are heeded, by %s", plugin)
		return
	}
	if j.heedless() {
		j.say(Warning, "Flannel heeds no NetworkPolicies: those of deploy change nothing, and every pod of the cluster reaches ours", "Add something that heeds them, such as Calico for policy only, where that matters.")
		return
	}
	j.say(Warning, "whether NetworkPolicies are heeded cannot be seen: no network plugin is known by its DaemonSet", "Everything works either way. Where it matters that strangers' pods do not reach ours, ask whoever made the cluster's network.")
}

// enforcer is who heeds NetworkPolicies, as far as that shows, or "".
func (j *judge) enforcer() string {
	for _, name := range j.Cluster.Agents {
		if plugin := enforcers[name]; plugin != "" {
			return plugin
		}
	}
	if text := j.Cluster.Version.Text; strings.Contains(text, "+k3s") || strings.Contains(text, "+rke2") {
		return "k3s itself, unless it was told not to"
	}
	return ""
}

// heedless tells a network that is known to heed no NetworkPolicies.
func (j *judge) heedless() bool {
	return j.enforcer() == "" && slices.ContainsFunc(j.Cluster.Agents, func(name string) bool { return strings.HasPrefix(name, "kube-flannel") })
}
