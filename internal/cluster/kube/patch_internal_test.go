package kube

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func in(key string, values ...string) corev1.NodeSelectorRequirement {
	return corev1.NodeSelectorRequirement{Key: key, Operator: corev1.NodeSelectorOpIn, Values: values}
}

func required(terms ...corev1.NodeSelectorTerm) *corev1.Affinity {
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms},
	}}
}

// The patch is applied by the library that the apiserver applies it with.
func TestPlacePatchNamesTheNodeInEveryTermAndLiftsOurGateOnly(t *testing.T) {
	zone, disk := in("zone", "a"), in("disk", "ssd")
	name := in("metadata.name", "n")
	preferred := required(corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{zone}})
	preferred.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution = []corev1.PreferredSchedulingTerm{{Weight: 7}}
	preferred.PodAntiAffinity = &corev1.PodAntiAffinity{}
	for title, c := range map[string]struct {
		affinity *corev1.Affinity
		gates    []string
		want     []corev1.NodeSelectorTerm
		left     int
	}{
		"no affinity":     {gates: []string{Gate}, want: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{name}}}},
		"none required":   {affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{}}, gates: []string{Gate}, want: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{name}}}},
		"another's gate":  {gates: []string{"a/b", Gate, "c/d"}, want: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{name}}}, left: 2},
		"one term":        {affinity: required(corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{zone}}), gates: []string{Gate}, want: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{zone}, MatchFields: []corev1.NodeSelectorRequirement{name}}}},
		"others are kept": {affinity: preferred, gates: []string{Gate}, want: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{zone}, MatchFields: []corev1.NodeSelectorRequirement{name}}}},
		"three terms, one of them empty": {
			affinity: required(corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{zone}}, corev1.NodeSelectorTerm{},
				corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{disk}, MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: corev1.NodeSelectorOpNotIn, Values: []string{"m"}}}}),
			gates: []string{Gate},
			want: []corev1.NodeSelectorTerm{
				{MatchExpressions: []corev1.NodeSelectorRequirement{zone}, MatchFields: []corev1.NodeSelectorRequirement{name}},
				{},
				{MatchExpressions: []corev1.NodeSelectorRequirement{disk}, MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: corev1.NodeSelectorOpNotIn, Values: []string{"m"}}, name}},
			},
		},
	} {
		t.Run(title, func(t *testing.T) {
			before := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", UID: "u", Annotations: map[string]string{"theirs": "kept"}}}
			before.Spec.Affinity = c.affinity
			for _, g := range c.gates {
				before.Spec.SchedulingGates = append(before.Spec.SchedulingGates, corev1.PodSchedulingGate{Name: g})
			}
			after := apply(t, before, placing(t, before))
			if diff := cmp.Diff(c.want, requiredOf(&after.Spec).NodeSelectorTerms); diff != "" {
				t.Error(diff)
			}
			if isGated(after) || len(after.Spec.SchedulingGates) != c.left {
				t.Errorf("gates after placing: %v", after.Spec.SchedulingGates)
			}
			if c.affinity == preferred && (after.Spec.Affinity.PodAntiAffinity == nil || len(after.Spec.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution) != 1) {
				t.Errorf("other affinity is gone: %v", after.Spec.Affinity)
			}
			v := viewPod(after)
			if v.Node != "n" || !v.PlacedAt.Equal(at) || v.Decision != "d" || after.Annotations["theirs"] != "kept" {
				t.Errorf("the placed pod is seen as %+v, annotations %v", v, after.Annotations)
			}
		})
	}
}

func placing(t *testing.T, p *corev1.Pod) []byte {
	t.Helper()
	patch, err := placePatch(viewPod(p), Placing{Node: "n", Decision: "d", At: at})
	if err != nil {
		t.Fatal(err)
	}
	return patch
}

func apply(t *testing.T, p *corev1.Pod, patch []byte) *corev1.Pod {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if text, err = strategicpatch.StrategicMergePatch(text, patch, corev1.Pod{}); err != nil {
		t.Fatal(err)
	}
	after := &corev1.Pod{}
	if err := json.Unmarshal(text, after); err != nil {
		t.Fatal(err)
	}
	return after
}

