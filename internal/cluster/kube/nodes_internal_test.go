package kube

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumbline/internal/gpu"
)

func aNode(name string, change ...func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name, "zone": "a"}}}
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	n.Status.Allocatable = corev1.ResourceList{"cpu": resource.MustParse("4"), "memory": resource.MustParse("8Gi")}
	for _, c := range change {
		c(n)
	}
	return n
}

func tainted(key, value string, effect corev1.TaintEffect) func(*corev1.Node) {
	return func(n *corev1.Node) {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Value: value, Effect: effect})
	}
}

// What the scheduler does with taints and tolerations is told in
// https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
func TestTaintsAreSeenAsTheSchedulerSeesThem(t *testing.T) {
	noSchedule, noExecute := corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute
	for name, c := range map[string]struct {
		node *corev1.Node
		by   []corev1.Toleration
		want []string
	}{
		"none":                   {node: aNode("n")},
		"not tolerated":          {node: aNode("n", tainted("gpu", "yes", noSchedule)), want: []string{"gpu=yes:NoSchedule"}},
		"equal":                  {node: aNode("n", tainted("gpu", "yes", noSchedule)), by: []corev1.Toleration{{Key: "gpu", Value: "yes"}}},
		"another value":          {node: aNode("n", tainted("gpu", "yes", noSchedule)), by: []corev1.Toleration{{Key: "gpu", Value: "no"}}, want: []string{"gpu=yes:NoSchedule"}},
		"exists":                 {node: aNode("n", tainted("gpu", "yes", noSchedule)), by: []corev1.Toleration{{Key: "gpu", Operator: corev1.TolerationOpExists}}},
		"another effect":         {node: aNode("n", tainted("gpu", "yes", noExecute)), by: []corev1.Toleration{{Key: "gpu", Value: "yes", Effect: noSchedule}}, want: []string{"gpu=yes:NoExecute"}},
		"everything":             {node: aNode("n", tainted("a", "", noSchedule), tainted("b", "", noExecute)), by: []corev1.Toleration{{Operator: corev1.TolerationOpExists}}},
		"preferred only":         {node: aNode("n", tainted("a", "", corev1.TaintEffectPreferNoSchedule))},
		"the first of two":       {node: aNode("n", tainted("a", "", noSchedule), tainted("b", "", noSchedule)), by: []corev1.Toleration{{Key: "a", Operator: corev1.TolerationOpExists}}, want: []string{"b:NoSchedule"}},
		"cordoning has its word": {node: aNode("n", tainted(corev1.TaintNodeUnschedulable, "", noSchedule))},
	} {
		t.Run(name, func(t *testing.T) {
			look := newTemplate(&corev1.PodSpec{Tolerations: c.by}).eyes()
			if diff := cmp.Diff(c.want, look(c.node).Untolerated); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestConditionsOfTheTemplateExcludeNodes(t *testing.T) {
	in := func(key string, values ...string) corev1.NodeSelectorRequirement {
		return corev1.NodeSelectorRequirement{Key: key, Operator: corev1.NodeSelectorOpIn, Values: values}
	}
	expressions := func(r ...corev1.NodeSelectorRequirement) corev1.NodeSelectorTerm {
		return corev1.NodeSelectorTerm{MatchExpressions: r}
	}
	required := func(terms ...corev1.NodeSelectorTerm) corev1.PodSpec {
		return corev1.PodSpec{Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms},
		}}}
	}
	asking := func(init, each string) corev1.PodSpec {
		container := func(cpu string) corev1.Container {
			return corev1.Container{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse(cpu)}}}
		}
		return corev1.PodSpec{InitContainers: []corev1.Container{container(init)}, Containers: []corev1.Container{container(each), container(each)}}
	}
	const affinity = "the pod's nodeSelector or node affinity excludes it"
	for name, c := range map[string]struct {
		spec corev1.PodSpec
		want string
	}{
		"nothing asked":                {},
		"selector met":                 {spec: corev1.PodSpec{NodeSelector: map[string]string{"zone": "a"}}},
		"selector not met":             {spec: corev1.PodSpec{NodeSelector: map[string]string{"zone": "b"}}, want: affinity},
		"one term of two":              {spec: required(expressions(in("zone", "b")), expressions(in("zone", "a", "c")))},
		"no term":                      {spec: required(expressions(in("zone", "b")), expressions(in("zone", "c"))), want: affinity},
		"both expressions of a term":   {spec: required(expressions(in("zone", "a"), in("disk", "ssd"))), want: affinity},
		"an empty term matches nobody": {spec: required(corev1.NodeSelectorTerm{}), want: affinity},
		"by name":                      {spec: required(corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{in("metadata.name", "n")}})},
		"by another name":              {spec: required(corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{in("metadata.name", "m")}}), want: affinity},
		"does not exist":               {spec: required(expressions(corev1.NodeSelectorRequirement{Key: "disk", Operator: corev1.NodeSelectorOpDoesNotExist}))},
		"requests fit":                 {spec: asking("4", "2")},
		"containers ask too much":      {spec: asking("1", "2500m"), want: "the pod requests 5 of cpu, the node has 4"},
		"an init container does":       {spec: asking("5", "1"), want: "the pod requests 5 of cpu, the node has 4"},
		"a resource it lacks": {spec: corev1.PodSpec{Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("1")},
		}}}}, want: "the pod requests 1 of nvidia.com/gpu, the node has 0"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := newTemplate(&c.spec).eyes()(aNode("n")).Excluded; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestNodeInTheWordsOfRanking(t *testing.T) {
	labelled := func(key, value string) func(*corev1.Node) { return func(n *corev1.Node) { n.Labels[key] = value } }
	capacity := func(n *corev1.Node) {
		n.Status.Capacity = corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("1")}
	}
	for name, c := range map[string]struct {
		node *corev1.Node
		want gpu.Node
	}{
		"plain":               {node: aNode("n"), want: gpu.Node{Name: "n", Ready: true}},
		"cordoned":            {node: aNode("n", func(n *corev1.Node) { n.Spec.Unschedulable = true }), want: gpu.Node{Name: "n", Ready: true, Cordoned: true}},
		"not ready":           {node: aNode("n", func(n *corev1.Node) { n.Status.Conditions[0].Status = corev1.ConditionUnknown }), want: gpu.Node{Name: "n"}},
		"says nothing":        {node: aNode("n", func(n *corev1.Node) { n.Status.Conditions = nil }), want: gpu.Node{Name: "n"}},
		"device plugin":       {node: aNode("n", capacity), want: gpu.Node{Name: "n", Ready: true, GPU: true}},
		"labelled":            {node: aNode("n", labelled(gpuLabel, "true")), want: gpu.Node{Name: "n", Ready: true, GPU: true}},
		"labelled to have no": {node: aNode("n", capacity, labelled(gpuLabel, "false")), want: gpu.Node{Name: "n", Ready: true}},
		"discovered":          {node: aNode("n", labelled("nvidia.com/gpu.present", "true")), want: gpu.Node{Name: "n", Ready: true, GPU: true}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, newTemplate(&corev1.PodSpec{}).eyes()(c.node)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
