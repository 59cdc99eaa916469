package preflight

import (
	"fmt"
	"slices"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/wording"
)

// Versions of Kubernetes 1, by their minor number. Scheduling gates (KEP-3521) and node affinity that is given to a gated pod
// (KEP-3838) are beta, and on unless switched off, since 1.27, and stable since 1.30. A Job's podFailurePolicy is since 1.26 and 1.31.
const (
	oldestKubernetes = 27
	stableKubernetes = 30
	testedKubernetes = 35
)

func (j *judge) kubernetes() {
	v := j.Cluster.Version
	switch {
	case v.Major == 0:
		j.say(Warning, fmt.Sprintf("%s at %s tells no version that can be read", v.Text, j.Cluster.Server), "")
	case v.Major == 1 && v.Minor < oldestKubernetes:
		j.say(Wrong, fmt.Sprintf("%s is too old: workers wait at a scheduling gate and get their node there, which Kubernetes 1.%d brought", v.Text, oldestKubernetes),
			fmt.Sprintf("Upgrade the cluster, to 1.%d or newer at best.", stableKubernetes))
	case v.Major == 1 && v.Minor < stableKubernetes:
		j.say(Warning, fmt.Sprintf("%s has scheduling gates as beta: on unless somebody switched them off, and not tried with Plumbline", v.Text),
			fmt.Sprintf("Upgrade to 1.%d or newer, or see that the feature gate PodSchedulingReadiness is on.", stableKubernetes))
	case v.Major == 1 && v.Minor > testedKubernetes:
		j.fine("%s at %s, newer than 1.%d, with which Plumbline is tested", v.Text, j.Cluster.Server, testedKubernetes)
	default:
		j.fine("%s at %s", v.Text, j.Cluster.Server)
	}
}

func (j *judge) namespace() {
	if j.unseen(kube.SurveyNamespace, "the namespace "+j.Namespace) {
		return
	}
	n := j.Cluster.Namespace
	switch {
	case !n.Exists:
		j.fine("%s is not there yet; deploy makes it", j.Namespace)
	case n.Terminating:
		why := ""
		if n.Stuck != "" {
			why = ": " + n.Stuck
		}
		j.say(Wrong, fmt.Sprintf("%s is being deleted; nothing can be made in it%s", j.Namespace, why),
			"Wait until it is gone. If it does not go, what it names above holds it; a ScaledJob does where KEDA was removed before (plumbline stop --force).")
	case j.Host && (n.Enforce == "baseline" || n.Enforce == "restricted"):
		j.say(Wrong, fmt.Sprintf("%s enforces the Pod Security Standard %s, which refuses the exporter's pods: they mount their node's /sys", j.Namespace, n.Enforce),
			"Give another --namespace, or label this one pod-security.kubernetes.io/enforce=privileged.")
	case n.Ours:
		j.fine("%s is there, made by deploy", j.Namespace)
	default:
		j.fine("%s is there, made by somebody else; stop will leave it", j.Namespace)
	}
}

func (j *judge) runtime() {
	if j.RuntimeClass == "" || j.unseen(kube.SurveyRuntimes, "runtime classes") {
		return
	}
	if slices.Contains(j.Cluster.Runtimes, j.RuntimeClass) {
		j.fine("the RuntimeClass %s is there", j.RuntimeClass)
		return
	}
	do := "Install the container toolkit of the GPU's vendor and make the class."
	if len(j.Cluster.Runtimes) > 0 {
		do += " There are: " + names(j.Cluster.Runtimes) + "."
	}
	j.say(Wrong, fmt.Sprintf("there is no RuntimeClass %s: exporter and workers would be refused", j.RuntimeClass), do)
}

func (j *judge) secrets() {
	if j.unseen(kube.SurveySecrets, "the Secrets that the settings name") {
		return
	}
	if n := len(j.Cluster.Absent); n > 0 {
		j.list(fmt.Sprintf("%s %s not in the namespace %s, and pods that need %s do not start", wording.Count(n, "Secret"), wording.Agree(n, "is", "are"), j.Namespace, wording.Agree(n, "it", "them")),
			j.Cluster.Absent, "Make "+wording.Agree(n, "it", "them")+" first (kubectl -n "+j.Namespace+" create secret …).")
	}
	if n := len(j.Cluster.Lacking); n > 0 {
		j.list(fmt.Sprintf("%s in the namespace %s, which %s left as %s, %s keys that pods need", wording.Count(n, "Secret"), j.Namespace,
			wording.Agree(n, "is", "are"), wording.Agree(n, "it is", "they are"), wording.Agree(n, "lacks", "lack")),
			j.Cluster.Lacking, "Add the keys. Where deploy makes such a Secret itself, it does so when this one is renamed or deleted.")
	}
}
