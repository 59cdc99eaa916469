package kube

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a StatefulSet asks for is compared as Kubernetes understands it.
func TestTemplates(t *testing.T) {
	set, err := ObjectOf(object{"kind": "StatefulSet", "metadata": object{"name": "plumbline-hub"}, "spec": object{"volumeClaimTemplates": []object{
		{"metadata": object{"name": "data"}, "spec": object{"storageClassName": "fast", "resources": object{"requests": object{"storage": "20Gi"}}}, "status": object{"phase": "Pending"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	all := Templates(set)
	if diff := cmp.Diff([]Claim{{Name: "data-plumbline-hub-0", Class: "fast", Size: "20Gi"}}, all); diff != "" {
		t.Fatal(diff)
	}
	for size, want := range map[string]int{"20Gi": 0, "20480Mi": 0, "21474836480": 0, "30Gi": -1, "20G": 1, "much": 0} {
		if got := all[0].CompareSize(size); got != want {
			t.Errorf("20Gi and %s: %d, want %d", size, got, want)
		}
	}
}

func TestWhatAFieldTakesIsReadFromItsSchema(t *testing.T) {
	version, err := ObjectOf(object{"schema": object{"openAPIV3Schema": object{"properties": object{"spec": object{"properties": object{
		"rollout":         object{"properties": object{"strategy": object{"type": "string", "enum": []string{"gradual", "immediate"}}}},
		"scalingStrategy": object{"properties": object{"strategy": object{"type": "string"}}},
	}}}}}, "kind": "Version"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{"rollout": {"gradual", "immediate"}, "scalingStrategy": {Any}, "other": nil} {
		if diff := cmp.Diff(want, takes(version, name, "strategy")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
