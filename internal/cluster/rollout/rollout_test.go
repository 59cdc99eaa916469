package rollout_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/rollout"
)

// installation is a small one, in order.
func installation() []kube.Object {
	return []kube.Object{
		object("Namespace", "plumbline", nil),
		object("Secret", "token", map[string]any{"data": map[string]any{"token": "bmV3"}}),
		object("Deployment", "control", map[string]any{"spec": map[string]any{"replicas": 1}}),
		object("ScaledJob", "work", nil),
	}
}

func TestTheSecondTimeChangesNothing(t *testing.T) {
	town, r := newTown()
	first := plan(t, r, installation()...)
	if !first.Changes() {
		t.Error("nothing is new")
	}
	if got, want := apply(t, r, first.Steps), (rollout.Done{Created: 4}); got != want {
		t.Errorf("the first: %v", got)
	}
	versions := town.versions
	second := plan(t, r, installation()...)
	if second.Changes() {
		t.Errorf("it would change %+v", second)
	}
	if got, want := apply(t, r, second.Steps), (rollout.Done{Kept: 4}); got != want || town.versions != versions {
		t.Errorf("the second: %v, %d writes", got, town.versions-versions)
	}
}

// A new ScaledJob waits until its scaler answers; one that is there is changed with the others.
func TestANewScaledJobComesLate(t *testing.T) {
	town, r := newTown()
	first, late := plan(t, r, installation()...).Late()
	if len(first) != 3 || len(late) != 1 || late[0].Object.Kind() != "ScaledJob" {
		t.Errorf("first %d, late %d", len(first), len(late))
	}
	town.put(object("ScaledJob", "work", map[string]any{"spec": map[string]any{"maxReplicaCount": 1}}))
	if first, late := plan(t, r, installation()...).Late(); len(first) != 4 || len(late) != 0 {
		t.Errorf("the second time: first %d, late %d", len(first), len(late))
	}
}

func TestWhatOthersMadeIsLeft(t *testing.T) {
	town, r := newTown()
	town.put(foreign(object("Namespace", "plumbline", nil)))
	town.put(foreign(object("Secret", "token", map[string]any{"data": map[string]any{"token": "dGhlaXJz"}})))
	p := plan(t, r, installation()...)
	if got := apply(t, r, p.Steps); got != (rollout.Done{Created: 2, Left: 2}) {
		t.Errorf("%v", got)
	}
	if got := town.objects[kube.Ref{Kind: "Secret", Namespace: "plumbline", Name: "token"}].Text("data", "token"); got != "dGhlaXJz" {
		t.Errorf("their Secret is %q now", got)
	}
	town.put(foreign(object("Deployment", "control", nil)))
	if _, err := r.Plan(t.Context(), installation()); err == nil || !strings.Contains(err.Error(), "Deployment control in namespace plumbline is there already") {
		t.Errorf("over another's Deployment: %v", err)
	}
}

// A refusal is known before anything was changed, also where the namespace does not exist yet.
func TestARefusalComesBeforeAnyChange(t *testing.T) {
	town, r := newTown()
	town.refuse["Deployment control"] = errors.New("denied by policy")
	if _, err := r.Plan(t.Context(), installation()); err == nil || !strings.Contains(err.Error(), "denied by policy") || len(town.order) > 0 {
		t.Errorf("%v, applied %v", err, town.order)
	}
	// What the namespace that stands in forbids says nothing about the one that is meant.
	town.refuse["Deployment control"] = kube.ErrForbidden
	plan(t, r, installation()...)
}

func TestWhatAnEarlierVersionMadeGoes(t *testing.T) {
	town, r := newTown()
	apply(t, r, plan(t, r, installation()...).Steps)
	for _, old := range []kube.Object{
		object("Service", "old", nil), object("Secret", "old", nil), object("PersistentVolumeClaim", "old", nil), foreign(object("Service", "theirs", nil)),
	} {
		town.put(old)
	}
	owned := object("ConfigMap", "owned", nil)
	set(owned, []any{map[string]any{"name": "someone"}}, "metadata", "ownerReferences")
	town.put(owned)
	p := plan(t, r, installation()...)
	d, err := r.Prune(t.Context(), p.Leftovers)
	if err != nil || d.Removed != 1 || town.objects[kube.Ref{Kind: "Service", Namespace: "plumbline", Name: "old"}] != nil {
		t.Errorf("%v, %v", d, err)
	}
}

