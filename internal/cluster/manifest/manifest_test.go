package manifest_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/labels"

	"plumbline/internal/cluster/manifest"
)

var update = flag.Bool("update", false, "write the golden files anew; look at the difference before you keep it")

// usual is an installation with a broker outside, PostgreSQL and the gate.
func usual() manifest.Options {
	return manifest.Options{
		Namespace: "plumbline", Version: "1.2.3", Image: "registry.test/plumbline@sha256:0000", PullPolicy: "IfNotPresent",
		Hub: manifest.HubOptions{
			Storage: "20Gi", MQTTURL: "mqtt://hub@mosquitto.mqtt:1883", MQTTService: "ClusterIP", Database: true, BrokerPassword: true,
		},
		Control:  manifest.ControlOptions{Placement: manifest.PlacementGate, Replicas: 2, TLS: true, Prometheus: []string{"http://prometheus.monitoring:9090"}},
		Network:  manifest.NetworkOptions{Policies: true, KEDA: "keda", Scrapers: []string{"monitoring"}},
		Exporter: manifest.ExporterOptions{Sysfs: "/sys"},
		Worker:   manifest.WorkerOptions{PollingInterval: 2 * time.Second, MaxReplicas: 20, Sessions: 1, ExitWhenIdle: 20 * time.Second, CPU: "500m", Memory: "512Mi"},
		Secrets: &manifest.Secrets{
			ScalerServer: certificate("controller"), ScalerClient: certificate("KEDA"),
			Authority: map[string][]byte{"ca.pem": []byte("certificate"), "ca.key": []byte("key")}, Token: []byte("token"), HTTPToken: []byte("http"),
			Database: map[string]string{"DATABASE_URL": "postgres://database"}, Broker: map[string]string{"PLUMBLINE_MQTT_PASSWORD": "password"},
		},
	}
}

func certificate(of string) map[string][]byte {
	return map[string][]byte{"tls.crt": []byte("certificate of " + of), "tls.key": []byte("key of " + of), "ca.crt": []byte("authority")}
}

// jetsons is one with everything else: the embedded broker, patching, what GPUs need, further arguments.
func jetsons() manifest.Options {
	o := usual()
	o.ClusterDomain, o.PullSecrets, o.Secrets = "cluster.test", []string{"login"}, nil
	o.Hub = manifest.HubOptions{
		Storage: "5Gi", StorageClass: "local", MQTTService: "NodePort", TLSSecret: "certificate", Accounts: []string{"pi1", "pi2"}, Args: []string{"--journal-age=90d"},
	}
	o.Control.Placement, o.Control.Args = manifest.PlacementPatch, []string{"--gpu-threshold=0.7"}
	o.Exporter.NodeSelector, o.Exporter.Args = map[string]string{"board": "jetson"}, []string{"--jetson-metric=none"}
	o.Network.Page = []string{"kube-system"}
	o.Monitoring = manifest.MonitoringOptions{PodMonitors: true, Labels: map[string]string{"release": "prometheus"}, Alerts: []byte("groups:\n  - {name: plumbline, rules: [{alert: A, expr: up == 0}]}\n"), Dashboard: []byte("{}\n")}
	o.Worker.RuntimeClass, o.Worker.Groups, o.Worker.NodeSelector = "nvidia", []int64{44}, map[string]string{"board": "jetson"}
	o.Worker.Tolerations = []corev1.Toleration{{Key: "nvidia.com/gpu", Operator: corev1.TolerationOpExists}}
	o.Worker.Trigger, o.Worker.Args = map[string]string{"capturesPerJob": "10"}, []string{"--model=heavy"}
	return o
}

// none is one without placement, with the embedded broker open to all.
func none() manifest.Options {
	o := usual()
	o.Hub.MQTTURL, o.Hub.Anonymous = "", true
	o.Control.Placement, o.Control.TLS = manifest.PlacementNone, false
	o.Network.Policies = false
	o.Hub.Database = false
	return o
}

var all = map[string]func() manifest.Options{"usual": usual, "jetsons": jetsons, "none": none}

func objects(t *testing.T, o manifest.Options) []manifest.Object {
	t.Helper()
	list, err := manifest.Objects(o)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// find gives the object of a type and name.
func find[T manifest.Object](t *testing.T, list []manifest.Object, name string) T {
	t.Helper()
	for _, o := range list {
		if found, ok := o.(T); ok && o.GetName() == name {
			return found
		}
	}
	var none T
	t.Fatalf("there is no %T %s", none, name)
	return none
}

func TestTheManifestsAreThoseThatWereLookedAt(t *testing.T) {
	for name, options := range all {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := manifest.Print(&got, objects(t, options())); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s (-golden +now; look at it, then: go test ./internal/cluster/manifest -update):\n%s", golden, diff)
			}
		})
	}
}

