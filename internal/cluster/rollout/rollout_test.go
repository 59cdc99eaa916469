package rollout_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

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
