package manifest

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Ports of a cluster's DNS: its Service's, and its pods' where that differs (OpenShift). Policies see the pods'.
const (
	dnsPort    = 53
	dnsPodPort = 5353
)

// policies say who may reach our pods: nobody, but for what follows. A node always reaches its own pods, and so do the kubelet's
// probes, kubectl exec and port-forward.
//
// What our pods may reach is said of two roles only. Workers decode what strangers send, and need the hub and nothing else; the
// exporter needs nobody. Where database, broker, Prometheus and the API server are is not known here as addresses, which is what a
// policy would want, so that hub and controller may reach everything.
func (o *Options) policies() []Object {
	if !o.Network.Policies {
		return nil
	}
	ingress, egress := networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress
	list := []Object{
		o.policy(plumbline, "network", networkingv1.NetworkPolicySpec{PodSelector: labelled(map[string]string{nameLabel: plumbline}), PolicyTypes: []networkingv1.PolicyType{ingress}}),
		o.policy(Hub, "hub", networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{ingress}, Ingress: o.toHub()}),
		o.policy(Control, "control", networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{ingress}, Ingress: []networkingv1.NetworkPolicyIngressRule{
			from(namespaces([]string{o.Network.KEDA}), scalerPort), from(o.scrapers(), controlPort),
		}}),
		o.policy(Export, "export", networkingv1.NetworkPolicySpec{
			PolicyTypes: []networkingv1.PolicyType{ingress, egress}, Ingress: []networkingv1.NetworkPolicyIngressRule{from(o.scrapers(), exportPort)},
		}),
		o.policy(Work, "work", networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{egress}, Egress: []networkingv1.NetworkPolicyEgressRule{
			{Ports: append(tcp(dnsPort, dnsPodPort), udp(dnsPort, dnsPodPort)...)},
			{To: pods("hub"), Ports: tcp(natsPort)},
		}}),
	}
	return list
}

// toHub: the page wants its token of everybody, and the API server, which passes requests on, has no address that is known here;
// so it is open to all unless somebody says who it is for. The metrics want none, and are open to who reads them.
func (o *Options) toHub() []networkingv1.NetworkPolicyIngressRule {
	rules := []networkingv1.NetworkPolicyIngressRule{from(pods("work"), natsPort), from(o.scrapers(), metricsPort)}
	if len(o.Network.Page) == 0 {
		rules = append(rules, from(nil, hubPort))
	} else {
		rules = append(rules, from(pods("control"), hubPort), from(namespaces(o.Network.Page), hubPort))
	}
	if o.Hub.MQTTURL == "" {
		rules = append(rules, from(nil, o.mqttPort())) // devices are anywhere
	}
	return rules
}

// policy is one for a component's pods, unless the spec itself says which.
func (o *Options) policy(name, component string, spec networkingv1.NetworkPolicySpec) Object {
	if len(spec.PodSelector.MatchLabels) == 0 {
		spec.PodSelector = labelled(selector(component))
	}
	return &networkingv1.NetworkPolicy{TypeMeta: kind("networking.k8s.io/v1", "NetworkPolicy"), ObjectMeta: o.meta(name, component), Spec: spec}
}

// scrapers are who may read metrics: pods of some namespaces, or anybody where it is not known whose.
func (o *Options) scrapers() []networkingv1.NetworkPolicyPeer { return namespaces(o.Network.Scrapers) }

func from(peers []networkingv1.NetworkPolicyPeer, port int32) networkingv1.NetworkPolicyIngressRule {
	return networkingv1.NetworkPolicyIngressRule{From: peers, Ports: tcp(port)}
}

// pods are those of a component, in our own namespace.
func pods(component string) []networkingv1.NetworkPolicyPeer {
	s := labelled(selector(component))
	return []networkingv1.NetworkPolicyPeer{{PodSelector: &s}}
}

func namespaces(names []string) (peers []networkingv1.NetworkPolicyPeer) {
	for _, name := range names {
		s := labelled(map[string]string{corev1.LabelMetadataName: name})
		peers = append(peers, networkingv1.NetworkPolicyPeer{NamespaceSelector: &s})
	}
	return peers
}

func labelled(labels map[string]string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchLabels: labels}
}

// Numbers rather than names: not every network knows named ports.
func tcp(ports ...int32) []networkingv1.NetworkPolicyPort { return portsOf(corev1.ProtocolTCP, ports) }

func udp(ports ...int32) []networkingv1.NetworkPolicyPort { return portsOf(corev1.ProtocolUDP, ports) }

func portsOf(protocol corev1.Protocol, numbers []int32) (list []networkingv1.NetworkPolicyPort) {
	for _, n := range numbers {
		list = append(list, networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: ptr(intstr.FromInt32(n))})
	}
	return list
}
