package preflight_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/preflight"
	"plumbline/internal/gpu"
)

// now is when samples are looked at.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func node(name string, change func(*kube.Machine)) kube.Machine {
	n := kube.Machine{Name: name, Ready: true, Labels: map[string]string{"kubernetes.io/arch": "arm64"}}
	if change != nil {
		change(&n)
	}
	return n
}

// healthy is a cluster with nothing to complain of.
func healthy() (preflight.Plan, preflight.Facts) {
	p := preflight.Plan{Namespace: "plumbline", Claim: "data-plumbline-hub-0", Taint: true, Host: true, Policies: true, KEDANamespace: "keda"}
	f := preflight.Facts{
		Cluster: kube.Survey{
			Server: "https://cluster:6443", Version: kube.ServerVersion{Text: "v1.35.4", Major: 1, Minor: 35},
			KEDA: kube.KEDA{
				Defined: true, Rollouts: []string{"gradual", "immediate"}, Strategies: []string{kube.Any},
				Operators: []kube.Workload{{Namespace: "keda", Name: "keda-operator", Version: "2.21.0", Wanted: 1, Ready: 1}},
			},
			Nodes: []kube.Machine{
				node("main", func(n *kube.Machine) {
					n.ControlPlane, n.Repels = true, []string{"node-role.kubernetes.io/control-plane"}
				}),
				node("a", nil), node("b", nil),
			},
			Classes: []kube.StorageClass{{Name: "local-path", Provisioner: "rancher.io/local-path", Default: true}},
			Agents:  []string{"calico-node"},
		},
		Rights:   preflight.Rights{Asked: 3},
		Registry: &preflight.Registry{Where: "registry.test/plumbline:1", Platforms: []string{"linux/amd64", "linux/arm64"}},
		Loads: &preflight.Loads{From: "from this machine", At: now, MaxAge: time.Minute, Samples: []gpu.Sample{
			{Node: "a", At: now.Add(-3 * time.Second)}, {Node: "b", At: now.Add(-5 * time.Second)},
		}},
	}
	return p, f
}

func TestNothingIsWrongWithAHealthyCluster(t *testing.T) {
	for _, f := range preflight.Judge(healthy()) {
		if f.State != preflight.Fine || f.Text == "" {
			t.Errorf("%+v", f)
		}
	}
}