// What is deployed is found by the selectors, the claims and pods that come of it included, and nothing that has half of the labels.
func TestSelectorsFindWhatIsOursAlone(t *testing.T) {
	selects := func(selector string, l map[string]string) bool {
		t.Helper()
		s, err := labels.Parse(selector)
		if err != nil {
			t.Fatal(err)
		}
		return s.Matches(labels.Set(l))
	}
	for name, options := range all {
		for _, o := range objects(t, options()) {
			if l := o.GetLabels(); !selects(manifest.Selector, l) || !selects(manifest.SelectorEverywhere("plumbline"), l) || selects(manifest.SelectorEverywhere("other"), l) {
				t.Errorf("%s: %s is not found, or by others: %v", name, o.GetName(), l)
			}
		}
	}
	set := objects(t, usual())
	for what, l := range map[string]map[string]string{
		"claim":      find[*appsv1.StatefulSet](t, set, manifest.Hub).Spec.VolumeClaimTemplates[0].Labels,
		"hub":        find[*appsv1.StatefulSet](t, set, manifest.Hub).Spec.Template.Labels,
		"controller": find[*appsv1.Deployment](t, set, manifest.Control).Spec.Template.Labels,
		"exporter":   find[*appsv1.DaemonSet](t, set, manifest.Export).Spec.Template.Labels,
		"worker":     find[*manifest.ScaledJob](t, set, manifest.Work).Spec.JobTargetRef.Template.Labels,
	} {
		if !selects(manifest.Selector, l) {
			t.Errorf("the %s is not found by its labels %v", what, l)
		}
	}
	for _, half := range []map[string]string{
		{"app.kubernetes.io/managed-by": "plumbline", "app.kubernetes.io/part-of": "other"}, {"app.kubernetes.io/managed-by": "plumbline"}, {"app.kubernetes.io/part-of": "plumbline"},
	} {
		if selects(manifest.Selector, half) {
			t.Errorf("what is labelled %v counts as ours", half)
		}
	}
}

// What is deployed can be found, and taken back, by its labels.
func TestEverythingIsLabelled(t *testing.T) {
	for name, options := range all {
		seen := map[string]bool{}
		for _, o := range objects(t, options()) {
			id := o.GetObjectKind().GroupVersionKind().String() + " " + o.GetName()
			l := o.GetLabels()
			if l["app.kubernetes.io/part-of"] != "plumbline" || l["app.kubernetes.io/managed-by"] != "plumbline" || l["app.kubernetes.io/component"] == "" {
				t.Errorf("%s: %s has the labels %v", name, id, l)
			}
			if seen[id] {
				t.Errorf("%s: %s is there twice", name, id)
			}
			seen[id] = true
			if o.GetObjectKind().GroupVersionKind().Kind == "" {
				t.Errorf("%s: %s has no kind", name, o.GetName())
			}
		}
	}
}

// templates are the pods of all roles.
func templates(t *testing.T, list []manifest.Object) map[string]corev1.PodTemplateSpec {
	t.Helper()
	return map[string]corev1.PodTemplateSpec{
		"hub":     find[*appsv1.StatefulSet](t, list, manifest.Hub).Spec.Template,
		"control": find[*appsv1.Deployment](t, list, manifest.Control).Spec.Template,
		"export":  find[*appsv1.DaemonSet](t, list, manifest.Export).Spec.Template,
		"work":    find[*manifest.ScaledJob](t, list, manifest.Work).Spec.JobTargetRef.Template,
	}
}

func TestNoPodHasRightsThatItDoesNotNeed(t *testing.T) {
	for name, options := range all {
		for role, pod := range templates(t, objects(t, options())) {
			where, s := name+", "+role, pod.Spec
			if c := s.SecurityContext; !*c.RunAsNonRoot || *c.RunAsUser == 0 || c.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("%s: %+v", where, c)
			}
			if s.HostNetwork || s.HostPID || s.HostIPC || len(s.Containers) != 1 {
				t.Errorf("%s sees more than its own", where)
			}
			for _, c := range append(s.InitContainers, s.Containers...) {
				checkContainer(t, where, c)
			}
			if *s.AutomountServiceAccountToken != (role == "control") {
				t.Errorf("%s may talk to Kubernetes: %t", where, *s.AutomountServiceAccountToken)
			}
			checkVolumes(t, where, s)
		}
	}
}

