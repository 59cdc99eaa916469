package manifest

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// hub is one pod with a volume of its own: the queue, the journal and the pictures. A StatefulSet, since it never starts a
// second pod on the volume before the first is known to be gone.
func (o *Options) hub() []Object {
	c := corev1.Container{
		Args: o.hubArgs(), Env: []corev1.EnvVar{node()},
		Ports:     []corev1.ContainerPort{port("http", hubPort), port("nats", natsPort)},
		Resources: needs("250m", "256Mi", "1Gi"),
	}
	if o.Hub.MQTTURL == "" {
		c.Ports = append(c.Ports, port("mqtt", mqttPort))
	}
	for _, secret := range o.hubEnvironment() {
		c.EnvFrom = append(c.EnvFrom, corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: secret}}})
	}
	probes(&c, "http")
	// A hub reads its journal before it answers: a large one takes its time.
	c.StartupProbe = &corev1.Probe{ProbeHandler: get("/healthz", "http"), PeriodSeconds: 2, TimeoutSeconds: 2, FailureThreshold: 300}
	template := o.pod(Hub, "hub", c, volume{name: "data", path: "/data"}, temporary(),
		secretVolume("authority", "/etc/plumbline/authority", AuthoritySecret), secretVolume("nats-token", "/etc/plumbline/nats-token", TokenSecret),
		secretVolume("http-token", "/etc/plumbline/http-token", HTTPSecret))
	template.Spec.TerminationGracePeriodSeconds = ptr[int64](60)
	set := &appsv1.StatefulSet{TypeMeta: kind("apps/v1", "StatefulSet"), ObjectMeta: o.meta(Hub, "hub"), Spec: appsv1.StatefulSetSpec{
		Replicas: ptr[int32](1), ServiceName: Hub, Selector: &metav1.LabelSelector{MatchLabels: selector("hub")},
		Template: template, VolumeClaimTemplates: []corev1.PersistentVolumeClaim{o.claim()},
	}}
	return append(o.hubServices(), set)
}

func (o *Options) hubArgs() []string {
	args := []string{
		"serve", "--data=/data", "--images-dir=/data/analyzed_images", "--workers=0",
		fmt.Sprintf("--http-listen=0.0.0.0:%d", hubPort), "--http-token-file=/etc/plumbline/http-token/token",
		fmt.Sprintf("--listen-nats=0.0.0.0:%d", natsPort), "--nats-authority=/etc/plumbline/authority",
		"--nats-token-file=/etc/plumbline/nats-token/nats-token",
		"--nats-host=" + strings.Join([]string{Hub, Hub + "." + o.Namespace, Hub + "." + o.Namespace + ".svc", o.host(Hub)}, ","),
	}
	switch {
	case o.Hub.MQTTURL != "":
		args = append(args, "--mqtt-url="+o.Hub.MQTTURL)
	case o.Hub.Anonymous:
		args = append(args, fmt.Sprintf("--mqtt-listen=0.0.0.0:%d", mqttPort), "--mqtt-anonymous")
	default:
		args = append(args, fmt.Sprintf("--mqtt-listen=0.0.0.0:%d", mqttPort))
	}
	return append(args, o.Hub.Args...)
}

// hubEnvironment names the secrets whose keys the hub's environment gets.
func (o *Options) hubEnvironment() (names []string) {
	if o.Hub.Database {
		names = append(names, DatabaseSecret)
	}
	if o.Hub.BrokerPassword {
		names = append(names, BrokerSecret)
	}
	return names
}

// claim is the hub's volume. It outlives the StatefulSet: what was accepted is on it.
func (o *Options) claim() corev1.PersistentVolumeClaim {
	c := corev1.PersistentVolumeClaim{
		TypeMeta: kind("v1", "PersistentVolumeClaim"), ObjectMeta: metav1.ObjectMeta{Name: "data", Labels: labels("hub")},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(o.Hub.Storage)}},
		},
	}
	if o.Hub.StorageClass != "" {
		c.Spec.StorageClassName = &o.Hub.StorageClass
	}
	return c
}

// hubServices are one for the cluster and, for devices, one of the embedded broker.
func (o *Options) hubServices() []Object {
	list := []Object{&corev1.Service{TypeMeta: kind("v1", "Service"), ObjectMeta: o.meta(Hub, "hub"), Spec: corev1.ServiceSpec{
		// A hub whose queue is full is not ready, and takes no pictures; workers must reach it all the same, or it stays full.
		PublishNotReadyAddresses: true,
		Selector:                 selector("hub"), Ports: []corev1.ServicePort{servicePort("http", hubPort), servicePort("nats", natsPort)},
	}}}
	if o.Hub.MQTTURL != "" {
		return list
	}
	return append(list, &corev1.Service{TypeMeta: kind("v1", "Service"), ObjectMeta: o.meta(Hub+"-mqtt", "hub"), Spec: corev1.ServiceSpec{
		Type: corev1.ServiceType(o.Hub.MQTTService), Selector: selector("hub"), Ports: []corev1.ServicePort{servicePort("mqtt", mqttPort)},
	}})
}
