package manifest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// With a runtime class every GPU is shown to workers and exporter, each with what it needs of the driver; nobody else sees one, and
// without a runtime class nobody does.
func TestGPUsAreShownToWhoNeedsThem(t *testing.T) {
	for class, want := range map[string]map[string]string{
		"":       {},
		"nvidia": {"work": "compute,utility", "export": "utility"},
	} {
		o := usual()
		o.Worker.RuntimeClass = class
		got := map[string]string{}
		for role, pod := range templates(t, objects(t, o)) {
			settings := map[string]string{}
			for _, e := range pod.Spec.Containers[0].Env {
				settings[e.Name] = e.Value
			}
			if settings["NVIDIA_VISIBLE_DEVICES"] == "all" && pod.Spec.RuntimeClassName != nil && *pod.Spec.RuntimeClassName == class {
				got[role] = settings["NVIDIA_DRIVER_CAPABILITIES"]
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("runtime class %q: %s", class, diff)
		}
	}
}
