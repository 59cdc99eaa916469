package manifest

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// uid is the image's user.
const uid = 65532

func ptr[T any](v T) *T { return &v }

// pod is the part of a template that all roles share: nothing in it has rights, on the node or in the cluster.
func (o *Options) pod(account, component string, c corev1.Container, volumes ...volume) corev1.PodTemplateSpec {
	o.confine(&c, component)
	spec := corev1.PodSpec{
		ServiceAccountName: account, AutomountServiceAccountToken: new(bool), EnableServiceLinks: new(bool),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr(true), RunAsUser: ptr[int64](uid), RunAsGroup: ptr[int64](uid), FSGroup: ptr[int64](uid),
			FSGroupChangePolicy: ptr(corev1.FSGroupChangeOnRootMismatch),
			SeccompProfile:      &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}
	for _, s := range o.PullSecrets {
		spec.ImagePullSecrets = append(spec.ImagePullSecrets, corev1.LocalObjectReference{Name: s})
	}
	for _, v := range volumes {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: v.name, MountPath: v.path, ReadOnly: v.readOnly})
		if v.source != nil {
			spec.Volumes = append(spec.Volumes, corev1.Volume{Name: v.name, VolumeSource: *v.source})
		}
	}
	spec.Containers = []corev1.Container{c}
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels(component)}, Spec: spec}
}

// confine gives a container our image and takes its rights.
func (o *Options) confine(c *corev1.Container, name string) {
	c.Name, c.Image, c.ImagePullPolicy = name, o.Image, corev1.PullPolicy(o.PullPolicy)
	c.SecurityContext = &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(bool), ReadOnlyRootFilesystem: ptr(true),
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}

// volume is a mount and what is mounted; a nil source is a claim's.
type volume struct {
	name, path string
	readOnly   bool
	source     *corev1.VolumeSource
}

func secretVolume(name, path, secret string) volume {
	return volume{name, path, true, &corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secret, DefaultMode: ptr[int32](0o440)}}}
}

// temporary is /tmp in memory's stead: the root filesystem is read-only.
func temporary() volume {
	return volume{"tmp", "/tmp", false, &corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: ptr(resource.MustParse("256Mi"))}}}
}

func needs(cpu, memory, limit string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(limit)},
	}
}

func port(name string, n int32) corev1.ContainerPort {
	return corev1.ContainerPort{Name: name, ContainerPort: n}
}

// node tells a process the node that its pod runs on.
func node() corev1.EnvVar {
	return corev1.EnvVar{Name: "PLUMBLINE_NODE", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "spec.nodeName"}}}
}

func get(path, port string) corev1.ProbeHandler {
	return corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString(port)}}
}

// probes look whether a server is ready every two seconds, and restart it when it has not even answered for a minute.
func probes(c *corev1.Container, port string) {
	c.ReadinessProbe = &corev1.Probe{ProbeHandler: get("/readyz", port), PeriodSeconds: 2, TimeoutSeconds: 2, FailureThreshold: 2}
	c.LivenessProbe = &corev1.Probe{ProbeHandler: get("/healthz", port), PeriodSeconds: 10, TimeoutSeconds: 5, FailureThreshold: 6}
}

// scraped asks Prometheus' usual configuration to read a pod's metrics.
func scraped(t *corev1.PodTemplateSpec, port int) {
	t.Annotations = map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": strconv.Itoa(port), "prometheus.io/path": "/metrics"}
}

func servicePort(name string, n int32) corev1.ServicePort {
	return corev1.ServicePort{Name: name, Port: n, TargetPort: intstr.FromString(name)}
}
