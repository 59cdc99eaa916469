package preflight

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/wording"
)

// testedKEDA is the version that the tests run; oldestKEDA knows rollout.strategy (2.8) and pauses ScaledJobs by their
// annotation (2.11), which the controller honours. External scalers of ScaledJobs are older than both.
const (
	testedKEDA = 21
	oldestKEDA = 11
)

const installKEDA = "Install KEDA 2.21: https://keda.sh/docs/2.21/deploy/"

func (j *judge) keda() {
	k := j.Cluster.KEDA
	if j.unseen(kube.SurveyKEDA, "KEDA's definition of ScaledJobs") {
		return
	}
	if !k.Defined {
		j.say(Wrong, "KEDA is not installed: there is no definition of ScaledJobs (keda.sh/v1alpha1), and nobody would start workers", installKEDA)
		return
	}
	if !takes(k.Rollouts, "gradual") {
		j.say(Wrong, "this KEDA does not know rollout.strategy: gradual: it would end running workers whenever the ScaledJob changes", installKEDA)
		return
	}
	if !takes(k.Strategies, "default") {
		j.say(Wrong, "this KEDA refuses scalingStrategy.strategy: default, as 2.20.0 and 2.20.1 do by mistake", installKEDA)
		return
	}
	j.operator(k.Operators)
}

func takes(values []string, wanted string) bool {
	return slices.Contains(values, wanted) || slices.Contains(values, kube.Any)
}

func (j *judge) operator(all []kube.Workload) {
	if j.unseen(kube.SurveyOperator, "KEDA's operator") {
		return
	}
	if len(all) == 0 {
		j.say(Warning, "ScaledJobs are defined, but no Deployment keda-operator is seen: if none runs elsewhere, nobody starts workers",
			"Where it runs under another name, --keda-namespace must say where. Else: "+installKEDA)
		return
	}
	j.reach(all)
	for _, o := range all {
		version, minor := versionOf(o)
		where := fmt.Sprintf("KEDA %s in %s", version, o.Namespace)
		switch {
		case o.Ready == 0:
			j.say(Wrong, fmt.Sprintf("%s does not run: %d of %s of its operator %s ready, and nobody would start workers", where, o.Ready, wording.Count(o.Wanted, "pod"), wording.Agree(o.Wanted, "is", "are")),
				fmt.Sprintf("See kubectl -n %s describe deployment %s", o.Namespace, o.Name))
		case minor < 0:
			j.say(Warning, where+" runs; its version cannot be told", fmt.Sprintf("Plumbline is tested with 2.%d and needs 2.%d.", testedKEDA, oldestKEDA))
		case minor < oldestKEDA:
			j.say(Wrong, fmt.Sprintf("%s is too old: 2.%d and newer pause ScaledJobs", where, oldestKEDA), installKEDA)
		case minor < testedKEDA:
			j.say(Warning, fmt.Sprintf("%s runs; tested is 2.%d", where, testedKEDA), "It may well do. Watch the first Jobs, or upgrade.")
		default:
			j.fine("%s runs", where)
		}
	}
}

// reach looks whether NetworkPolicies let KEDA's operator ask the controller.
func (j *judge) reach(all []kube.Workload) {
	if !j.Policies || slices.ContainsFunc(all, func(o kube.Workload) bool { return o.Namespace == j.KEDANamespace }) {
		return
	}
	weight := Wrong
	if j.heedless() {
		weight = Warning
	}
	j.say(weight, fmt.Sprintf("KEDA's operator is in the namespace %s, but our NetworkPolicies let only the namespace %s ask the controller: KEDA would not learn that pictures wait, and start no workers", all[0].Namespace, j.KEDANamespace),
		fmt.Sprintf("Give --keda-namespace %s, or --no-network-policies.", all[0].Namespace))
}

// versionOf reads KEDA's version from its label, else from its image's tag; the minor number of 2, or -1.
func versionOf(o kube.Workload) (text string, minor int) {
	text = o.Version
	if !strings.HasPrefix(strings.TrimPrefix(text, "v"), "2.") {
		reference, _, _ := strings.Cut(o.Image, "@")
		_, text, _ = strings.Cut(reference[strings.LastIndexByte(reference, '/')+1:], ":")
	}
	text = strings.TrimPrefix(text, "v")
	parts := strings.Split(text, ".")
	if len(parts) < 2 || parts[0] != "2" {
		return "of unknown version", -1
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil {
		return "of unknown version", -1
	}
	return text, n
}