// Each case breaks one thing; exactly that is told, with what to do.
func TestFindings(t *testing.T) {
	type change = func(*preflight.Plan, *preflight.Facts)
	for name, c := range map[string]struct {
		change change
		check  string
		state  preflight.State
		want   string
	}{
		"old Kubernetes": {func(_ *preflight.Plan, f *preflight.Facts) { f.Cluster.Version = version(26) }, "kubernetes", preflight.Wrong, "too old"},
		"gates are beta": {func(_ *preflight.Plan, f *preflight.Facts) { f.Cluster.Version = version(29) }, "kubernetes", preflight.Warning, "beta"},
		"oldest stable":  {func(_ *preflight.Plan, f *preflight.Facts) { f.Cluster.Version = version(30) }, "kubernetes", preflight.Fine, "v1.30"},
		"newer":          {func(_ *preflight.Plan, f *preflight.Facts) { f.Cluster.Version = version(40) }, "kubernetes", preflight.Fine, "newer than 1.35"},

		"no KEDA":  {func(_ *preflight.Plan, f *preflight.Facts) { f.Cluster.KEDA = kube.KEDA{} }, "keda", preflight.Wrong, "not installed"},
		"KEDA 2.7": {func(_ *preflight.Plan, f *preflight.Facts) { f.Cluster.KEDA.Rollouts = nil }, "keda", preflight.Wrong, "gradual"},
		"KEDA 2.20.1": {func(_ *preflight.Plan, f *preflight.Facts) {
			f.Cluster.KEDA.Strategies = []string{"custom", "accurate", "eager"}
		}, "keda", preflight.Wrong, "2.20.1"},
		"KEDA 2.10": {func(_ *preflight.Plan, f *preflight.Facts) { operator(f).Version = "2.10.1" }, "keda", preflight.Wrong, "too old"},
		"KEDA 2.17": {func(_ *preflight.Plan, f *preflight.Facts) { operator(f).Version = "2.17.0" }, "keda", preflight.Warning, "tested is 2.21"},
		"KEDA by its tag": {func(_ *preflight.Plan, f *preflight.Facts) {
			operator(f).Version, operator(f).Image = "latest", "registry.test:5000/kedacore/keda:2.21.1@sha256:00"
		}, "keda", preflight.Fine, "KEDA 2.21.1 in keda runs"},
		"KEDA of any tag": {func(_ *preflight.Plan, f *preflight.Facts) {
			operator(f).Version, operator(f).Image = "", "registry.test:5000/keda"
		}, "keda", preflight.Warning, "cannot be told"},
		"KEDA is down":           {func(_ *preflight.Plan, f *preflight.Facts) { operator(f).Ready = 0 }, "keda", preflight.Wrong, "0 of 1 pod of its operator is ready"},
		"policies keep KEDA out": {func(p *preflight.Plan, _ *preflight.Facts) { p.KEDANamespace = "scaling" }, "keda", preflight.Wrong, "KEDA's operator is in the namespace keda, but our NetworkPolicies let only the namespace scaling"},
		"policies nobody heeds": {func(p *preflight.Plan, f *preflight.Facts) {
			p.KEDANamespace, f.Cluster.Agents = "scaling", []string{"kube-flannel-ds"}
		}, "keda", preflight.Warning, "operator is in the namespace keda"},
		"KEDA elsewhere": {func(_ *preflight.Plan, f *preflight.Facts) { f.Cluster.KEDA.Operators = nil }, "keda", preflight.Warning, "no Deployment keda-operator"},

		"no node for workers": {func(p *preflight.Plan, _ *preflight.Facts) {
			p.WorkerNodes = map[string]string{"nvidia.com/jetpack": "6", "a": "b"}
		}, "nodes", preflight.Warning, "no node has the labels a=b,nvidia.com/jetpack=6, which workers ask for: none can start"},
		"an empty label that no node has": {func(p *preflight.Plan, _ *preflight.Facts) {
			p.WorkerNodes = map[string]string{"gpu": ""}
		}, "nodes", preflight.Warning, "no node has the label gpu=, which workers ask for"},
		"nodes for workers are closed": {func(p *preflight.Plan, f *preflight.Facts) {
			p.WorkerNodes = map[string]string{"kubernetes.io/hostname": "a"}
			f.Cluster.Nodes[1] = node("a", func(n *kube.Machine) { n.Labels, n.Cordoned = p.WorkerNodes, true })
		}, "nodes", preflight.Warning, "no node that workers ask for (kubernetes.io/hostname=a) takes pods, so that none can start: a"},
		"no node to measure": {func(p *preflight.Plan, _ *preflight.Facts) { p.ExportNodes = map[string]string{"gpu": "yes"} }, "nodes", preflight.Warning, "no node has the label gpu=yes, which the exporter asks for"},
		"nodes with labels": {func(p *preflight.Plan, _ *preflight.Facts) {
			p.WorkerNodes = map[string]string{"kubernetes.io/arch": "arm64"}
			p.ExportNodes = p.WorkerNodes
		}, "nodes", preflight.Fine, "2 of 3 nodes take pods"},

		"a node away":   {func(_ *preflight.Plan, f *preflight.Facts) { f.Cluster.Nodes[1].Ready = false }, "nodes", preflight.Warning, "not ready: a"},
		"no node":       {func(_ *preflight.Plan, f *preflight.Facts) { f.Cluster.Nodes = f.Cluster.Nodes[:1] }, "nodes", preflight.Wrong, "none of 1 node"},
		"to be tainted": {func(_ *preflight.Plan, f *preflight.Facts) { f.Cluster.Nodes[0].Repels = nil }, "taints", preflight.Fine, "main: to be tainted by deploy"},
		"not to":        {func(p *preflight.Plan, f *preflight.Facts) { f.Cluster.Nodes[0].Repels, p.Taint = nil, false }, "taints", preflight.Fine, "left so"},
		"a single node": {func(_ *preflight.Plan, f *preflight.Facts) {
			f.Cluster.Nodes = []kube.Machine{node("k3s", func(n *kube.Machine) { n.ControlPlane = true })}
		}, "taints", preflight.Fine, "no other node takes workers"},
		"no other for workers": {func(p *preflight.Plan, f *preflight.Facts) {
			f.Cluster.Nodes[0].Repels, p.WorkerNodes = nil, map[string]string{"gpu": "yes"}
		}, "taints", preflight.Fine, "no other node takes workers"},
		"managed cluster": {func(_ *preflight.Plan, f *preflight.Facts) { f.Cluster.Nodes = f.Cluster.Nodes[1:] }, "taints", preflight.Fine, "no node is labelled"},

		"terminating": {func(_ *preflight.Plan, f *preflight.Facts) {
			f.Cluster.Namespace = kube.NamespaceState{Exists: true, Terminating: true, Stuck: "Some content has finalizers"}
		}, "namespace", preflight.Wrong, "Some content has finalizers"},
		"pod security": {func(_ *preflight.Plan, f *preflight.Facts) {
			f.Cluster.Namespace = kube.NamespaceState{Exists: true, Enforce: "baseline"}
		}, "namespace", preflight.Wrong, "/sys"},
		"somebody's": {func(_ *preflight.Plan, f *preflight.Facts) { f.Cluster.Namespace = kube.NamespaceState{Exists: true} }, "namespace", preflight.Fine, "stop will leave it"},

		"rights": {func(_ *preflight.Plan, f *preflight.Facts) {
			f.Rights.Missing = []kube.Right{{Verb: "get", Kind: "Deployment", Namespace: "plumbline"}, {Verb: "patch", Kind: "Deployment", Namespace: "plumbline"}, {Verb: "create", Kind: "ClusterRole"}}
		}, "rights", preflight.Wrong, "this user lacks 3 rights that"},
		"rights unseen": {func(_ *preflight.Plan, f *preflight.Facts) { f.Rights.Unseen = errors.New("no") }, "rights", preflight.Warning, "cannot be asked: no"},

		"no default class": {func(_ *preflight.Plan, f *preflight.Facts) { f.Cluster.Classes[0].Default = false }, "storage", preflight.Wrong, "no storage class is the default"},
		"made by hand, none": {func(_ *preflight.Plan, f *preflight.Facts) {
			f.Cluster.Classes[0].Provisioner = "kubernetes.io/no-provisioner"
		}, "storage", preflight.Wrong, "no free one is there"},
		"unknown class": {func(p *preflight.Plan, _ *preflight.Facts) { p.StorageClass = "fast" }, "storage", preflight.Wrong, "no storage class fast"},
		"volume by hand": {func(p *preflight.Plan, f *preflight.Facts) {
			p.StorageClass, f.Cluster.Volumes = "hand", []kube.Volume{{Name: "v", Class: "hand"}}
		}, "storage", preflight.Fine, "made by hand"},
		"kept volume": {func(p *preflight.Plan, f *preflight.Facts) {
			p.StorageClass, f.Cluster.Claims = "fast", []kube.Claim{{Name: p.Claim, Class: "fast", Phase: "Bound"}}
		}, "storage", preflight.Fine, "what it holds goes on"},
		"lost volume": {func(p *preflight.Plan, f *preflight.Facts) {
			f.Cluster.Claims = []kube.Claim{{Name: p.Claim, Phase: "Lost"}}
		}, "storage", preflight.Wrong, "lost its volume"},

		"runtime class": {func(p *preflight.Plan, f *preflight.Facts) {
			p.RuntimeClass, f.Cluster.Runtimes = "nvidia", []string{"kata"}
		}, "runtime", preflight.Wrong, "no RuntimeClass nvidia"},
		"absent secret": {func(_ *preflight.Plan, f *preflight.Facts) { f.Cluster.Absent = []string{"login"} }, "secrets", preflight.Wrong, "1 Secret is not in the namespace plumbline, and pods that need it"},
		"registry": {func(_ *preflight.Plan, f *preflight.Facts) {
			f.Registry = &preflight.Registry{Push: true, Problem: errors.New("no trust"), Platforms: f.Registry.Platforms}
		}, "registry", preflight.Wrong, "cannot be pushed: no trust"},
		"nothing to push": {func(_ *preflight.Plan, f *preflight.Facts) {
			f.Registry = &preflight.Registry{Push: true, Unbuilt: errors.New("no binary")}
		}, "registry", preflight.Wrong, "cannot be built: no binary"},
		"a Secret without its key": {func(_ *preflight.Plan, f *preflight.Facts) {
			f.Cluster.Lacking = []string{"plumbline-http-token: token"}
		}, "secrets", preflight.Wrong, "1 Secret in the namespace plumbline, which is left as it is, lacks keys"},
		"no image":       {func(_ *preflight.Plan, f *preflight.Facts) { f.Registry.Problem = errors.New("unknown") }, "registry", preflight.Wrong, "cannot be had: unknown"},
		"foreign images": {func(_ *preflight.Plan, f *preflight.Facts) { f.Registry.Platforms = []string{"linux/amd64"} }, "registry", preflight.Wrong, "a (arm64)"},

		"no Prometheus": {func(_ *preflight.Plan, f *preflight.Facts) { f.Loads = nil }, "prometheus", preflight.Warning, "no Prometheus was named"},
		"seen from inside": {func(_ *preflight.Plan, f *preflight.Facts) {
			f.Loads = &preflight.Loads{Unseen: errors.New("no such host")}
		}, "prometheus", preflight.Warning, "only be seen from inside the cluster"},
		"knows nothing":     {func(_ *preflight.Plan, f *preflight.Facts) { f.Loads.Samples = nil }, "prometheus", preflight.Warning, "knows no GPU"},
		"one sample is old": {func(_ *preflight.Plan, f *preflight.Facts) { f.Loads.Samples[1].At = now.Add(-2 * time.Minute) }, "prometheus", preflight.Warning, "too old: b (2m0s ago)"},
		"all are old":       {func(_ *preflight.Plan, f *preflight.Facts) { f.Loads.MaxAge = time.Second }, "prometheus", preflight.Warning, "all GPU samples are too old"},
		"one has none":      {func(_ *preflight.Plan, f *preflight.Facts) { f.Loads.Samples = f.Loads.Samples[:1] }, "prometheus", preflight.Fine, "none, so no workers: b"},

		"flannel": {func(_ *preflight.Plan, f *preflight.Facts) { f.Cluster.Agents = []string{"kube-flannel-ds"} }, "network", preflight.Warning, "Flannel"},
		"canal":   {func(_ *preflight.Plan, f *preflight.Facts) { f.Cluster.Agents = []string{"canal", "kube-flannel-ds"} }, "network", preflight.Fine, "Canal"},
		"k3s": {func(_ *preflight.Plan, f *preflight.Facts) {
			f.Cluster.Version.Text, f.Cluster.Agents = "v1.33.1+k3s1", nil
		}, "network", preflight.Fine, "k3s itself"},
		"no policies":             {func(p *preflight.Plan, f *preflight.Facts) { p.Policies, f.Cluster.Agents = false, nil }, "network", preflight.Fine, "no NetworkPolicies are to be made"},
		"unknown network":         {func(_ *preflight.Plan, f *preflight.Facts) { f.Cluster.Agents = []string{"aws-node"} }, "network", preflight.Warning, "cannot be seen"},
		"network unseen":          {func(_ *preflight.Plan, f *preflight.Facts) { unsee(f, kube.SurveyNetwork) }, "network", preflight.Warning, "cannot be seen: may not"},
		"monitors unseen":         {func(_ *preflight.Plan, f *preflight.Facts) { unsee(f, kube.SurveyMonitors) }, "network", preflight.Warning, "PodMonitors are known here cannot be seen: may not"},
		"samples of unseen nodes": {func(_ *preflight.Plan, f *preflight.Facts) { unsee(f, kube.SurveyNodes); f.Loads.Samples = nil }, "prometheus", preflight.Warning, "cannot be told, since nodes cannot be seen"},
		"image for unseen nodes":  {func(_ *preflight.Plan, f *preflight.Facts) { unsee(f, kube.SurveyNodes) }, "registry", preflight.Warning, "whether nodes are of another kind cannot be seen"},
		"image of no platform":    {func(_ *preflight.Plan, f *preflight.Facts) { f.Registry.Platforms = nil }, "registry", preflight.Warning, "does not say which platforms"},
		"pushed for others": {func(_ *preflight.Plan, f *preflight.Facts) {
			f.Registry = &preflight.Registry{Where: "r/plumbline:1", Push: true, Platforms: []string{"linux/amd64"}}
		}, "registry", preflight.Wrong, "is to be for linux/amd64 only; pods on these nodes would not start: main (arm64)"},
		"volumes unseen": {func(_ *preflight.Plan, f *preflight.Facts) {
			unsee(f, kube.SurveyVolumes)
			f.Cluster.Classes[0].Provisioner = "kubernetes.io/no-provisioner"
		}, "storage", preflight.Warning, "made by hand, cannot be seen: may not"},
		"unknown class, volumes unseen": {func(p *preflight.Plan, f *preflight.Facts) { unsee(f, kube.SurveyVolumes); p.StorageClass = "fast" }, "storage", preflight.Warning, "no storage class fast, and whether a free one"},
		"nodes unseen": {func(_ *preflight.Plan, f *preflight.Facts) {
			f.Cluster.Unseen = map[string]error{kube.SurveyNodes: errors.New("may not")}
		}, "nodes", preflight.Warning, "cannot be seen: may not"},
		"claims unseen": {func(_ *preflight.Plan, f *preflight.Facts) {
			f.Cluster.Unseen = map[string]error{kube.SurveyClaims: errors.New("may not")}
		}, "storage", preflight.Warning, "may not"},
	} {
		t.Run(name, func(t *testing.T) {
			p, f := healthy()
			c.change(&p, &f)
			found := preflight.Judge(p, f)
			i := slices.IndexFunc(found, func(f preflight.Finding) bool {
				return f.Check == c.check && f.State == c.state && strings.Contains(f.Text, c.want)
			})
			if i < 0 {
				t.Fatalf("nobody says %s of %s: %s\n%+v", c.want, c.check, c.state, found)
			}
			if c.state == preflight.Wrong && found[i].Do == "" {
				t.Errorf("nothing says what to do: %s", found[i].Text)
			}
			if preflight.Sick(found) != (c.state == preflight.Wrong) && name != "no node" {
				t.Errorf("sick: %v", preflight.Sick(found))
			}
		})
	}
}

