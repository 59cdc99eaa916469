package kube

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// nodeName is the field that names a node. Its label kubernetes.io/hostname may differ, and may be missing.
const nodeName = "metadata.name"

func named(node string) corev1.NodeSelectorRequirement {
	return corev1.NodeSelectorRequirement{Key: nodeName, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}
}

// pinTerms narrows required node affinity to one node. Terms are alternatives, so every one of them must name it; on a gated
// pod the apiserver lets terms be extended and nothing else. An empty term matches no node and must stay empty.
func pinTerms(required *corev1.NodeSelector, node string) []corev1.NodeSelectorTerm {
	if required == nil || len(required.NodeSelectorTerms) == 0 {
		return []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{named(node)}}}
	}
	out := make([]corev1.NodeSelectorTerm, 0, len(required.NodeSelectorTerms))
	for _, t := range required.NodeSelectorTerms {
		t = *t.DeepCopy()
		if !isEmpty(t) {
			t.MatchFields = append(t.MatchFields, named(node))
		}
		out = append(out, t)
	}
	return out
}

func isEmpty(t corev1.NodeSelectorTerm) bool { return len(t.MatchExpressions)+len(t.MatchFields) == 0 }

// unpinned takes the one node out of a ScaledJob's template that patching named, or the Python scripts by its host name, and
// tells it. Where terms name different nodes, or several, they are the operator's choice of nodes and stay.
func unpinned(p *corev1.PodSpec) (*corev1.PodSpec, string) {
	if p.Affinity == nil || p.Affinity.NodeAffinity == nil || p.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return p, ""
	}
	pinned := ""
	var free []corev1.NodeSelectorTerm
	for _, t := range p.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		rest, node, one := unpinnedTerm(t)
		if !one || pinned != "" && pinned != node {
			return p, ""
		}
		pinned = node
		if !isEmpty(rest) {
			free = append(free, rest)
		}
	}
	out := p.DeepCopy()
	out.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = nil
	if len(free) > 0 {
		out.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: free}
	}
	return out, pinned
}

// unpinnedTerm is the term without the node that it names; false: it names none, or not one only.
func unpinnedTerm(t corev1.NodeSelectorTerm) (corev1.NodeSelectorTerm, string, bool) {
	t = *t.DeepCopy()
	names := map[string]bool{}
	pins := func(key string) func(corev1.NodeSelectorRequirement) bool {
		return func(r corev1.NodeSelectorRequirement) bool {
			pin := r.Key == key && r.Operator == corev1.NodeSelectorOpIn && len(r.Values) == 1
			if pin {
				names[r.Values[0]] = true
			}
			return pin
		}
	}
	t.MatchFields = slices.DeleteFunc(t.MatchFields, pins(nodeName))
	t.MatchExpressions = slices.DeleteFunc(t.MatchExpressions, pins(corev1.LabelHostname))
	for name := range names {
		return t, name, len(names) == 1
	}
	return t, "", false
}

// requiredOf gives the required node affinity of a pod's specification, or nil.
func requiredOf(p *corev1.PodSpec) *corev1.NodeSelector {
	if p.Affinity == nil || p.Affinity.NodeAffinity == nil {
		return nil
	}
	return p.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
}

// PinAffinity gives a pod's affinity, as it stands in a manifest, one node in place of the one that was named before, as Pin
// does in the cluster. Nil is none.
func PinAffinity(affinity map[string]any, node string) (map[string]any, error) {
	var spec corev1.PodSpec
	if err := convert(map[string]any{"affinity": affinity}, &spec); err != nil {
		return nil, fmt.Errorf("reading the affinity: %w", err)
	}
	free, _ := unpinned(&spec)
	if free.Affinity == nil {
		free.Affinity = &corev1.Affinity{}
	}
	if free.Affinity.NodeAffinity == nil {
		free.Affinity.NodeAffinity = &corev1.NodeAffinity{}
	}
	free.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: pinTerms(requiredOf(free), node)}
	out := map[string]any{}
	return out, convert(free.Affinity, &out)
}

// convert goes by way of JSON, and refuses fields that do not exist.
func convert(from, to any) error {
	text, err := json.Marshal(from)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(to)
}
