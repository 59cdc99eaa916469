package preflight

import (
	"fmt"
	"slices"
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
		j.say(Wrong, fmt.Sprintf("this user lacks %s: %s", counted(len(r.Missing), "right"), strings.Join(byKind(r.Missing), "; ")),
			"Ask an administrator of the cluster for them, or deploy as one (--context).")
	case r.Asked > 0:
		j.fine("all %d rights that deploying and stopping need", r.Asked)
	}
}

// byKind tells rights shortly: get, list deployments.apps in namespace plumbline.
func byKind(all []kube.Right) (texts []string) {
	var order []kube.Right
	verbs := map[kube.Right][]string{}
	for _, r := range all {
		verb := r.Verb
		r.Verb = ""
		if len(verbs[r]) == 0 {
			order = append(order, r)
		}
		if !slices.Contains(verbs[r], verb) {
			verbs[r] = append(verbs[r], verb)
		}
	}
	for _, r := range order {
		texts = append(texts, strings.Join(verbs[r], ", ")+r.String())
	}
	return texts
}
