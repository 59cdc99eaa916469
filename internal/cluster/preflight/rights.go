package preflight

import (
	"fmt"
	"strings"

	"plumbline/internal/cluster/kube"
)

// Needed lists the rights that it takes to deploy objects of these kinds to a namespace, to watch them work, and to stop them
// again. taint says whether control planes are to be tainted.
func Needed(namespace string, kinds []string, taint bool) (all []kube.Right) {
	seen := map[string]bool{}
	for _, kind := range kinds {
		if !seen[kind] {
			seen[kind] = true
			all = append(all, rights(namespace, kind, "get", "list", "create", "patch", "delete")...)
		}
	}
	all = append(all, rights(namespace, "Pod", "get", "list", "delete")...)
	all = append(all, rights(namespace, "Job", "list", "delete")...)
	all = append(all, rights(namespace, "PersistentVolumeClaim", "get", "list")...)
	all = append(all, rights(namespace, "Lease", "list", "delete")...)
	all = append(all, kube.Right{Verb: "create", Kind: "Pod", Sub: "portforward", Namespace: namespace})
	all = append(all, kube.Right{Verb: "list", Kind: "Node"})
	if taint {
		all = append(all, kube.Right{Verb: "patch", Kind: "Node"})
	}
	return all
}

func rights(namespace, kind string, verbs ...string) (all []kube.Right) {
	if _, _, namespaced := kube.Kind(kind); !namespaced {
		namespace = ""
	}
	for _, verb := range verbs {
		all = append(all, kube.Right{Verb: verb, Kind: kind, Namespace: namespace})
	}
	return all
}

func (j *judge) rights() {
	switch r := j.Rights; {
	case r.Unseen != nil:
		j.say(Warning, fmt.Sprintf("which rights this user has cannot be asked: %v", r.Unseen), "")
	case len(r.Missing) > 0:
		var all []string
		for _, m := range r.Missing {
			all = append(all, m.String())
		}
		j.say(Wrong, fmt.Sprintf("this user lacks %s: %s", counted(len(all), "right"), strings.Join(all, "; ")),
			"Ask an administrator of the cluster for them, or deploy as one (--context).")
	case r.Asked > 0:
		j.fine("all %d rights that deploying and stopping need", r.Asked)
	}
}