func checkContainer(t *testing.T, where string, c corev1.Container) {
	t.Helper()
	x := c.SecurityContext
	if *x.AllowPrivilegeEscalation || !*x.ReadOnlyRootFilesystem || x.Privileged != nil || !slices.Equal(x.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(x.Capabilities.Add) > 0 {
		t.Errorf("%s: %+v", where, x)
	}
	if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
		t.Errorf("%s asks for %v", where, c.Resources)
	}
	for resource := range c.Resources.Requests {
		if strings.Contains(string(resource), "/") {
			t.Errorf("%s asks for %s", where, resource)
		}
	}
}

// checkVolumes: nothing of the node but /sys, of the exporter, which cannot write to it; and the authority's key is the hub's.
func checkVolumes(t *testing.T, where string, s corev1.PodSpec) {
	t.Helper()
	for _, v := range s.Volumes {
		if v.HostPath != nil && (!strings.HasSuffix(where, "export") || v.HostPath.Path != "/sys") {
			t.Errorf("%s mounts %s", where, v.HostPath.Path)
		}
		if v.Secret != nil && v.Secret.SecretName == manifest.AuthoritySecret && !strings.HasSuffix(where, "hub") {
			t.Errorf("%s has the hub's authority", where)
		}
	}
	for _, m := range s.Containers[0].VolumeMounts {
		if writable := m.Name == "data" || m.Name == "tmp"; m.ReadOnly == writable {
			t.Errorf("%s mounts %s read-only: %t", where, m.Name, m.ReadOnly)
		}
	}
}

func TestTheScaledJobIsSafeToChangeAndItsPodsToLose(t *testing.T) {
	for name, options := range all {
		o := options()
		list := objects(t, o)
		s := find[*manifest.ScaledJob](t, list, manifest.Work).Spec
		job, pod := s.JobTargetRef, s.JobTargetRef.Template.Spec
		if s.Rollout.Strategy != "gradual" || s.ScalingStrategy.Strategy != "default" || s.MinReplicaCount != 0 {
			t.Errorf("%s: %+v", name, s)
		}
		if *job.BackoffLimit != 6 || pod.RestartPolicy != corev1.RestartPolicyNever || *pod.TerminationGracePeriodSeconds < 20 {
			t.Errorf("%s: %+v", name, job)
		}
		if job.PodFailurePolicy != nil || job.PodReplacementPolicy != nil {
			t.Errorf("%s: a pod that hangs on a dead node would not be replaced: %+v", name, job)
		}
		for _, key := range []string{"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"} {
			if !slices.ContainsFunc(pod.Tolerations, func(x corev1.Toleration) bool {
				return x.Key == key && x.Effect == corev1.TaintEffectNoExecute && *x.TolerationSeconds == 30
			}) {
				t.Errorf("%s stays on a node that is %s", name, key)
			}
		}
		if gated := slices.Equal(pod.SchedulingGates, []corev1.PodSchedulingGate{{Name: "plumbline/placement"}}); gated != (o.Control.Placement == "gate") {
			t.Errorf("%s: pods have the gate: %t", name, gated)
		}
		if list[len(list)-1].GetName() != manifest.Work {
			t.Errorf("%s: the ScaledJob is not the last, so that KEDA may ask before anybody answers", name)
		}
		if _, ok := list[len(list)-1].(*manifest.ScaledJob); !ok || job.Parallelism != nil || job.CompletionMode != nil && *job.CompletionMode != batchv1.NonIndexedCompletion {
			t.Errorf("%s: a Job is %+v", name, job)
		}
	}
}