// What to do depends on what is in the way, and on whether the image is to be pushed or had.
func TestEachTroubleWithARegistryHasItsAdvice(t *testing.T) {
	seen := map[string]bool{}
	for _, push := range []bool{true, false} {
		for trouble, want := range map[preflight.Trouble]string{
			preflight.Other: "--insecure-registry", preflight.Unreachable: "registry up", preflight.Refused: "docker login", preflight.Unknown: "",
		} {
			p, f := healthy()
			f.Registry = &preflight.Registry{Push: push, Problem: errors.New("trouble"), Trouble: trouble, Platforms: f.Registry.Platforms}
			found := preflight.Judge(p, f)
			i := slices.IndexFunc(found, func(f preflight.Finding) bool { return f.Check == "registry" && f.State == preflight.Wrong })
			if do := found[i].Do; do == "" || seen[do] || !strings.Contains(do, want) {
				t.Errorf("push %t, %q: %q", push, trouble, do)
			} else {
				seen[do] = true
			}
		}
	}
}

// Where an image is to be pushed that some nodes could not run, what helps is to build for them.
func TestAMissingBinaryIsToldBeforeThePush(t *testing.T) {
	p, f := healthy()
	f.Registry = &preflight.Registry{Where: "r/plumbline:1", Push: true, Platforms: []string{"linux/amd64"}}
	found := preflight.Judge(p, f)
	i := slices.IndexFunc(found, func(f preflight.Finding) bool { return f.Check == "registry" && f.State == preflight.Wrong })
	if i < 0 || !strings.Contains(found[i].Text, "a (arm64)") || !strings.Contains(found[i].Do, "make dist") {
		t.Errorf("%+v", found)
	}
}

