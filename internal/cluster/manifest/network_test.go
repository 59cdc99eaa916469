package manifest_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"plumbline/internal/cluster/manifest"
)

// peer is who wants to reach a pod; no component: a pod of somebody else's, or no pod at all where the namespace is empty too.
type peer struct{ namespace, component string }

// reaches says what the policies of our namespace make of one connection, in both of its directions, as Kubernetes defines them.
func reaches(t *testing.T, list []manifest.Object, who, whom peer, port int32) bool {
	t.Helper()
	return allowed(t, list, whom, networkingv1.PolicyTypeIngress, func(p *networkingv1.NetworkPolicy) bool {
		return slices.ContainsFunc(p.Spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool {
			return hasPort(r.Ports, port) && (len(r.From) == 0 || slices.ContainsFunc(r.From, func(f networkingv1.NetworkPolicyPeer) bool { return isPeer(t, f, who) }))
		})
	}) && allowed(t, list, who, networkingv1.PolicyTypeEgress, func(p *networkingv1.NetworkPolicy) bool {
		return slices.ContainsFunc(p.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool {
			return hasPort(r.Ports, port) && (len(r.To) == 0 || slices.ContainsFunc(r.To, func(f networkingv1.NetworkPolicyPeer) bool { return isPeer(t, f, whom) }))
		})
	})
}

// allowed: what no policy of that direction selects is open; what some select is open where one of them allows it.
func allowed(t *testing.T, list []manifest.Object, whose peer, direction networkingv1.PolicyType, allows func(*networkingv1.NetworkPolicy) bool) bool {
	t.Helper()
	open := true
	for _, o := range list {
		p, ok := o.(*networkingv1.NetworkPolicy)
		if !ok || p.Namespace != whose.namespace || !slices.Contains(p.Spec.PolicyTypes, direction) || !matches(t, p.Spec.PodSelector, podLabels(whose)) {
			continue
		}
		if allows(p) {
			return true
		}
		open = false
	}
	return open
}

func podLabels(p peer) labels.Set {
	if p.component == "" {
		return labels.Set{"app": "foreign"}
	}
	return labels.Set{"app.kubernetes.io/name": "plumbline", "app.kubernetes.io/component": p.component, "app.kubernetes.io/part-of": "plumbline"}
}

func isPeer(t *testing.T, f networkingv1.NetworkPolicyPeer, who peer) bool {
	t.Helper()
	if f.NamespaceSelector == nil {
		return who.namespace == "plumbline" && matches(t, *f.PodSelector, podLabels(who))
	}
	return who.namespace != "" && matches(t, *f.NamespaceSelector, labels.Set{corev1.LabelMetadataName: who.namespace})
}

func matches(t *testing.T, s metav1.LabelSelector, l labels.Set) bool {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(&s)
	if err != nil {
		t.Fatal(err)
	}
	return selector.Matches(l)
}

func hasPort(ports []networkingv1.NetworkPolicyPort, n int32) bool {
	return slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool { return p.Port.IntVal == n })
}