// The controller may do what its way of placing needs, and never delete anything.
func TestTheControllerMayChangeOnlyWhatItsPlacementChanges(t *testing.T) {
	for name, c := range map[string]struct {
		placement string
		want      map[string]string
	}{
		"gate":  {"gate", map[string]string{"pods": "patch", "pods/eviction": "create", "events": "create", "leases": "create update"}},
		"patch": {"patch", map[string]string{"scaledjobs": "patch", "events": "create", "leases": "create update"}},
		"none":  {"none", map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			o := usual()
			o.Control.Placement = c.placement
			list := objects(t, o)
			rules := append(find[*rbacv1.Role](t, list, manifest.Control).Rules, find[*rbacv1.ClusterRole](t, list, manifest.Control+"-plumbline").Rules...)
			got := map[string]string{}
			for _, r := range rules {
				changes := slices.DeleteFunc(slices.Clone(r.Verbs), func(v string) bool { return v == "get" || v == "list" || v == "watch" })
				if len(changes) > 0 {
					got[strings.Join(r.Resources, " ")] = strings.Join(changes, " ")
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatCouldNotWorkIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*manifest.Options)
		want   string
	}{
		"namespace":        {func(o *manifest.Options) { o.Namespace = "Plumb line" }, `the namespace "Plumb line"`},
		"no image":         {func(o *manifest.Options) { o.Image = "" }, "the image is missing"},
		"placement":        {func(o *manifest.Options) { o.Control.Placement = "here" }, "choose gate, patch or none"},
		"no Prometheus":    {func(o *manifest.Options) { o.Control.Prometheus = nil }, "Prometheus is missing"},
		"half a second":    {func(o *manifest.Options) { o.Worker.PollingInterval = 1500 * time.Millisecond }, "whole seconds"},
		"under a lease":    {func(o *manifest.Options) { o.Worker.ExitWhenIdle = 10 * time.Second }, "give more than 15s"},
		"no session":       {func(o *manifest.Options) { o.Worker.Sessions = 0 }, "give at least 1"},
		"storage":          {func(o *manifest.Options) { o.Hub.Storage = "much" }, `storage "much" is no quantity`},
		"negative storage": {func(o *manifest.Options) { o.Hub.Storage = "-5Gi" }, `storage "-5Gi" is no quantity`},
		"CPU":              {func(o *manifest.Options) { o.Worker.CPU = "half" }, `the workers' CPU "half" is no quantity`},
		"memory":           {func(o *manifest.Options) { o.Worker.Memory = "0" }, `the workers' memory "0" is no quantity`},
		"sysfs":            {func(o *manifest.Options) { o.Exporter.Sysfs = "sys" }, `sysfs "sys" of the nodes: give the whole path`},
		"sysfs upwards":    {func(o *manifest.Options) { o.Exporter.Sysfs = "/a/../sys" }, "give the whole path"},
		"storage class":    {func(o *manifest.Options) { o.Hub.StorageClass = "Fast disk" }, `the storage class "Fast disk"`},
		"pull secret":      {func(o *manifest.Options) { o.PullSecrets = []string{"log_in"} }, `the Secret with the registry's login "log_in"`},
		"unnamed secret":   {func(o *manifest.Options) { o.PullSecrets = []string{""} }, "has no name"},
		"runtime class":    {func(o *manifest.Options) { o.Worker.RuntimeClass = "NVIDIA" }, `the RuntimeClass "NVIDIA"`},
		"domain":           {func(o *manifest.Options) { o.ClusterDomain = "cluster_local" }, `the cluster's domain "cluster_local"`},
		"label's name":     {func(o *manifest.Options) { o.Worker.NodeSelector = map[string]string{"a b": "c"} }, "the label a b=c of the nodes for workers"},
		"label's value":    {func(o *manifest.Options) { o.Exporter.NodeSelector = map[string]string{"a": "b/c"} }, "the label a=b/c of the nodes to measure"},
		"operator's label": {func(o *manifest.Options) { o.Monitoring.Labels = map[string]string{"a": "b c"} }, "the label a=b c of what Prometheus"},
		"a label of ours": {func(o *manifest.Options) {
			o.Monitoring.Labels = map[string]string{"app.kubernetes.io/part-of": "kube-prometheus"}
		}, "app.kubernetes.io/part-of of what Prometheus chooses is Plumbline's own"},
		"group":            {func(o *manifest.Options) { o.Worker.Groups = []int64{-1} }, "the workers' group -1"},
		"no account":       {func(o *manifest.Options) { o.Hub.MQTTURL = "" }, "needs the name of a first account"},
		"accounts and all": {func(o *manifest.Options) { o.Hub.MQTTURL, o.Hub.Anonymous, o.Hub.Accounts = "", true, []string{"a"} }, "give one of them"},
		"odd account":      {func(o *manifest.Options) { o.Hub.MQTTURL, o.Hub.Accounts = "", []string{"my camera"} }, `the account "my camera" cannot be made here`},
		"anonymous abroad": {func(o *manifest.Options) { o.Hub.Anonymous = true }, "a broker outside"},
		"no namespace":     {func(o *manifest.Options) { o.Network.KEDA = "" }, "from which our pods may be reached"},
		"no replica":       {func(o *manifest.Options) { o.Control.Replicas = 0 }, "0 replicas"},
	} {
		t.Run(name, func(t *testing.T) {
			o := usual()
			c.change(&o)
			if _, err := manifest.Objects(o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %q in it", err, c.want)
			}
		})
	}
}