func TestSecrets(t *testing.T) {
	data := func(o kube.Object) any { return o.At("data") }
	live := map[string]kube.Object{
		"accounts": object("Secret", "accounts", map[string]any{"data": map[string]any{"pi1": "old", "pi0": "older"}}),
		"database": object("Secret", "database", map[string]any{"data": map[string]any{"URL": "old", "GONE": "old"}}),
		"silent":   object("Secret", "silent", map[string]any{"data": map[string]any{"URL": "old"}}),
		"ca":       object("Secret", "ca", map[string]any{"data": map[string]any{"key": "old"}}),
		"key":      object("Secret", "key", map[string]any{"data": map[string]any{"key": "old"}}),
	}
	set := []kube.Object{
		object("Secret", "accounts", map[string]any{"data": map[string]any{"pi1": "new", "pi2": "new"}}),
		object("Secret", "database", map[string]any{"data": map[string]any{"URL": "new"}}),
		object("Secret", "silent", nil),
		object("Secret", "ca", map[string]any{"data": map[string]any{"key": "new"}}),
		object("Secret", "token", map[string]any{"data": map[string]any{"key": "new"}}), // belongs to ca, and is missing
		object("Secret", "key", map[string]any{"data": map[string]any{"key": "new"}}),
	}
	rollout.Keeping{Given: []string{"database", "silent"}, Together: [][]string{{"ca", "token"}}}.Keep(set, live)
	want := []any{
		map[string]any{"pi0": "older", "pi1": "old", "pi2": "new"}, map[string]any{"URL": "new"}, map[string]any{"URL": "old"},
		map[string]any{"key": "new"}, map[string]any{"key": "new"}, map[string]any{"key": "old"},
	}
	var got []any
	for _, o := range set {
		got = append(got, data(o))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Pods start again when a Secret that they use changes, and only then; the mark tells nothing of its contents to others.
func TestSeal(t *testing.T) {
	sealed := func(key, password, unused string) string {
		set := []kube.Object{
			object("Secret", "key", map[string]any{"data": map[string]any{"key": key}}),
			object("Secret", "database", map[string]any{"data": map[string]any{"password": password}}),
			object("Secret", "other", map[string]any{"data": map[string]any{"x": unused}}),
			object("StatefulSet", "hub", map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
				"containers": []any{map[string]any{"envFrom": []any{map[string]any{"secretRef": map[string]any{"name": "database"}}}}},
			}}}}),
		}
		if err := rollout.Seal(set, nil, "key"); err != nil {
			t.Fatal(err)
		}
		return set[3].Text("spec", "template", "metadata", "annotations", "plumbline/secrets")
	}
	once := sealed("k", "p", "u")
	if once == "" || once != sealed("k", "p", "u") || once != sealed("k", "p", "v") {
		t.Errorf("the same Secrets make another mark: %q", once)
	}
	if once == sealed("k", "q", "u") || once == sealed("l", "p", "u") {
		t.Error("another password, or key, makes the same mark")
	}
}

