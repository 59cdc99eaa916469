package manifest

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// leaseOfACapture is how long a picture stays with a worker that died.
const leaseOfACapture = 15 * time.Second

// complain adds to what is wrong.
type complain func(format string, args ...any)

// check refuses what could not work.
func (o *Options) check() error {
	var wrong []error
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if o.Image == "" {
		complain("the image is missing: the reference that `plumbline image --push` prints")
	}
	if !slices.Contains([]string{PlacementGate, PlacementPatch, PlacementNone}, o.Control.Placement) {
		complain("placement is %q: choose gate, patch or none", o.Control.Placement)
	}
	if len(o.Control.Prometheus) == 0 {
		complain("Prometheus is missing: where are the nodes' loads, such as http://prometheus.monitoring:9090?")
	}
	if o.Control.Replicas < 1 {
		complain("%d replicas of the controller: give at least 1, 2 for one to take over", o.Control.Replicas)
	}
	o.checkBroker(complain)
	o.checkNetwork(complain)
	if o.Worker.PollingInterval < time.Second || o.Worker.PollingInterval%time.Second != 0 {
		complain("the polling interval is %s: KEDA knows whole seconds", o.Worker.PollingInterval)
	}
	if o.Worker.ExitWhenIdle <= leaseOfACapture {
		complain("workers end after %s without work: give more than %s, after which a dead worker's picture comes back", o.Worker.ExitWhenIdle, leaseOfACapture)
	}
	if o.Worker.Sessions < 1 || o.Worker.MaxReplicas < 1 {
		complain("workers: %[2]d, sessions of each: %[1]d; give at least 1 of both", o.Worker.Sessions, o.Worker.MaxReplicas)
	}
	o.checkNames(complain)
	o.checkLabels(complain)
	o.checkQuantities(complain)
	if !path.IsAbs(o.Exporter.Sysfs) || slices.Contains(strings.Split(o.Exporter.Sysfs, "/"), "..") {
		complain("sysfs %q of the nodes: give the whole path, such as /sys", o.Exporter.Sysfs)
	}
	for _, group := range o.Worker.Groups {
		if group < 0 || group > math.MaxInt32 {
			complain("the workers' group %d: give a number from 0 to %d", group, math.MaxInt32)
		}
	}
	return errors.Join(wrong...)
}

func (o *Options) checkBroker(complain complain) {
	h := o.Hub
	switch {
	case h.MQTTURL != "" && (h.Anonymous || len(h.Accounts) > 0 || h.TLSSecret != ""):
		complain("a broker outside says itself who may publish, and how: accounts, anonymous and a certificate are of the embedded one")
	case h.MQTTURL == "" && h.Anonymous && len(h.Accounts) > 0:
		complain("accounts of the embedded broker, and anonymous: when anyone may publish, accounts guard nothing; give one of them")
	case h.MQTTURL == "" && !h.Anonymous && len(h.Accounts) == 0:
		complain("the embedded broker needs the name of a first account, or to be told that anyone may publish")
	}
	for _, name := range h.Accounts {
		if len(validation.IsConfigMapKey(name)) > 0 {
			complain("the account %q cannot be made here, where names are letters, digits, -, _ and .; plumbline users add makes others", name)
		}
	}
}

func (o *Options) checkNetwork(complain complain) {
	if !o.Network.Policies {
		return
	}
	for _, name := range append(append([]string{o.Network.KEDA}, o.Network.Scrapers...), o.Network.Page...) {
		if name != o.Namespace && len(validation.IsDNS1123Label(name)) > 0 {
			complain("the namespace %q, from which our pods may be reached: give %s", name, label)
		}
	}
}

// How Kubernetes wants names.
const (
	label     = "at most 63 lower-case letters, digits and -, a letter or digit first and last"
	subdomain = "lower-case letters, digits, - and ., a letter or digit first and last"
)

// checkNames looks at what is named and made elsewhere, and at the namespace.
func (o *Options) checkNames(complain complain) {
	if len(validation.IsDNS1123Label(o.Namespace)) > 0 {
		complain("the namespace %q: give %s", o.Namespace, label)
	}
	named := func(what string, names ...string) {
		for _, name := range names {
			if name != "" && len(validation.IsDNS1123Subdomain(name)) > 0 {
				complain("the %s %q: give %s", what, name, subdomain)
			}
		}
	}
	named("cluster's domain", o.ClusterDomain)
	named("storage class", o.Hub.StorageClass)
	named("Secret with the broker's certificate", o.Hub.TLSSecret)
	named("Secret with the registry's login", o.PullSecrets...)
	named("RuntimeClass", o.Worker.RuntimeClass)
	if slices.Contains(o.PullSecrets, "") {
		complain("a Secret with the registry's login has no name")
	}
}

func (o *Options) checkLabels(complain complain) {
	for _, key := range []string{managedLabel, partOfLabel} {
		if _, other := o.Monitoring.Labels[key]; other {
			complain("the label %s of what Prometheus chooses is Plumbline's own, by which it finds what is to be stopped: choose by another", key)
		}
	}
	for _, l := range []struct {
		of     string
		labels map[string]string
	}{{"the nodes to measure", o.Exporter.NodeSelector}, {"the nodes for workers", o.Worker.NodeSelector}, {"what Prometheus chooses", o.Monitoring.Labels}} {
		for _, key := range slices.Sorted(maps.Keys(l.labels)) {
			if len(validation.IsQualifiedName(key)) > 0 || len(validation.IsValidLabelValue(l.labels[key])) > 0 {
				complain("the label %s=%s of %s: give a name such as kubernetes.io/arch and a value of at most 63 letters, digits, -, _ and .", key, l.labels[key], l.of)
			}
		}
	}
}

func (o *Options) checkQuantities(complain complain) {
	for _, q := range []struct{ what, text, such string }{
		{"storage", o.Hub.Storage, "20Gi"}, {"the workers' CPU", o.Worker.CPU, "500m or 2"}, {"the workers' memory", o.Worker.Memory, "512Mi"},
	} {
		if v, err := resource.ParseQuantity(q.text); err != nil || v.Sign() <= 0 {
			complain("%s %q is no quantity such as %s", q.what, q.text, q.such)
		}
	}
}
