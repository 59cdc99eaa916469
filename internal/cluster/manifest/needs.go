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
		case *TriggerAuthentication:
			for _, ref := range o.Spec.SecretTargetRef {
				names = append(names, ref.Name)
			}
		}
		if pod := podOf(o); pod != nil {
			names = append(names, secretsOf(pod)...)
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return slices.Contains(brought, name) })
}

// CommandLines are what the program is started with, in the order of the objects and of a pod's containers.
func CommandLines(objects []Object) (all [][]string) {
	for _, o := range objects {
		if pod := podOf(o); pod != nil {
			for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
				all = append(all, c.Args)
			}
		}
	}
	return all
}

// podOf is the pod that an object makes, or nil.
func podOf(o Object) *corev1.PodSpec {
	switch o := o.(type) {
	case *appsv1.StatefulSet:
		return &o.Spec.Template.Spec
	case *appsv1.Deployment:
		return &o.Spec.Template.Spec
	case *appsv1.DaemonSet:
		return &o.Spec.Template.Spec
	case *ScaledJob:
		return &o.Spec.JobTargetRef.Template.Spec
	}
	return nil
}

func secretsOf(pod *corev1.PodSpec) (names []string) {
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