func TestPinnedNodeOfATemplate(t *testing.T) {
	host, byName := in("kubernetes.io/hostname", "agx"), in("metadata.name", "agx")
	term := func(expressions ...corev1.NodeSelectorRequirement) corev1.NodeSelectorTerm {
		return corev1.NodeSelectorTerm{MatchExpressions: expressions}
	}
	field := func(r corev1.NodeSelectorRequirement, expressions ...corev1.NodeSelectorRequirement) corev1.NodeSelectorTerm {
		return corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{r}, MatchExpressions: expressions}
	}
	for name, c := range map[string]struct {
		terms, free []corev1.NodeSelectorTerm
		pinned      string
	}{
		"by host name, as the scripts did":  {terms: []corev1.NodeSelectorTerm{term(host)}, pinned: "agx"},
		"by name, as we do":                 {terms: []corev1.NodeSelectorTerm{field(byName)}, pinned: "agx"},
		"beside a condition":                {terms: []corev1.NodeSelectorTerm{field(byName, in("zone", "a"))}, free: []corev1.NodeSelectorTerm{term(in("zone", "a"))}, pinned: "agx"},
		"in every term":                     {terms: []corev1.NodeSelectorTerm{field(byName, in("zone", "a")), field(byName, in("zone", "b"))}, free: []corev1.NodeSelectorTerm{term(in("zone", "a")), term(in("zone", "b"))}, pinned: "agx"},
		"several hosts are a choice":        {terms: []corev1.NodeSelectorTerm{term(in("kubernetes.io/hostname", "a", "b"))}, free: []corev1.NodeSelectorTerm{term(in("kubernetes.io/hostname", "a", "b"))}},
		"a host a term is a choice":         {terms: []corev1.NodeSelectorTerm{term(host), term(in("kubernetes.io/hostname", "b"))}, free: []corev1.NodeSelectorTerm{term(host), term(in("kubernetes.io/hostname", "b"))}},
		"a host or a condition is a choice": {terms: []corev1.NodeSelectorTerm{term(host), term(in("zone", "a"))}, free: []corev1.NodeSelectorTerm{term(host), term(in("zone", "a"))}},
		"none":                              {terms: []corev1.NodeSelectorTerm{term(in("zone", "a"))}, free: []corev1.NodeSelectorTerm{term(in("zone", "a"))}},
	} {
		t.Run(name, func(t *testing.T) {
			free, pinned := unpinned(&corev1.PodSpec{Affinity: required(c.terms...)})
			var got []corev1.NodeSelectorTerm
			if r := requiredOf(free); r != nil {
				got = r.NodeSelectorTerms
			}
			if diff := cmp.Diff(c.free, got, cmpopts.EquateEmpty()); diff != "" || pinned != c.pinned {
				t.Errorf("pinned to %q, not %q; what is left: %s", pinned, c.pinned, diff)
			}
		})
	}
}

func TestPinPatchReplacesTheNodeAndMakesTheRolloutGradual(t *testing.T) {
	s := viewScaledJob(&unstructured.Unstructured{Object: object{
		"metadata": object{"name": "posture", "resourceVersion": "17"},
		"spec": object{"rolloutStrategy": "immediate", "jobTargetRef": object{"template": object{"spec": object{
			"affinity": object{"nodeAffinity": object{"requiredDuringSchedulingIgnoredDuringExecution": object{"nodeSelectorTerms": []any{
				object{"matchExpressions": []any{object{"key": "kubernetes.io/hostname", "operator": "In", "values": []any{"agx"}}, object{"key": "zone", "operator": "Exists"}}},
			}}}},
		}}}},
	}})
	if s.Pinned != "agx" || s.Gradual {
		t.Errorf("seen as pinned to %q, gradual %t", s.Pinned, s.Gradual)
	}
	patch, err := pinPatch(s, Placing{Node: "orin", Decision: "d", At: at})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"metadata":{"annotations":{"plumbline/decision":"d","plumbline/node":"orin","plumbline/placed-at":"2026-03-01T12:00:00Z"},"resourceVersion":"17"},` +
		`"spec":{"jobTargetRef":{"template":{"spec":{"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":` +
		`[{"matchExpressions":[{"key":"zone","operator":"Exists"}],"matchFields":[{"key":"metadata.name","operator":"In","values":["orin"]}]}]}}}}}},` +
		`"rollout":{"strategy":"gradual"},"rolloutStrategy":null}}`
	if diff := cmp.Diff(want, string(patch)); diff != "" {
		t.Error(diff)
	}
}