// Whoever is needed gets through, and nobody else; the pods are those that the manifests make, by their labels.
func TestPoliciesLetThroughWhatIsNeededAndNothingElse(t *testing.T) {
	inside := usual()
	inside.Hub.MQTTURL, inside.Hub.Anonymous, inside.Hub.BrokerPassword = "", true, false
	inside.Network.Page = []string{"kube-system"}
	all := objects(t, inside)
	role := func(component string) peer { return peer{"plumbline", component} }
	stranger, keda, prometheus, ingress, outside := peer{namespace: "plumbline"}, peer{namespace: "keda"}, peer{namespace: "monitoring"}, peer{namespace: "kube-system"}, peer{}
	for name, c := range map[string]struct {
		who, whom peer
		port      int32
		want      bool
	}{
		"worker to hub":                    {role("work"), role("hub"), 4222, true},
		"worker to the hub's page":         {role("work"), role("hub"), 8080, false},
		"worker to somebody":               {role("work"), stranger, 443, false},
		"worker to the Internet":           {role("work"), outside, 443, false},
		"worker to DNS":                    {role("work"), peer{namespace: "kube-system"}, 53, true},
		"worker to controller":             {role("work"), role("control"), 9402, false},
		"controller to hub":                {role("control"), role("hub"), 8080, true},
		"controller to Prometheus":         {role("control"), prometheus, 9090, true},
		"controller to workers' port":      {role("control"), role("hub"), 4222, false},
		"hub to a database":                {role("hub"), outside, 5432, true},
		"exporter to anybody":              {role("export"), outside, 443, false},
		"KEDA to controller":               {keda, role("control"), 9402, true},
		"KEDA to the controller's HTTP":    {keda, role("control"), 9403, false},
		"Prometheus to controller":         {prometheus, role("control"), 9403, true},
		"Prometheus to the scaler":         {prometheus, role("control"), 9402, false},
		"Prometheus to exporter":           {prometheus, role("export"), 9401, true},
		"Prometheus to the hub's metrics":  {prometheus, role("hub"), 9404, true},
		"Prometheus to the hub's page":     {prometheus, role("hub"), 8080, false},
		"a device to the hub's metrics":    {outside, role("hub"), 9404, false},
		"a neighbour to the hub's metrics": {stranger, role("hub"), 9404, false},
		"ingress controller to page":       {ingress, role("hub"), 8080, true},
		"ingress controller to controller": {ingress, role("control"), 9403, false},
		"a device to the broker":           {outside, role("hub"), 1883, true},
		"a device to the page":             {outside, role("hub"), 8080, false},
		"a neighbour to controller":        {stranger, role("control"), 9402, false},
		"a neighbour to hub":               {stranger, role("hub"), 4222, false},
		"anybody to a worker":              {stranger, role("work"), 4222, false},
		"a neighbour to another neighbour": {stranger, stranger, 80, true},
	} {
		if got := reaches(t, all, c.who, c.whom, c.port); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	open := inside
	open.Network.Scrapers, open.Network.Page = nil, nil
	if list := objects(t, open); !reaches(t, list, stranger, role("export"), 9401) {
		t.Error("metrics are closed where it is not known who reads them")
	}
	if list := objects(t, open); !reaches(t, list, outside, role("hub"), 8080) || reaches(t, list, outside, role("hub"), 4222) {
		t.Error("without namespaces of its own the page is open to who has the token, and nothing else is")
	}
	if abroad := objects(t, usual()); reaches(t, abroad, outside, role("hub"), 1883) {
		t.Error("a hub without a broker is open on its port")
	}
}

// Every port that a pod opens is judged by some policy, and the policies know no port that no pod opens.
func TestPoliciesKnowThePodsPorts(t *testing.T) {
	for name, options := range all {
		list := objects(t, options())
		opened, named := map[int32]bool{}, map[int32]bool{}
		for _, pod := range templates(t, list) {
			for _, p := range pod.Spec.Containers[0].Ports {
				opened[p.ContainerPort] = true
			}
		}
		for _, o := range list {
			if p, ok := o.(*networkingv1.NetworkPolicy); ok {
				for _, r := range p.Spec.Ingress {
					for _, port := range r.Ports {
						named[port.Port.IntVal] = true
					}
				}
			}
		}
		if !options().Network.Policies {
			opened = map[int32]bool{}
		}
		if diff := cmp.Diff(opened, named); diff != "" {
			t.Errorf("%s: (-opened +in policies)\n%s", name, diff)
		}
	}
}

// A Prometheus that goes by annotations, and one that goes by ports' names, find the metrics of all that stays, where no token is wanted.
func TestMetricsAreFound(t *testing.T) {
	for name, options := range all {
		for role, pod := range templates(t, objects(t, options())) {
			ports := map[string]string{}
			for _, p := range pod.Spec.Containers[0].Ports {
				ports[p.Name] = strconv.Itoa(int(p.ContainerPort))
			}
			args := pod.Spec.Containers[0].Args
			open := slices.Contains(args, "--metrics-listen=0.0.0.0:"+ports["metrics"]) ||
				slices.Contains(args, "--http-listen=0.0.0.0:"+ports["metrics"]) && slices.Contains(args, "--http-anonymous")
			stays := role != manifest.WorkComponent
			if a := pod.Annotations; (a["prometheus.io/scrape"] == "true") != stays || a["prometheus.io/port"] != ports["metrics"] || open != stays {
				t.Errorf("%s, %s: annotations %v, ports %v, arguments %q", name, role, a, ports, args)
			}
		}
	}
}

// Two installations share nothing that belongs to no namespace.
func TestInstallationsInOtherNamespacesDoNotCollide(t *testing.T) {
	taken := map[string]string{}
	for _, namespace := range []string{"plumbline", "second"} {
		o := jetsons()
		o.Namespace = namespace
		for _, x := range objects(t, o) {
			id := strings.Join([]string{x.GetObjectKind().GroupVersionKind().Kind, x.GetNamespace(), x.GetName()}, " ")
			if other := taken[id]; other != "" {
				t.Errorf("%s is of %s and of %s", id, other, namespace)
			}
			taken[id] = namespace
		}
	}
}
