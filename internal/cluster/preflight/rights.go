package preflight

import (
	"fmt"
	"slices"
	"strings"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/wording"
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
		missing := compact(r.Missing)
		j.list(fmt.Sprintf("this user lacks %s that deploying or stopping needs", wording.Count(len(missing), "right")), byKind(missing),
			"Ask an administrator of the cluster for "+wording.Agree(len(missing), "it", "them")+", or deploy as one (--context).")
	case r.Asked > 0:
		j.fine("all %d rights that deploying and stopping need", r.Asked)
	}
}

// compact leaves out what is there twice: what deploying takes may be what it gives away, too.
func compact(all []kube.Right) (out []kube.Right) {
	for _, r := range all {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

// byKind tells rights shortly, in one line each: get, list deployments.apps in namespace plumbline.
func byKind(all []kube.Right) (lines []string) {
	var order []kube.Right
	verbs := map[kube.Right][]string{}
	for _, r := range all {
		verb := r.Verb
		r.Verb = ""
		if len(verbs[r]) == 0 {
			order = append(order, r)
		}
		verbs[r] = append(verbs[r], verb)
	}
	for _, r := range order {
		one := r
		one.Verb = strings.Join(verbs[r], ", ")
		lines = append(lines, one.String())
	}
	return lines
}
