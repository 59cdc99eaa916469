package rollout_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/rollout"
)

// waits gives the last look that Wait had, after a while.
func waits(t *testing.T, r *rollout.Rollout, o kube.Object) (rollout.Progress, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var last rollout.Progress
	err := r.Wait(ctx, []kube.Ref{o.Ref()}, func(all []rollout.Progress) { last = all[0] })
	return last, err
}

func TestReady(t *testing.T) {
	conditions := func(kind, status string) map[string]any {
		return map[string]any{"conditions": []any{map[string]any{"type": kind, "status": status, "reason": "Failed", "message": "no scaler"}}}
	}
	for name, c := range map[string]struct {
		kind   string
		status map[string]any
		ready  bool
		text   string
	}{
		"Deployment":                {"Deployment", map[string]any{"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}, true, "2 of 2 pods ready"},
		"its old pods still there":  {"Deployment", map[string]any{"replicas": 3, "updatedReplicas": 2, "availableReplicas": 3}, false, "2 of 2 pods ready, 1 still of the version before"},
		"StatefulSet":               {"StatefulSet", map[string]any{"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "currentRevision": "a", "updateRevision": "a"}, true, "2 of 2 pods ready"},
		"its pod is of the version": {"StatefulSet", map[string]any{"replicas": 2, "readyReplicas": 2, "currentRevision": "a", "updateRevision": "b"}, false, "2 of 2 pods ready, 2 still of the version before"},
		"DaemonSet":                 {"DaemonSet", map[string]any{"desiredNumberScheduled": 3, "numberAvailable": 3, "updatedNumberScheduled": 3}, true, "on 3 of 3 nodes"},
		"a node misses its pod":     {"DaemonSet", map[string]any{"desiredNumberScheduled": 3, "numberAvailable": 2, "updatedNumberScheduled": 3}, false, "on 2 of 3 nodes"},
		"ScaledJob":                 {"ScaledJob", conditions("Ready", "True"), true, "KEDA has taken it"},
		"KEDA refuses":              {"ScaledJob", conditions("Ready", "False"), false, "KEDA does not take it"},
		"KEDA has not looked":       {"ScaledJob", conditions("Ready", "Unknown"), false, "KEDA has not looked at it yet"},
	} {
		t.Run(name, func(t *testing.T) {
			town, r := newTown()
			o := town.put(object(c.kind, "x", map[string]any{"spec": map[string]any{"replicas": 2}, "status": c.status}))
			p, err := waits(t, r, o)
			if p.Ready != c.ready || p.Text != c.text || (err == nil) != c.ready {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
}

// A pod that cannot start says why.
func TestTrouble(t *testing.T) {
	waiting := func(reason, message string) map[string]any {
		return map[string]any{"containerStatuses": []any{map[string]any{
			"name": "hub", "image": "r.test/plumbline:1", "restartCount": 3, "state": map[string]any{"waiting": map[string]any{"reason": reason, "message": message}},
			"lastState": map[string]any{"terminated": map[string]any{"exitCode": 2}},
		}}}
	}
	for name, c := range map[string]struct {
		status map[string]any
		want   string
	}{
		"image":         {waiting("ImagePullBackOff", "connection refused"), "hub-0: the image r.test/plumbline:1 cannot be pulled: connection refused"},
		"crash":         {waiting("CrashLoopBackOff", "back-off"), "hub-0: hub ended with code 2, 3 times; its log ends: the folder is locked"},
		"configuration": {waiting("CreateContainerConfigError", `secret "x" not found`), `hub-0: hub: CreateContainerConfigError secret "x" not found`},
		"node":          {map[string]any{"conditions": []any{map[string]any{"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}}}, "hub-0: no node takes it: 0/3 nodes"},
		"volume":        {waiting("ContainerCreating", ""), "hub-0: no such folder"},
	} {
		t.Run(name, func(t *testing.T) {
			town, r := newTown()
			town.log = "the folder is locked"
			hub := town.put(object("StatefulSet", "hub", map[string]any{
				"spec": map[string]any{"selector": map[string]any{"matchLabels": map[string]any{"app": "hub"}}}, "status": map[string]any{"updateRevision": "1"},
			}))
			pod := object("Pod", "hub-0", map[string]any{"status": c.status})
			set(pod, map[string]any{"app": "hub", "controller-revision-hash": "1"}, "metadata", "labels")
			pod = town.put(pod)
			for at, message := range map[string]string{"2026-01-01T00:00:01Z": "older", "2026-01-01T00:00:02Z": "no such folder"} {
				town.put(object("Event", at, map[string]any{"lastTimestamp": at, "message": message, "involvedObject": map[string]any{"uid": pod.UID()}}))
			}
			p, err := waits(t, r, hub)
			if !slices.Equal(p.Trouble, []string{c.want}) || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q, %v", p.Trouble, err)
			}
		})
	}
}

// KEDA's condition says that a trigger is wrong; its Event says which key of it.
func TestWhatKEDASaysOfAScaledJob(t *testing.T) {
	town, r := newTown()
	o := town.put(object("ScaledJob", "work", map[string]any{"status": map[string]any{"conditions": []any{
		map[string]any{"type": "Ready", "status": "False", "reason": "TriggerError", "message": "Triggers defined in ScaledJob are not working correctly"},
	}}}))
	town.put(object("Event", "e", map[string]any{"message": "there is no capturesPerJobs", "involvedObject": map[string]any{"uid": o.UID()}}))
	p, err := waits(t, r, o)
	want := []string{"TriggerError Triggers defined in ScaledJob are not working correctly", "work: there is no capturesPerJobs"}
	if !slices.Equal(p.Trouble, want) || err == nil || !strings.Contains(err.Error(), want[1]) {
		t.Errorf("%q, %v", p.Trouble, err)
	}
}

// Kubernetes would wait for ever for the pod of a version that cannot start.
func TestAStuckPodOfAnEarlierVersionMakesWay(t *testing.T) {
	town, r := newTown()
	hub := town.put(object("StatefulSet", "hub", map[string]any{
		"spec": map[string]any{"selector": map[string]any{"matchLabels": map[string]any{"app": "hub"}}}, "status": map[string]any{"updateRevision": "2"},
	}))
	for name, status := range map[string]string{"stuck": "False", "ready": "True"} {
		pod := object("Pod", name, map[string]any{"status": map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": status}}}})
		set(pod, map[string]any{"app": "hub", "controller-revision-hash": "1"}, "metadata", "labels")
		town.put(pod)
	}
	if _, err := waits(t, r, hub); err == nil {
		t.Error("it is ready")
	}
	left, _ := town.List(t.Context(), kube.Query{Kind: "Pod"})
	if len(left) != 1 || left[0].Name() != "ready" {
		t.Errorf("left are %v", left)
	}
}

// An exporter on a node that is itself away is waited for no longer than the node.
func TestNodesThatAreAway(t *testing.T) {
	town, r := newTown()
	town.machines = []kube.Machine{{Name: "here", Ready: true}, {Name: "away"}}
	set3 := town.put(object("DaemonSet", "export", map[string]any{
		"spec":   map[string]any{"selector": map[string]any{"matchLabels": map[string]any{"app": "export"}}},
		"status": map[string]any{"desiredNumberScheduled": 2, "numberAvailable": 1, "updatedNumberScheduled": 1},
	}))
	pod := object("Pod", "p", map[string]any{"spec": map[string]any{"nodeName": "away"}})
	set(pod, map[string]any{"app": "export"}, "metadata", "labels")
	town.put(pod)
	p, err := waits(t, r, set3)
	if err != nil || !p.Ready || p.Text != "on 1 of 2 nodes; this node does not answer: away" {
		t.Errorf("%+v, %v", p, err)
	}
}
