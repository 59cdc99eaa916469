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

// What stays as it is must have what pods need; what deploy makes, or has made and completes, need not.
func TestSecretsThatStayAreLookedInto(t *testing.T) {
	secret := func(labels object, keys ...string) Object {
		data := object{}
		for _, key := range keys {
			data[key] = "AA=="
		}
		o, err := ObjectOf(object{"kind": "Secret", "metadata": object{"name": "s", "labels": labels}, "data": data})
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	own := object{"app.kubernetes.io/managed-by": Manager, "app.kubernetes.io/part-of": Manager}
	for name, c := range map[string]struct {
		brought bool
		found   Object // nil: there is none
		want    Survey
	}{
		"to be made":             {true, nil, Survey{}},
		"not there":              {false, nil, Survey{Absent: []string{"s"}}},
		"an earlier deploy's":    {true, secret(own, "a"), Survey{}},
		"that nobody completes":  {false, secret(own, "a"), Survey{Lacking: []string{"s: b"}}},
		"somebody else's":        {true, secret(nil, "other"), Survey{Lacking: []string{"s: a, b"}}},
		"somebody else's, whole": {true, secret(nil, "a", "b", "other"), Survey{}},
	} {
		t.Run(name, func(t *testing.T) {
			var got Survey
			got.secret(Wanted{Name: "s", Keys: []string{"a", "b"}, Brought: c.brought}, c.found, c.found != nil)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
