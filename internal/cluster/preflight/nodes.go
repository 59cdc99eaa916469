package preflight

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/wording"
)

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
	if len(open) > 0 {
		j.chosen()
	}
}

// chosen looks for nodes with the labels that workers and exporter ask for. None is no reason to refuse: a node may come, or get
// its label, later.
func (j *judge) chosen() {
	workers := labelled(j.Cluster.Nodes, j.WorkerNodes)
	switch {
	case len(workers) == 0:
		j.unlabelled("--worker-nodes", j.WorkerNodes, "which workers ask for: none can start, and pictures wait")
	case !slices.ContainsFunc(workers, takesPods):
		j.say(Warning, fmt.Sprintf("no node that workers ask for (%s) takes pods, so that none can start: %s", shown(j.WorkerNodes), nodeNames(workers)),
			"They are not ready, cordoned or tainted: see kubectl get nodes; uncordon one, or lift a taint.")
	}
	if len(labelled(j.Cluster.Nodes, j.ExportNodes)) == 0 {
		j.unlabelled("--export-nodes", j.ExportNodes, "which the exporter asks for: it measures no GPU, and a node without a sample takes no worker")
	}
}

func (j *judge) unlabelled(flag string, wanted map[string]string, so string) {
	j.say(Warning, fmt.Sprintf("no node has the %s %s, %s", wording.Agree(len(wanted), "label", "labels"), shown(wanted), so),
		fmt.Sprintf("Label those that are meant: kubectl label node NAME %s; or deploy with other %s.", strings.ReplaceAll(shown(wanted), ",", " "), flag))
}

// shown are labels as kubectl selects by them.
func shown(labels map[string]string) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		all = append(all, key+"="+labels[key])
	}
	return strings.Join(all, ",")
}

func nodeNames(nodes []kube.Machine) string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Name)
	}
	return names(all)
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
	workers := slices.ContainsFunc(j.Cluster.Nodes, func(n kube.Machine) bool { return !n.ControlPlane && takesPods(n) && carries(n, j.WorkerNodes) })
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

// labelled are the nodes that have all of the labels.
func labelled(nodes []kube.Machine, wanted map[string]string) (all []kube.Machine) {
	for _, n := range nodes {
		if carries(n, wanted) {
			all = append(all, n)
		}
	}
	return all
}

func carries(n kube.Machine, wanted map[string]string) bool {
	for key, value := range wanted {
		if has, there := n.Labels[key]; !there || has != value {
			return false
		}
	}
	return true
}
