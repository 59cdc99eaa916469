package kube

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMachines(t *testing.T) {
	o, err := ObjectOf(object{
		"apiVersion": "v1", "kind": "Node",
		"metadata": object{"name": "n", "labels": object{"node-role.kubernetes.io/control-plane": ""}, "annotations": object{taintedAnnotation: "a,b"}},
		"spec": object{"unschedulable": true, "taints": []object{
			{"key": "soft", "effect": "PreferNoSchedule"}, {"key": "hard", "value": "1", "effect": "NoExecute"}, {"key": ControlPlaneTaint, "effect": "NoSchedule"},
		}},
		"status": object{"addresses": []object{{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "Hostname", "address": "n"}}, "conditions": []object{{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Machine{
		Name: "n", Addresses: []string{"n", "10.0.0.1"}, Labels: map[string]string{"node-role.kubernetes.io/control-plane": ""}, ControlPlane: true, Ready: true, Cordoned: true,
		Repels: []string{"hard=1", ControlPlaneTaint}, Tainted: true, TaintedFor: []string{"a", "b"},
	}
	if diff := cmp.Diff(want, machineOf(o)); diff != "" {
		t.Error(diff)
	}
}

// The API keeps an annotation or a list that a merge patch does not name; null removes it.
func TestATaintPatchRemovesWhatIsNoLongerThere(t *testing.T) {
	want := object{"metadata": object{"resourceVersion": "3", "annotations": object{taintedAnnotation: nil}}, "spec": object{"taints": nil}}
	if diff := cmp.Diff(want, taintPatch("3", nil, nil)); diff != "" {
		t.Error(diff)
	}
}

// A taint goes with the last installation that wants it, and that of somebody else is left alone.
func TestTaintsAreRecorded(t *testing.T) {
	type machine struct {
		tainted bool
		by      []string
	}
	for name, c := range map[string]struct {
		before, tainted, untainted machine
	}{
		"bare":                      {machine{}, machine{true, []string{"a"}}, machine{}},
		"ours":                      {machine{true, []string{"a"}}, machine{true, []string{"a"}}, machine{false, []string{}}},
		"another installation's":    {machine{true, []string{"b"}}, machine{true, []string{"b", "a"}}, machine{true, []string{"b"}}},
		"both's":                    {machine{true, []string{"a", "b"}}, machine{true, []string{"a", "b"}}, machine{true, []string{"b"}}},
		"somebody's":                {machine{true, nil}, machine{true, nil}, machine{true, nil}},
		"lifted by hand":            {machine{false, []string{"a"}}, machine{true, []string{"a"}}, machine{false, []string{}}},
		"another's, lifted by hand": {machine{false, []string{"b"}}, machine{true, []string{"a"}}, machine{false, []string{"b"}}},
	} {
		t.Run(name, func(t *testing.T) {
			for act, step := range map[string]struct {
				do   func(Machine) (Machine, bool)
				want machine
			}{
				"tainting":   {func(m Machine) (Machine, bool) { return m.Taint("a") }, c.tainted},
				"untainting": {func(m Machine) (Machine, bool) { return m.Untaint("a") }, c.untainted},
			} {
				before := Machine{Tainted: c.before.tainted, TaintedFor: c.before.by}
				after, changed := step.do(before)
				if diff := cmp.Diff(Machine{Tainted: step.want.tainted, TaintedFor: step.want.by}, after); diff != "" {
					t.Errorf("%s: %s", act, diff)
				}
				if changed == cmp.Equal(before, after) {
					t.Errorf("%s: whether it changes is told as %v", act, changed)
				}
			}
		})
	}
}

// Taints of others stay, and so does their order.
func TestOtherTaintsStay(t *testing.T) {
	first, ours, last := object{"key": "first"}, ourTaint(), object{"key": "last"}
	node := func(taints ...any) Object { return Object{"spec": object{"taints": taints}} }
	for name, c := range map[string]struct {
		node Object
		ours bool
		want []any
	}{
		"set":          {node(first, last), true, []any{first, last, ours}},
		"set already":  {node(first, ours, last), true, []any{first, ours, last}},
		"lifted":       {node(first, ours, last), false, []any{first, last}},
		"none to lift": {node(first, last), false, []any{first, last}},
		"the only one": {node(ours), false, []any{}},
		"the first":    {Object{}, true, []any{ours}},
	} {
		if diff := cmp.Diff(c.want, taintsOf(c.node, c.ours)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
