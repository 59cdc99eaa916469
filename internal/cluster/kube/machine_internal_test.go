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