// Each way to Prometheus that failed has a line.
func TestWhyPrometheusCannotBeSeen(t *testing.T) {
	p, f := healthy()
	f.Loads = &preflight.Loads{Unseen: errors.Join(errors.New("from here: no such host"), errors.New("through there: no"))}
	found := preflight.Judge(p, f)
	i := slices.IndexFunc(found, func(f preflight.Finding) bool { return f.Check == "prometheus" })
	if diff := cmp.Diff([]string{"from here: no such host", "through there: no"}, found[i].List); diff != "" || strings.Contains(found[i].Text, "\n") {
		t.Errorf("%+v\n%s", found[i], diff)
	}
}

// What Kubernetes lets nobody change is told before it is tried, with what can be done instead.
func TestTheHubsVolumeStaysAsItWasMade(t *testing.T) {
	const patch = `kubectl -n plumbline patch pvc data-plumbline-hub-0 -p '{"spec":{"resources":{"requests":{"storage":"30Gi"}}}}'`
	for name, c := range map[string]struct {
		size, class    string // that is asked for
		claim          string // size of what is there
		made, stopped  bool   // with a class; the StatefulSet is gone
		expands        bool
		state          preflight.State
		want, do, dont string
	}{
		"nothing is asked for":     {claim: "20Gi", state: preflight.Fine, want: "what it holds goes on"},
		"the same":                 {size: "20480Mi", claim: "20Gi", state: preflight.Fine, want: "what it holds goes on"},
		"it got larger since":      {size: "20Gi", claim: "30Gi", state: preflight.Fine, want: "what it holds goes on"},
		"larger":                   {size: "30Gi", claim: "20Gi", expands: true, state: preflight.Wrong, want: "was made with --storage 20Gi and no --storage-class; Kubernetes lets nobody change that", do: "leave both out, which keeps them. A volume gets larger by its claim: " + patch, dont: "stop --delete-data"},
		"larger, not by the class": {size: "30Gi", claim: "20Gi", state: preflight.Wrong, want: "with --storage 20Gi", do: "The class of its volume, local-path, does not let it get larger", dont: "kubectl"},
		"smaller":                  {size: "10Gi", claim: "20Gi", expands: true, state: preflight.Wrong, want: "with --storage 20Gi", do: "leave both out", dont: "kubectl"},
		"another class":            {class: "fast", claim: "20Gi", made: true, state: preflight.Wrong, want: "with --storage 20Gi --storage-class local-path;", do: "stop --delete-data", dont: "kubectl"},
		"the class by name":        {class: "local-path", claim: "20Gi", state: preflight.Wrong, want: "and no --storage-class", do: "leave both out"},
		"after stop":               {size: "30Gi", claim: "20Gi", expands: true, stopped: true, state: preflight.Warning, want: "made with 20Gi and not 30Gi; it is used as it is", do: patch},
	} {
		t.Run(name, func(t *testing.T) {
			p, f := healthy()
			p.Storage, p.StorageClass = c.size, c.class
			f.Cluster.Classes[0].Expands = c.expands
			f.Cluster.Claims = []kube.Claim{{Name: p.Claim, Class: "local-path", Phase: "Bound", Size: c.claim}}
			template := kube.Claim{Name: p.Claim, Size: "20Gi"}
			if c.made {
				template.Class = "local-path"
			}
			if !c.stopped {
				f.Cluster.Templates = []kube.Claim{template}
			}
			for _, found := range preflight.Judge(p, f) {
				if found.Check != "storage" {
					continue
				}
				if found.State != c.state || !strings.Contains(found.Text, c.want) || !strings.Contains(found.Do, c.do) || c.dont != "" && strings.Contains(found.Do, c.dont) {
					t.Errorf("%+v", found)
				}
			}
		})
	}
}

