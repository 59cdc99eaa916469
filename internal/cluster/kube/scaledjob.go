package kube

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// Defaults of KEDA 2.21 for what a ScaledJob leaves out.
const (
	defaultMaxReplicas     = 100
	defaultPollingInterval = 30 * time.Second
	defaultStrategy        = "default"
)

// ScaledJob is what the controller reads of KEDA's ScaledJob.
type ScaledJob struct {
	Name, Namespace string
	PollingInterval time.Duration
	MinReplicas     int
	MaxReplicas     int // what the specification says; KEDA takes the minimum off (see its MaxReplicaCount)
	Strategy        Strategy
	Gradual         bool // a change of the specification leaves running Jobs alone
	Paused          bool
	Gated           bool     // its pods are born with our gate
	Template        Template // what its pods say about nodes, without a node that patching or the Python scripts named
	Pinned          string   // that node
	Triggers        []Trigger

	object *unstructured.Unstructured
	spec   corev1.PodSpec
}

// Strategy is a ScaledJob's scalingStrategy, in KEDA's words.
type Strategy struct {
	Strategy                          string // default, custom, accurate or eager
	CustomScalingQueueLengthDeduction int
	CustomScalingRunningJobPercentage string // as written: KEDA parses it as a float, and falls back to default where it can't
	PendingPodConditions              []string
	MultipleScalersCalculation        string
}

// Trigger is one of a ScaledJob's triggers.
type Trigger struct {
	Type, Name string
	Metadata   map[string]string
}

// ScaledJob gives the one of that name.
func (w *Watch) ScaledJob(name string) (ScaledJob, bool) {
	o, there, err := w.scaled.GetStore().GetByKey(w.client.namespace + "/" + name)
	if err != nil || !there {
		return ScaledJob{}, false
	}
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return ScaledJob{}, false
	}
	return viewScaledJob(u), true
}

// ScaledJobs gives all of the namespace, sorted by name.
func (w *Watch) ScaledJobs() []ScaledJob {
	all := listed[*unstructured.Unstructured](w.scaled)
	out := make([]ScaledJob, 0, len(all))
	for _, u := range all {
		out = append(out, viewScaledJob(u))
	}
	return out
}

func viewScaledJob(u *unstructured.Unstructured) ScaledJob {
	s := ScaledJob{
		Name: u.GetName(), Namespace: u.GetNamespace(), MaxReplicas: defaultMaxReplicas, PollingInterval: defaultPollingInterval,
		Paused: isPaused(u), Gradual: isGradual(u), object: u,
	}
	if n, ok := number(u, "spec", "pollingInterval"); ok {
		s.PollingInterval = time.Duration(n) * time.Second
	}
	if n, ok := number(u, "spec", "minReplicaCount"); ok {
		s.MinReplicas = n
	}
	if n, ok := number(u, "spec", "maxReplicaCount"); ok {
		s.MaxReplicas = n
	}
	s.Strategy = viewStrategy(u)
	s.Triggers = viewTriggers(u)
	template, _, _ := unstructured.NestedMap(u.Object, "spec", "jobTargetRef", "template", "spec")
	_ = runtime.DefaultUnstructuredConverter.FromUnstructured(template, &s.spec) // the CRD's schema has checked it
	s.Gated = slices.ContainsFunc(s.spec.SchedulingGates, func(g corev1.PodSchedulingGate) bool { return g.Name == Gate })
	free, pinned := unpinned(&s.spec)
	s.Template, s.Pinned = newTemplate(free), pinned
	return s
}

func viewStrategy(u *unstructured.Unstructured) Strategy {
	at := func(name string) string {
		v, _, _ := unstructured.NestedString(u.Object, "spec", "scalingStrategy", name)
		return v
	}
	s := Strategy{
		Strategy: at("strategy"), CustomScalingRunningJobPercentage: at("customScalingRunningJobPercentage"),
		MultipleScalersCalculation: at("multipleScalersCalculation"),
	}
	s.CustomScalingQueueLengthDeduction, _ = number(u, "spec", "scalingStrategy", "customScalingQueueLengthDeduction")
	s.PendingPodConditions, _, _ = unstructured.NestedStringSlice(u.Object, "spec", "scalingStrategy", "pendingPodConditions")
	if s.Strategy == "" {
		s.Strategy = defaultStrategy
	}
	return s
}

func viewTriggers(u *unstructured.Unstructured) []Trigger {
	list, _, _ := unstructured.NestedSlice(u.Object, "spec", "triggers")
	var out []Trigger
	for _, o := range list {
		m, _ := o.(map[string]any)
		t := Trigger{}
		t.Type, _, _ = unstructured.NestedString(m, "type")
		t.Name, _, _ = unstructured.NestedString(m, "name")
		t.Metadata, _, _ = unstructured.NestedStringMap(m, "metadata")
		out = append(out, t)
	}
	return out
}

// isPaused mirrors KEDA: any value of the annotation but a false one pauses.
func isPaused(u *unstructured.Unstructured) bool {
	value, there := u.GetAnnotations()["autoscaling.keda.sh/paused"]
	switch value {
	case "false", "False", "FALSE", "f", "F", "0":
		return false
	}
	return there
}

// isGradual mirrors KEDA: the older field wins where both are set.
func isGradual(u *unstructured.Unstructured) bool {
	old, _, _ := unstructured.NestedString(u.Object, "spec", "rolloutStrategy")
	now, _, _ := unstructured.NestedString(u.Object, "spec", "rollout", "strategy")
	if old != "" {
		return old == "gradual"
	}
	return now == "gradual"
}

func number(u *unstructured.Unstructured, path ...string) (int, bool) {
	n, ok, err := unstructured.NestedInt64(u.Object, path...)
	return int(n), ok && err == nil
}