func TestControlPlanes(t *testing.T) {
	plane, worker := kube.Machine{Name: "plane", Ready: true, ControlPlane: true}, kube.Machine{Name: "worker", Ready: true, Labels: map[string]string{"gpu": "yes"}}
	cordoned, away, tainted := worker, worker, worker
	closed := plane
	closed.Tainted = true
	cordoned.Cordoned, away.Ready, tainted.Repels = true, false, []string{"nvidia.com/gpu"}
	for name, c := range map[string]struct {
		all     []kube.Machine
		workers map[string]string
		want    []string
		why     bool
	}{
		"a worker remains":           {[]kube.Machine{plane, worker}, nil, []string{"plane"}, false},
		"one node":                   {[]kube.Machine{plane}, nil, nil, true},
		"the only worker is away":    {[]kube.Machine{plane, away}, nil, nil, true},
		"cordoned":                   {[]kube.Machine{plane, cordoned}, nil, nil, true},
		"tainted":                    {[]kube.Machine{plane, tainted}, nil, nil, true},
		"the workers' labels":        {[]kube.Machine{plane, worker}, map[string]string{"gpu": "yes"}, []string{"plane"}, false},
		"not the workers' labels":    {[]kube.Machine{plane, worker}, map[string]string{"gpu": "no"}, nil, true},
		"tainted before":             {[]kube.Machine{closed, cordoned}, nil, nil, false},
		"a control plane not listed": {[]kube.Machine{worker}, nil, nil, false},
	} {
		got, why := rollout.ControlPlanes(c.all, c.workers)
		if !slices.Equal(got, c.want) || (why != "") != c.why {
			t.Errorf("%s: %v, %q", name, got, why)
		}
	}
}

// retaints are what would change, as it is shown.
func retaints(t *testing.T, r *rollout.Rollout, keepOff bool) (rollout.Plan, string) {
	t.Helper()
	all, err := r.Retaints(t.Context(), keepOff, nil)
	if err != nil {
		t.Fatal(err)
	}
	p := rollout.Plan{Retaints: all}
	var text strings.Builder
	if err := p.WriteDiff(&text); err != nil {
		t.Fatal(err)
	}
	return p, text.String()
}

// What --diff shows of taints is what is done; a deploy that is told not to taint lifts what an earlier one did.
func TestTaintsAreShownAndSetAndLifted(t *testing.T) {
	town, r := newTown()
	town.machines = []kube.Machine{{Name: "plane", Ready: true, ControlPlane: true}, {Name: "worker", Ready: true}}
	for _, c := range []struct {
		keepOff bool
		shown   string
	}{
		{true, `diff live/Node/plane new/Node/plane
--- live/Node/plane
+++ new/Node/plane
@@ -1,4 +1,10 @@
 apiVersion: v1
 kind: Node
 metadata:
+  annotations:
+    plumbline/tainted-for: plumbline
   name: plane
+spec:
+  taints:
+  - effect: NoSchedule
+    key: plumbline/control-plane
`},
		{false, `diff live/Node/plane new/Node/plane
--- live/Node/plane
+++ new/Node/plane
@@ -1,10 +1,4 @@
 apiVersion: v1
 kind: Node
 metadata:
-  annotations:
-    plumbline/tainted-for: plumbline
   name: plane
-spec:
-  taints:
-  - effect: NoSchedule
-    key: plumbline/control-plane
`},
	} {
		p, shown := retaints(t, r, c.keepOff)
		if diff := cmp.Diff(c.shown, shown); diff != "" || !p.Changes() {
			t.Errorf("to be tainted: %v, shown: %s", c.keepOff, diff)
		}
		if town.machines[0].Tainted == c.keepOff {
			t.Error("looking has changed it")
		}
		if err := r.Retaint(t.Context(), p.Retaints); err != nil || town.machines[0].Tainted != c.keepOff || town.machines[1].Tainted {
			t.Errorf("to be tainted: %v, but %+v, %v", c.keepOff, town.machines, err)
		}
		if p, shown := retaints(t, r, c.keepOff); p.Changes() || shown != "" {
			t.Errorf("the second time: %s", shown)
		}
	}
	if want := []string{"tainted node plane with plumbline/control-plane:NoSchedule: workers keep off it", "node plane is no longer tainted by this installation"}; !slices.Equal(town.said, want) {
		t.Errorf("it said %q", town.said)
	}
}

// What somebody deletes meanwhile is not waited for.
func TestWaitingEndsWhenItIsGone(t *testing.T) {
	_, r := newTown()
	err := r.Wait(t.Context(), []kube.Ref{{Kind: "Deployment", Namespace: "n", Name: "was-here"}}, func([]rollout.Progress) {})
	if !errors.Is(err, rollout.ErrGone) {
		t.Error(err)
	}
}

