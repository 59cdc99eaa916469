package manifest

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// NeededSecrets are the names of the Secrets that the objects refer to and do not bring, each once: others must have made them.
func NeededSecrets(objects []Object) (names []string) {
	var brought []string
	for _, o := range objects {
		switch o := o.(type) {
		case *corev1.Secret:
			brought = append(brought, o.Name)
		case *appsv1.StatefulSet:
			names = append(names, secretsOf(o.Spec.Template.Spec)...)
		case *appsv1.Deployment:
			names = append(names, secretsOf(o.Spec.Template.Spec)...)
		case *appsv1.DaemonSet:
			names = append(names, secretsOf(o.Spec.Template.Spec)...)
		case *ScaledJob:
			names = append(names, secretsOf(o.Spec.JobTargetRef.Template.Spec)...)
		case *TriggerAuthentication:
			for _, ref := range o.Spec.SecretTargetRef {
				names = append(names, ref.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return slices.Contains(brought, name) })
}

func secretsOf(pod corev1.PodSpec) (names []string) {
	for _, s := range pod.ImagePullSecrets {
		names = append(names, s.Name)
	}
	for _, v := range pod.Volumes {
		if v.Secret != nil {
			names = append(names, v.Secret.SecretName)
		}
	}
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		for _, from := range c.EnvFrom {
			if from.SecretRef != nil {
				names = append(names, from.SecretRef.Name)
			}
		}
	}
	return names
}
