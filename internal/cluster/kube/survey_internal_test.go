package kube

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
