package manifest

import (
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// NeededSecret is one that pods, or KEDA for them, read.
type NeededSecret struct {
	Name    string
	Keys    []string // that they read, as far as their command lines tell
	Brought bool     // it is among the objects, else others must have made it
}

// NeededSecrets are those that the objects refer to, each once.
func NeededSecrets(objects []Object) (all []NeededSecret) {
	keys, brought := map[string][]string{}, map[string]bool{}
	need := func(name string, more ...string) { keys[name] = append(keys[name], more...) }
	for _, o := range objects {
		switch o := o.(type) {
		case *corev1.Secret:
			brought[o.Name] = true
		case *TriggerAuthentication:
			for _, ref := range o.Spec.SecretTargetRef {
				need(ref.Name, ref.Key)
			}
		}
		if pod := podOf(o); pod != nil {
			secretsOf(pod, need)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		slices.Sort(keys[name])
		all = append(all, NeededSecret{name, slices.Compact(keys[name]), brought[name]})
	}
	return all
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

// secretsOf tells of the Secrets that a pod reads, with the keys that its command lines name as files, or its environment must have.
func secretsOf(pod *corev1.PodSpec, need func(name string, keys ...string)) {
	for _, s := range pod.ImagePullSecrets {
		need(s.Name)
	}
	mounted := map[string]string{}
	for _, v := range pod.Volumes {
		if v.Secret != nil {
			mounted[v.Name] = v.Secret.SecretName
			need(v.Secret.SecretName)
		}
	}
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		for _, from := range c.EnvFrom {
			if from.SecretRef != nil {
				need(from.SecretRef.Name, environmentKeys[from.SecretRef.Name]...)
			}
		}
		for _, m := range c.VolumeMounts {
			if name := mounted[m.Name]; name != "" {
				need(name, filesOf(c.Args, m.MountPath)...)
			}
		}
	}
}

// environmentKeys are what an environment out of this Secret must have. The database's has one setting or several.
var environmentKeys = map[string][]string{BrokerSecret: {"PLUMBLINE_MQTT_PASSWORD"}}

// filesOf are the files of a folder that flags name; of an authority's, which is named as a whole, those that it has.
func filesOf(args []string, folder string) (files []string) {
	for _, arg := range args {
		flag, value, _ := strings.Cut(arg, "=")
		if file, ok := strings.CutPrefix(value, folder+"/"); ok {
			files = append(files, file)
		}
		if flag == "--nats-authority" && value == folder {
			files = append(files, "ca.key", "ca.pem")
		}
	}
	return files
}
