package kube

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestJobsAreCountedAsKEDACountsThem(t *testing.T) {
	pod := func(phase corev1.PodPhase, change ...func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}, Status: corev1.PodStatus{Phase: phase}}
		for _, c := range change {
			c(p)
		}
		return p
	}
	bound := func(p *corev1.Pod) { p.Spec.NodeName = "n" }
	placed := func(p *corev1.Pod) { p.Annotations = map[string]string{nodeAnnotation: "n"} }
	going := func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: at} }
	isTrue := func(conditions ...string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			for _, c := range conditions {
				p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodConditionType(c), Status: corev1.ConditionTrue})
			}
		}
	}
	for name, c := range map[string]struct {
		conditions []batchv1.JobCondition
		pods       []*corev1.Pod
		pending    []string
		want       Count
	}{
		"without a pod yet":        {want: Count{Unfinished: 1, Pending: 1, Gated: 1}},
		"gated":                    {pods: []*corev1.Pod{pod(corev1.PodPending)}, want: Count{Unfinished: 1, Pending: 1, Gated: 1}},
		"placed":                   {pods: []*corev1.Pod{pod(corev1.PodPending, placed)}, want: Count{Unfinished: 1, Pending: 1}},
		"bound":                    {pods: []*corev1.Pod{pod(corev1.PodPending, bound)}, want: Count{Unfinished: 1, Pending: 1}},
		"running":                  {pods: []*corev1.Pod{pod(corev1.PodRunning, bound)}, want: Count{Unfinished: 1}},
		"stuck on a dead node":     {pods: []*corev1.Pod{pod(corev1.PodRunning, bound, going)}, want: Count{Unfinished: 1, Gated: 1}},
		"failed, and a new one":    {pods: []*corev1.Pod{pod(corev1.PodFailed, bound), pod(corev1.PodPending)}, want: Count{Unfinished: 1, Pending: 1, Gated: 1}},
		"succeeded, not yet told":  {pods: []*corev1.Pod{pod(corev1.PodSucceeded, bound)}, want: Count{Unfinished: 1}},
		"complete":                 {conditions: []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}, pods: []*corev1.Pod{pod(corev1.PodSucceeded, bound)}, want: Count{Finished: 1}},
		"failed":                   {conditions: []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue}}, want: Count{Finished: 1}},
		"suspended is no end":      {conditions: []batchv1.JobCondition{{Type: batchv1.JobSuspended, Status: corev1.ConditionTrue}}, want: Count{Unfinished: 1, Pending: 1, Gated: 1}},
		"not complete":             {conditions: []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionFalse}}, want: Count{Unfinished: 1, Pending: 1, Gated: 1}},
		"conditions met":           {pending: []string{"Ready", "PodScheduled"}, pods: []*corev1.Pod{pod(corev1.PodPending, bound, isTrue("Ready", "PodScheduled"))}, want: Count{Unfinished: 1}},
		"conditions met in part":   {pending: []string{"Ready", "PodScheduled"}, pods: []*corev1.Pod{pod(corev1.PodRunning, bound, isTrue("Ready"))}, want: Count{Unfinished: 1, Pending: 1}},
		"a condition, named twice": {pending: []string{"Ready", "Ready"}, pods: []*corev1.Pod{pod(corev1.PodRunning, bound, isTrue("Ready"))}, want: Count{Unfinished: 1, Pending: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			j := &batchv1.Job{Status: batchv1.JobStatus{Conditions: c.conditions}}
			if diff := cmp.Diff(c.want, CountJobs([]Job{viewJob(j, c.pods, c.pending)})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestScaledJobIsReadWithKEDAsDefaults(t *testing.T) {
	bare := viewScaledJob(&unstructured.Unstructured{Object: object{"metadata": object{"name": "a"}}})
	if bare.MaxReplicas != 100 || bare.MinReplicas != 0 || bare.PollingInterval != 30*time.Second || bare.Strategy.Strategy != "default" || bare.Gated || bare.Gradual {
		t.Errorf("a bare ScaledJob is %+v", bare)
	}
	full := viewScaledJob(&unstructured.Unstructured{Object: object{
		"metadata": object{"name": "a", "annotations": object{"autoscaling.keda.sh/paused": "true"}},
		"spec": object{
			"minReplicaCount": int64(2), "maxReplicaCount": int64(8), "pollingInterval": int64(1), "rollout": object{"strategy": "gradual"},
			"scalingStrategy": object{
				"strategy": "custom", "customScalingQueueLengthDeduction": int64(3), "customScalingRunningJobPercentage": "0.5", "pendingPodConditions": []any{"Ready"},
			},
			"triggers":     []any{object{"type": "external", "metadata": object{"capturesPerJob": "20"}}},
			"jobTargetRef": object{"template": object{"spec": object{"schedulingGates": []any{object{"name": Gate}}}}},
		},
	}})
	want := ScaledJob{
		Name: "a", MinReplicas: 2, MaxReplicas: 8, PollingInterval: time.Second, Gradual: true, Paused: true, Gated: true,
		Strategy: Strategy{Strategy: "custom", CustomScalingQueueLengthDeduction: 3, CustomScalingRunningJobPercentage: "0.5", PendingPodConditions: []string{"Ready"}},
		Triggers: []Trigger{{Type: "external", Metadata: map[string]string{"capturesPerJob": "20"}}},
	}
	full.object, full.Template, full.spec = nil, Template{}, corev1.PodSpec{}
	if diff := cmp.Diff(want, full, cmp.AllowUnexported(ScaledJob{}, Template{})); diff != "" {
		t.Error(diff)
	}
}
