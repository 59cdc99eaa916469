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
		Ports:     []corev1.ContainerPort{port("http", hubPort), port("metrics", metricsPort), port("nats", natsPort)},
		Resources: needs("250m", "256Mi", "1Gi"),
	}
	if o.Hub.MQTTURL == "" {
		c.Ports = append(c.Ports, port("mqtt", o.mqttPort()))
	}
	for _, secret := range o.hubEnvironment() {
		c.EnvFrom = append(c.EnvFrom, corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: secret}}})
	}
	probes(&c, "http")
	// A hub reads its journal before it answers: a large one takes its time.
	c.StartupProbe = &corev1.Probe{ProbeHandler: get("/healthz", "http"), PeriodSeconds: 2, TimeoutSeconds: 2, FailureThreshold: 300}
	template := o.pod(Hub, "hub", c, o.hubVolumes()...)
	template.Spec.InitContainers = o.accountMakers()
	template.Spec.TerminationGracePeriodSeconds = ptr[int64](60)
	template.Spec.Tolerations = []corev1.Toleration{controlPlane()}
	scraped(&template, metricsPort)
	set := &appsv1.StatefulSet{TypeMeta: kind("apps/v1", "StatefulSet"), ObjectMeta: o.meta(Hub, "hub"), Spec: appsv1.StatefulSetSpec{
		Replicas: ptr[int32](1), ServiceName: Hub, Selector: &metav1.LabelSelector{MatchLabels: selector("hub")},
		Template: template, VolumeClaimTemplates: []corev1.PersistentVolumeClaim{o.claim()},
	}}
	return append(o.hubServices(), set)
}

func (o *Options) hubVolumes() []volume {
	list := []volume{
		{name: "data", path: "/data"}, temporary(), secretVolume("authority", "/etc/plumbline/authority", AuthoritySecret),
		secretVolume("nats-token", "/etc/plumbline/nats-token", TokenSecret), secretVolume("http-token", "/etc/plumbline/http-token", HTTPSecret),
	}
	if len(o.Hub.Accounts) > 0 {
		list = append(list, secretVolume("accounts", accountsDir, AccountsSecret))
	}
	if o.Hub.TLSSecret != "" {
		list = append(list, secretVolume("tls", "/etc/plumbline/tls", o.Hub.TLSSecret))
	}
	return list
}

const accountsDir = "/etc/plumbline/accounts"

// accountMakers make the accounts that must be there before the broker listens; further ones are made while it runs.
func (o *Options) accountMakers() (list []corev1.Container) {
	for i, name := range o.Hub.Accounts {
		c := corev1.Container{
			Args:         []string{"users", "add", "--data=/data", "--if-missing", "--password-file=" + accountsDir + "/" + name, "--", name},
			Resources:    needs("10m", "64Mi", "256Mi"),
			VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}, {Name: "accounts", MountPath: accountsDir, ReadOnly: true}},
		}
		o.confine(&c, fmt.Sprintf("account-%d", i))
		list = append(list, c)
	}
	return list
}

func (o *Options) mqttPort() int32 {
	if o.Hub.TLSSecret != "" {
		return mqttTLSPort
	}
	return mqttPort
}

func (o *Options) hubArgs() []string {
	args := []string{
		"serve", "--data=/data", "--images-dir=/data/analyzed_images", "--workers=0",
		fmt.Sprintf("--http-listen=0.0.0.0:%d", hubPort), "--http-token-file=/etc/plumbline/http-token/token",
		fmt.Sprintf("--metrics-listen=0.0.0.0:%d", metricsPort), // which a usual Prometheus reads: it has no token
		fmt.Sprintf("--listen-nats=0.0.0.0:%d", natsPort), "--nats-authority=/etc/plumbline/authority",
		"--nats-token-file=/etc/plumbline/nats-token/nats-token",
		"--nats-host=" + strings.Join([]string{Hub, Hub + "." + o.Namespace, Hub + "." + o.Namespace + ".svc", o.host(Hub)}, ","),
	}
	return append(append(args, o.brokerArgs()...), o.Hub.Args...)
}

func (o *Options) brokerArgs() (args []string) {
	switch {
	case o.Hub.MQTTURL != "":
		return []string{"--mqtt-url=" + o.Hub.MQTTURL}
	case o.Hub.TLSSecret != "": // and plain MQTT for the pod itself only
		args = []string{
			fmt.Sprintf("--mqtt-tls-listen=0.0.0.0:%d", mqttTLSPort), "--mqtt-tls-cert=/etc/plumbline/tls/tls.crt", "--mqtt-tls-key=/etc/plumbline/tls/tls.key",
		}
	default:
		args = []string{fmt.Sprintf("--mqtt-listen=0.0.0.0:%d", mqttPort)}
	}
	if o.Hub.Anonymous {
		args = append(args, "--mqtt-anonymous")
	}
	return args
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
		Type: corev1.ServiceType(o.Hub.MQTTService), Selector: selector("hub"), Ports: []corev1.ServicePort{servicePort("mqtt", o.mqttPort())},
	}})
}