// unsee makes a part of the survey one that may not be looked at.
func unsee(f *preflight.Facts, part string) {
	f.Cluster.Unseen = map[string]error{part: errors.New("may not")}
	if part == kube.SurveyNodes {
		f.Cluster.Nodes = nil
	}
}

// What may not be looked at is nowhere told as fine.
func TestUnseenIsNeverFine(t *testing.T) {
	for _, part := range []string{
		kube.SurveyKEDA, kube.SurveyOperator, kube.SurveyNodes, kube.SurveyNamespace, kube.SurveyClasses, kube.SurveyClaims,
		kube.SurveyNetwork, kube.SurveySecrets, kube.SurveyMonitors,
	} {
		p, f := healthy()
		unsee(&f, part)
		told := false
		for _, finding := range preflight.Judge(p, f) {
			unseen := strings.Contains(finding.Text, "cannot be seen") || strings.Contains(finding.Text, "cannot be told")
			told = told || unseen
			if unseen && (finding.State != preflight.Warning || finding.Do == "") || finding.State == preflight.Wrong {
				t.Errorf("%s: %+v", part, finding)
			}
		}
		if !told {
			t.Errorf("%s: nobody says that it was not seen", part)
		}
	}
}

func TestCountsAndVerbsAgree(t *testing.T) {
	for open, want := range map[int]string{1: "1 of 3 nodes takes pods; not ready: b", 2: "2 of 3 nodes take pods"} {
		p, f := healthy()
		f.Cluster.Nodes[2].Ready = open == 2
		found := preflight.Judge(p, f)
		if i := slices.IndexFunc(found, func(f preflight.Finding) bool { return f.Check == "nodes" }); found[i].Text != want {
			t.Errorf("%q, want %q", found[i].Text, want)
		}
	}
}