// Jobs of an earlier version that have not begun go; what runs, and what is as it should be, stays.
func TestUnstartedJobs(t *testing.T) {
	town, r := newTown()
	containers := func(image string) map[string]any {
		return map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "work", "image": image, "args": []any{"work"}}}}}}
	}
	job := func(name, image, phase string, status map[string]any) {
		j := object("Job", name, map[string]any{"spec": containers(image), "status": status})
		set(j, map[string]any{"scaledjob.keda.sh/name": "work"}, "metadata", "labels")
		town.put(j)
		p := object("Pod", name+"-pod", map[string]any{"status": map[string]any{"phase": phase}})
		set(p, map[string]any{"scaledjob.keda.sh/name": "work", "job-name": name}, "metadata", "labels")
		town.put(p)
	}
	job("gated", "old", "Pending", nil)
	job("running", "old", "Running", nil)
	job("done", "old", "Pending", map[string]any{"conditions": []any{map[string]any{"type": "Complete", "status": "True"}}})
	job("new", "new", "Pending", nil)
	d, err := r.EndUnstarted(t.Context(), object("ScaledJob", "work", map[string]any{"spec": map[string]any{"jobTargetRef": containers("new")}}))
	if err != nil || d.Removed != 1 {
		t.Errorf("%v, %v", d, err)
	}
	left, _ := town.List(t.Context(), kube.Query{Kind: "Job"})
	for _, j := range left {
		if j.Name() == "gated" {
			t.Error("the gated Job is still there")
		}
	}
}

func TestDiff(t *testing.T) {
	town, r := newTown()
	apply(t, r, plan(t, r, installation()...).Steps)
	town.put(object("Service", "old", nil))
	wanted := installation()
	wanted[1] = object("Secret", "token", map[string]any{"data": map[string]any{"token": "Z2VoZWlt", "more": "bW9yZQ=="}})
	wanted[2] = object("Deployment", "control", map[string]any{"spec": map[string]any{"replicas": 2}})
	var text strings.Builder
	if err := plan(t, r, wanted...).WriteDiff(&text); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"--- live/Deployment/control\n", "-  replicas: 1\n", "+  replicas: 2\n", "-kind: Service\n",
		"-  token: '(hidden: as it was)'\n", "+  token: '(hidden: as it would be)'\n", "+  more: '(hidden: as it would be)'\n",
	} {
		if !strings.Contains(text.String(), line) {
			t.Errorf("%q is not in\n%s", line, text.String())
		}
	}
	for _, never := range []string{"Z2VoZWlt", "bmV3", "bW9yZQ", "uid", "ScaledJob"} {
		if strings.Contains(text.String(), never) {
			t.Errorf("%q is in\n%s", never, text.String())
		}
	}
}

// The cluster counts changes, and fills in what nobody asked for: neither is a change of its own.
func TestDiffShowsWhatIsWantedOnly(t *testing.T) {
	town, r := newTown()
	apply(t, r, plan(t, r, installation()...).Steps)
	counted := func(change string, image string) kube.Object {
		o := object("DaemonSet", "export", map[string]any{"spec": map[string]any{"image": image}})
		set(o, map[string]any{"deprecated.daemonset.template.generation": change, "own": image}, "metadata", "annotations")
		return o
	}
	town.put(counted("1", "old"))
	town.filled = map[string]any{"clusterIP": "10.0.0.7"}
	var text strings.Builder
	wanted := append(installation(), counted("2", "new"), object("Service", "hub", nil))
	if err := plan(t, r, wanted...).WriteDiff(&text); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]bool{"-  image: old\n": true, "+  image: new\n": true, "+    own: new\n": true, "+kind: Service\n": true, "generation": false, "clusterIP": false} {
		if strings.Contains(text.String(), line) != want {
			t.Errorf("%q is shown: %v, in\n%s", line, !want, text.String())
		}
	}
	service := func(port map[string]any) kube.Object {
		return object("Service", "hub", map[string]any{"spec": map[string]any{"ports": []any{port}}})
	}
	town.put(service(map[string]any{"port": 1883, "nodePort": 32769}))
	if p := plan(t, r, append(installation(), counted("2", "old"), service(map[string]any{"port": 1883}))...); p.Changes() {
		t.Error("a count, or a port that the cluster gave out, is a change")
	}
}

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
