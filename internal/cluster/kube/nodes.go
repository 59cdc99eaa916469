package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"

	"plumbline/internal/gpu"
)

// Template is what a pod says about the nodes it can run on: tolerations, nodeSelector, required node affinity and what it
// requests. Two pods of one ScaledJob have the same.
type Template struct {
	spec corev1.PodSpec
	key  string
}

func newTemplate(p *corev1.PodSpec) Template {
	t := Template{spec: corev1.PodSpec{
		Tolerations: p.Tolerations, NodeSelector: p.NodeSelector, InitContainers: p.InitContainers, Containers: p.Containers,
	}}
	if p.Affinity != nil && p.Affinity.NodeAffinity != nil {
		t.spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: p.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution,
		}}
	}
	text, _ := json.Marshal(struct {
		T []corev1.Toleration
		S map[string]string
		A *corev1.Affinity
		R corev1.ResourceList
	}{t.spec.Tolerations, t.spec.NodeSelector, t.spec.Affinity, requests(&t.spec)}) // of these types Marshal makes no error
	sum := sha256.Sum256(text)
	t.key = hex.EncodeToString(sum[:8])
	return t
}

// Key is equal for templates that see nodes in the same way.
func (t Template) Key() string { return t.key }

// Nodes is what Kubernetes says of each node, with the eyes of the template, sorted by name.
func (w *Watch) Nodes(t Template) []gpu.Node {
	all := listed[*corev1.Node](w.nodes)
	out := make([]gpu.Node, 0, len(all))
	look := t.eyes()
	for _, n := range all {
		out = append(out, look(n))
	}
	return out
}

// Addresses gives each node's names and addresses, its own name first: what Prometheus may call it by.
func (w *Watch) Addresses() map[string][]string {
	out := map[string][]string{}
	for _, n := range listed[*corev1.Node](w.nodes) {
		names := []string{n.Name}
		for _, a := range n.Status.Addresses {
			if !slices.Contains(names, a.Address) {
				names = append(names, a.Address)
			}
		}
		if h := n.Labels[corev1.LabelHostname]; h != "" && !slices.Contains(names, h) {
			names = append(names, h)
		}
		out[n.Name] = names
	}
	return out
}

func (t Template) eyes() func(*corev1.Node) gpu.Node {
	affinity := nodeaffinity.GetRequiredNodeAffinity(&corev1.Pod{Spec: t.spec})
	wanted := requests(&t.spec)
	return func(n *corev1.Node) gpu.Node {
		return gpu.Node{
			Name: n.Name, Ready: isReady(n), Cordoned: n.Spec.Unschedulable, GPU: hasGPU(n),
			Untolerated: untolerated(n.Spec.Taints, t.spec.Tolerations), Excluded: excluded(n, affinity, wanted),
		}
	}
}

func isReady(n *corev1.Node) bool {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue && n.DeletionTimestamp == nil
		}
	}
	return false
}

// hasGPU says whether a GPU is expected: what the label says, else what a device plugin or NVIDIA's discovery says. A Jetson
// without either shows by its first sample.
func hasGPU(n *corev1.Node) bool {
	if said, ok := n.Labels[gpuLabel]; ok {
		return said == "true"
	}
	for name, amount := range n.Status.Capacity {
		if strings.HasPrefix(string(name), "nvidia.com/") && !amount.IsZero() {
			return true
		}
	}
	return n.Labels["nvidia.com/gpu.present"] == "true"
}

// untolerated lists the taints that keep the scheduler from binding such a pod here. The one that cordoning brings is left
// out, since Cordoned says it.
func untolerated(taints []corev1.Taint, tolerations []corev1.Toleration) []string {
	var out []string
	for _, t := range taints {
		if t.Effect == corev1.TaintEffectPreferNoSchedule || t.Key == corev1.TaintNodeUnschedulable || tolerated(&t, tolerations) {
			continue
		}
		out = append(out, t.ToString())
	}
	return out
}

func tolerated(t *corev1.Taint, by []corev1.Toleration) bool {
	return slices.ContainsFunc(by, func(o corev1.Toleration) bool { return o.ToleratesTaint(klog.Background(), t, false) })
}

// excluded says which condition of the template's own the node does not meet.
func excluded(n *corev1.Node, affinity nodeaffinity.RequiredNodeAffinity, wanted corev1.ResourceList) string {
	if fits, err := affinity.Match(n); err != nil {
		return "the pod's node affinity is not valid: " + err.Error()
	} else if !fits {
		return "the pod's nodeSelector or node affinity excludes it"
	}
	names := make([]string, 0, len(wanted))
	for name := range wanted {
		names = append(names, string(name))
	}
	slices.Sort(names)
	for _, name := range names {
		want, has := wanted[corev1.ResourceName(name)], n.Status.Allocatable[corev1.ResourceName(name)]
		if want.Cmp(has) > 0 {
			return fmt.Sprintf("the pod requests %s of %s, the node has %s", want.String(), name, has.String())
		}
	}
	return ""
}

// requests is what the pod asks of a node: the sum of its containers, and at least each init container's own.
func requests(p *corev1.PodSpec) corev1.ResourceList {
	sum := corev1.ResourceList{}
	for _, c := range p.Containers {
		for name, amount := range c.Resources.Requests {
			total := sum[name]
			total.Add(amount)
			sum[name] = total
		}
	}
	for _, c := range p.InitContainers {
		for name, amount := range c.Resources.Requests {
			if held := sum[name]; amount.Cmp(held) > 0 {
				sum[name] = amount
			}
		}
	}
	return withoutZero(sum)
}

func withoutZero(l corev1.ResourceList) corev1.ResourceList {
	for name, amount := range l {
		if amount.Cmp(resource.Quantity{}) <= 0 {
			delete(l, name)
		}
	}
	return l
}
