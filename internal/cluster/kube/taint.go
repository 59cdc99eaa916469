package kube

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// ControlPlaneTaint keeps workers off the control plane's nodes.
const ControlPlaneTaint = "plumbline/control-plane"

// taintedAnnotation records, on a node that we tainted, for which namespaces: the taint of somebody who set it by hand has none.
const taintedAnnotation = "plumbline/tainted-for"

// Machine is a node, as deploying sees it.
type Machine struct {
	Name         string
	Labels       map[string]string
	Addresses    []string // and names, its own first: what Prometheus may call it by
	ControlPlane bool
	Ready        bool
	Cordoned     bool
	Repels       []string // taints that keep pods away which tolerate nothing: KEY or KEY=VALUE
	Tainted      bool     // with ControlPlaneTaint, by whomever
	TaintedFor   []string // the namespaces for which we set it; none: it is not ours
}

// Machines gives the cluster's nodes, sorted by name.
func (c *Client) Machines(ctx context.Context) ([]Machine, error) {
	all, err := c.List(ctx, Query{Kind: "Node"})
	if err != nil {
		return nil, err
	}
	var out []Machine
	for _, o := range all {
		out = append(out, machineOf(o))
	}
	slices.SortFunc(out, func(a, b Machine) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func machineOf(o Object) Machine {
	labels := o.Labels()
	m := Machine{Name: o.Name(), Labels: labels, TaintedFor: taintedFor(o)}
	for _, label := range []string{"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"} {
		if _, there := labels[label]; there {
			m.ControlPlane = true
		}
	}
	m.Addresses = []string{m.Name}
	for _, a := range o.List("status", "addresses") {
		if address := a.Text("address"); !slices.Contains(m.Addresses, address) {
			m.Addresses = append(m.Addresses, address)
		}
	}
	m.Cordoned, _ = o.At("spec", "unschedulable").(bool)
	for _, c := range o.List("status", "conditions") {
		if c.Text("type") == string(corev1.NodeReady) {
			m.Ready = c.Text("status") == string(corev1.ConditionTrue)
		}
	}
	for _, t := range o.List("spec", "taints") {
		key := t.Text("key")
		if key == ControlPlaneTaint {
			m.Tainted = true
		}
		if t.Text("effect") != string(corev1.TaintEffectPreferNoSchedule) {
			if v := t.Text("value"); v != "" {
				key += "=" + v
			}
			m.Repels = append(m.Repels, key)
		}
	}
	return m
}

func taintedFor(o Object) []string {
	return strings.FieldsFunc(o.Annotations()[taintedAnnotation], func(r rune) bool { return r == ',' })
}

// Taint is the machine as Client.Taint leaves it; false: nothing is to be done. A taint that somebody else set is left as theirs.
func (m Machine) Taint(namespace string) (Machine, bool) {
	if m.Tainted && (len(m.TaintedFor) == 0 || slices.Contains(m.TaintedFor, namespace)) {
		return m, false
	}
	if !m.Tainted { // whoever wanted it before, somebody has lifted it
		m.TaintedFor = nil
	}
	m.Tainted, m.TaintedFor = true, append(slices.Clone(m.TaintedFor), namespace)
	return m, true
}

// Untaint is the machine as Client.Untaint leaves it; false: nothing is to be done.
func (m Machine) Untaint(namespace string) (Machine, bool) {
	if !slices.Contains(m.TaintedFor, namespace) {
		return m, false
	}
	m.TaintedFor = slices.DeleteFunc(slices.Clone(m.TaintedFor), func(n string) bool { return n == namespace })
	m.Tainted = m.Tainted && len(m.TaintedFor) > 0
	return m, true
}

// Taints are what of a node is about our taint, as the API has it.
func (m Machine) Taints() Object {
	o := Object{"apiVersion": "v1", "kind": "Node", "metadata": object{"name": m.Name}}
	if len(m.TaintedFor) > 0 {
		o["metadata"] = object{"name": m.Name, "annotations": object{taintedAnnotation: strings.Join(m.TaintedFor, ",")}}
	}
	if m.Tainted {
		o["spec"] = object{"taints": []any{ourTaint()}}
	}
	return o
}

// Taint keeps pods off a node that do not tolerate ControlPlaneTaint, and records for which namespace. False: nothing was to be
// done.
func (c *Client) Taint(ctx context.Context, node, namespace string) (bool, error) {
	return c.retaint(ctx, node, func(m Machine) (Machine, bool) { return m.Taint(namespace) })
}

// Untaint takes back what Taint did for the namespace; the taint goes when no other namespace wants it. False: it was not ours.
func (c *Client) Untaint(ctx context.Context, node, namespace string) (bool, error) {
	return c.retaint(ctx, node, func(m Machine) (Machine, bool) { return m.Untaint(namespace) })
}

func ourTaint() object {
	return object{"key": ControlPlaneTaint, "effect": string(corev1.TaintEffectNoSchedule)}
}

func isOurTaint(v any) bool {
	t, _ := v.(map[string]any)
	return Object(t).Text("key") == ControlPlaneTaint
}

// taintsOf are a node's taints, with ours or without.
func taintsOf(o Object, ours bool) []any {
	taints, _ := o.At("spec", "taints").([]any)
	taints = slices.Clone(taints)
	switch there := slices.ContainsFunc(taints, isOurTaint); {
	case ours && !there:
		taints = append(taints, ourTaint())
	case !ours:
		taints = slices.DeleteFunc(taints, isOurTaint)
	}
	return taints
}

// retaint reads and writes until nobody has changed the node between the two. A node that is gone needs nothing.
func (c *Client) retaint(ctx context.Context, node string, change func(Machine) (Machine, bool)) (bool, error) {
	for {
		o, there, err := c.Get(ctx, Ref{Kind: "Node", Name: node})
		if err != nil || !there {
			return false, err
		}
		after, wanted := change(machineOf(o))
		if !wanted {
			return false, nil
		}
		_, err = c.Merge(ctx, o.Ref(), taintPatch(o.Version(), taintsOf(o, after.Tainted), after.TaintedFor))
		if !apierrors.IsConflict(err) || ctx.Err() != nil {
			return err == nil, err
		}
	}
}

// taintPatch replaces the taints, which JSON cannot do one by one; the version makes that safe.
func taintPatch(version string, taints []any, namespaces []string) object {
	var tainted any = strings.Join(namespaces, ",")
	if len(namespaces) == 0 {
		tainted = nil
	}
	var all any = taints
	if len(taints) == 0 {
		all = nil
	}
	return object{
		"metadata": object{"resourceVersion": version, "annotations": object{taintedAnnotation: tainted}},
		"spec":     object{"taints": all},
	}
}