// Each kind has its line, and no right is counted twice.
func TestMissingRightsAreALineEach(t *testing.T) {
	p, f := healthy()
	f.Rights.Missing = []kube.Right{
		{Verb: "get", Kind: "Deployment", Namespace: "there"}, {Verb: "create", Kind: "ClusterRole"}, {Verb: "list", Kind: "Deployment", Namespace: "there"},
		{Verb: "get", Kind: "Deployment", Namespace: "there"}, {Verb: "create", Kind: "Pod", Sub: "portforward", Namespace: "there"},
	}
	found := preflight.Judge(p, f)
	i := slices.IndexFunc(found, func(f preflight.Finding) bool { return f.Check == "rights" })
	want := preflight.Finding{
		Check: "rights", State: preflight.Wrong, Text: "this user lacks 4 rights that deploying or stopping needs",
		List: []string{"get, list deployments.apps in namespace there", "create clusterroles.rbac.authorization.k8s.io", "create pods/portforward in namespace there"},
		Do:   "Ask an administrator of the cluster for them, or deploy as one (--context).",
	}
	if diff := cmp.Diff(want, found[i]); diff != "" {
		t.Error(diff)
	}
}

func version(minor int) kube.ServerVersion {
	return kube.ServerVersion{Text: "v1." + string(rune('0'+minor/10)) + string(rune('0'+minor%10)) + ".0", Major: 1, Minor: minor}
}

func operator(f *preflight.Facts) *kube.Workload { return &f.Cluster.KEDA.Operators[0] }

func TestRightsAreOfTheKindsThatAreApplied(t *testing.T) {
	all := preflight.Needed("there", []string{"Deployment", "Deployment", "ClusterRole"}, false)
	for _, want := range []kube.Right{
		{Verb: "patch", Kind: "Deployment", Namespace: "there"}, {Verb: "delete", Kind: "ClusterRole"},
		{Verb: "create", Kind: "Pod", Sub: "portforward", Namespace: "there"}, {Verb: "list", Kind: "Node"},
	} {
		if n := len(slices.DeleteFunc(slices.Clone(all), func(r kube.Right) bool { return r != want })); n != 1 {
			t.Errorf("%d times: %s", n, want)
		}
	}
	taint := kube.Right{Verb: "patch", Kind: "Node"}
	if slices.Contains(all, taint) || !slices.Contains(preflight.Needed("there", nil, true), taint) {
		t.Error("the right to taint is asked for only where that is wanted")
	}
}
