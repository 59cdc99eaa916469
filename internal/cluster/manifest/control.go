package manifest

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// control is the controller. All replicas answer KEDA, one of them places; they stand on different nodes where that can be.
func (o *Options) control() []Object {
	c := corev1.Container{
		Args: o.controlArgs(), Ports: []corev1.ContainerPort{port("keda", scalerPort), port("metrics", controlPort)},
		Resources: needs("100m", "128Mi", "512Mi"),
	}
	probes(&c, "metrics")
	volumes := []volume{secretVolume("http-token", "/etc/plumbline/http-token", HTTPSecret)}
	if o.Control.TLS {
		volumes = append(volumes, secretVolume("scaler", scalerDir, ScalerSecret))
	}
	template := o.pod(Control, "control", c, volumes...)
	template.Spec.AutomountServiceAccountToken = ptr(true)
	template.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
		MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: &metav1.LabelSelector{MatchLabels: selector("control")},
	}}
	template.Spec.Tolerations = append(unreachable(), controlPlane())
	scraped(&template, controlPort)
	return []Object{
		&corev1.Service{TypeMeta: kind("v1", "Service"), ObjectMeta: o.meta(Control, "control"), Spec: corev1.ServiceSpec{
			// Headless, so that KEDA sees each replica and goes to the other when one is gone.
			ClusterIP: corev1.ClusterIPNone, Selector: selector("control"),
			Ports: []corev1.ServicePort{servicePort("keda", scalerPort), servicePort("metrics", controlPort)},
		}},
		&appsv1.Deployment{TypeMeta: kind("apps/v1", "Deployment"), ObjectMeta: o.meta(Control, "control"), Spec: appsv1.DeploymentSpec{
			Replicas: &o.Control.Replicas, Selector: &metav1.LabelSelector{MatchLabels: selector("control")}, Template: template,
			// The next one is there before the last one goes: KEDA comes back slowly to a scaler that was away.
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{
				MaxUnavailable: ptr(intstr.FromInt32(0)), MaxSurge: ptr(intstr.FromInt32(1)),
			}},
		}},
		&policyv1.PodDisruptionBudget{TypeMeta: kind("policy/v1", "PodDisruptionBudget"), ObjectMeta: o.meta(Control, "control"), Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: ptr(intstr.FromInt32(1)), Selector: &metav1.LabelSelector{MatchLabels: selector("control")},
		}},
	}
}

const scalerDir = "/etc/plumbline/scaler"

func (o *Options) controlArgs() []string {
	args := []string{
		"control", "--placement=" + o.Control.Placement, "--namespace=" + o.Namespace,
		fmt.Sprintf("--hub=http://%s:%d", o.host(Hub), hubPort), "--hub-token-file=/etc/plumbline/http-token/token",
		fmt.Sprintf("--listen=0.0.0.0:%d", scalerPort),
		// Who asks learns how busy nodes are and what was decided, no more.
		fmt.Sprintf("--http-listen=0.0.0.0:%d", controlPort), "--http-anonymous",
	}
	if o.Control.TLS {
		args = append(args, "--tls-cert="+scalerDir+"/tls.crt", "--tls-key="+scalerDir+"/tls.key", "--client-ca="+scalerDir+"/ca.crt")
	} else {
		args = append(args, "--listen-anonymous")
	}
	if o.Control.Placement == PlacementPatch {
		args = append(args, "--scaledjob="+Work)
	}
	for _, p := range o.Control.Prometheus {
		args = append(args, "--prometheus="+p)
	}
	return append(args, o.Control.Args...)
}

// exporter reads each node's GPU load from its /sys, and asks for no GPU: that would take it from a worker.
func (o *Options) exporter() Object {
	c := corev1.Container{
		Args: append([]string{"export", fmt.Sprintf("--http-listen=0.0.0.0:%d", exportPort), "--http-anonymous", "--sysfs=/host/sys"}, o.Exporter.Args...),
		Env:  []corev1.EnvVar{node()}, Ports: []corev1.ContainerPort{port("metrics", exportPort)}, Resources: needs("10m", "32Mi", "128Mi"),
	}
	c.Env = append(c.Env, o.gpus("utility")...)
	probes(&c, "metrics")
	sys := volume{"sys", "/host/sys", true, &corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: o.Exporter.Sysfs}}}
	template := o.pod(Export, "export", c, sys)
	template.Spec.NodeSelector, template.Spec.RuntimeClassName = o.Exporter.NodeSelector, o.runtimeClass()
	template.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}} // load is of interest on every node
	scraped(&template, exportPort)
	return &appsv1.DaemonSet{TypeMeta: kind("apps/v1", "DaemonSet"), ObjectMeta: o.meta(Export, "export"), Spec: appsv1.DaemonSetSpec{
		Selector: &metav1.LabelSelector{MatchLabels: selector("export")}, Template: template,
		UpdateStrategy: appsv1.DaemonSetUpdateStrategy{Type: appsv1.RollingUpdateDaemonSetStrategyType, RollingUpdate: &appsv1.RollingUpdateDaemonSet{MaxUnavailable: ptr(intstr.FromString("25%"))}},
	}}
}

// gpus ask NVIDIA's runtime for every GPU, without taking one from others: GPUs are shared by load. To measure them "utility" is
// enough, which brings no CUDA.
func (o *Options) gpus(capabilities string) []corev1.EnvVar {
	if o.Worker.RuntimeClass == "" {
		return nil
	}
	return []corev1.EnvVar{{Name: "NVIDIA_VISIBLE_DEVICES", Value: "all"}, {Name: "NVIDIA_DRIVER_CAPABILITIES", Value: capabilities}}
}

func (o *Options) runtimeClass() *string {
	if o.Worker.RuntimeClass == "" {
		return nil
	}
	return &o.Worker.RuntimeClass
}

// controlPlane lets hub and controller run where the taint that deploy sets keeps workers away: a hub's volume may lie there.
func controlPlane() corev1.Toleration {
	return corev1.Toleration{Key: ControlPlaneTaint, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}
}

// unreachable lets pods leave a node that is gone after half a minute, in place of Kubernetes' five.
func unreachable() []corev1.Toleration {
	var list []corev1.Toleration
	for _, key := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
		list = append(list, corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr[int64](30)})
	}
	return list
}
