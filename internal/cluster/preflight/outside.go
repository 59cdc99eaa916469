package preflight

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"plumbline/internal/cluster/kube"
)

func (j *judge) registry() {
	r := j.Registry
	switch {
	case r == nil:
	case r.Push:
		j.toPush(r)
	case r.Problem != nil:
		j.say(Wrong, fmt.Sprintf("the image cannot be had: %v", r.Problem), toHave[r.Trouble])
	default:
		j.platforms(r, "is for", "Build it for all of them (plumbline image --platform …), or keep pods away from the others.")
	}
}

func (j *judge) toPush(r *Registry) {
	if r.Problem == nil {
		j.fine("%s: this login may push", r.Where)
	} else {
		j.say(Wrong, fmt.Sprintf("the image cannot be pushed: %v", r.Problem), toPush[r.Trouble])
	}
	if r.Unbuilt != nil {
		j.say(Wrong, fmt.Sprintf("the image cannot be built: %v", r.Unbuilt), "Build what goes into it with `make dist`, or name it with --binary.")
		return
	}
	j.platforms(r, "is to be for", "Build a binary for each of them with `make dist`, or name it with --binary, and leave --platform out or name all; or keep pods away from the others.")
}

// What to do where an image cannot be pushed, or had. Nodes may reach and read what this machine does not.
var (
	toPush = map[Trouble]string{
		Unreachable: "See that the address in --registry is right and the registry up, and reached from this machine. Else push from one that reaches it (plumbline image --push), and give --image.",
		Refused:     "docker login with an account that may push there: deploy takes Docker's logins. Or another --registry.",
		Unknown:     "Look at --registry: some registries want the project made before anything is pushed into it.",
		Other:       "See what is said above, and look at --registry; --insecure-registry is for one that speaks plain HTTP.",
	}
	toHave = map[Trouble]string{
		Unreachable: "See that the address in --image is right and the registry up. Where only the nodes reach it, --ignore-preflight goes on.",
		Refused:     "docker login with an account that may read it, or look at its name. Where the nodes log in by themselves (--image-pull-secret), --ignore-preflight goes on.",
		Unknown:     "Push it (plumbline image --push), or look at its name. Where the nodes have it already, --image-pull-policy Never takes it from there.",
		Other:       "See what is said above, and look at --image; --insecure-registry is for a registry that speaks plain HTTP.",
	}
)

// platforms compares the image's with the nodes'.
func (j *judge) platforms(r *Registry, is, do string) {
	text := fmt.Sprintf("%s %s %s", r.Where, is, strings.Join(r.Platforms, ", "))
	if len(r.Platforms) == 0 {
		j.say(Warning, r.Where+" does not say which platforms it is for", "Where pods do not start, look at how it was built.")
		return
	}
	if j.Cluster.Unseen[kube.SurveyNodes] != nil {
		j.say(Warning, text+"; whether nodes are of another kind cannot be seen", askSomebody)
		return
	}
	var without []string
	for _, n := range j.Cluster.Nodes {
		arch := n.Labels["kubernetes.io/arch"]
		if arch != "" && !slices.Contains(r.Platforms, "linux/"+arch) {
			without = append(without, n.Name+" ("+arch+")")
		}
	}
	if len(without) > 0 {
		j.say(Wrong, fmt.Sprintf("%s only; pods on these nodes would not start: %s", text, names(without)), do)
		return
	}
	j.fine("%s", text)
}

const exporterFirst = "Where nothing is deployed yet that is so: the exporter comes with deploy. Else: does Prometheus scrape the pods of plumbline-export?"

func (j *judge) prometheus() {
	l := j.Loads
	switch {
	case l == nil:
		j.say(Warning, "no Prometheus was named, and no controller could be asked", "Give --prometheus: without it nobody knows which GPU is busy.")
		return
	case l.Unseen != nil:
		j.findings = append(j.findings, Finding{
			Check: j.check, State: Warning, Text: "whether Prometheus answers can only be seen from inside the cluster", List: strings.Split(l.Unseen.Error(), "\n"),
			Do: "After deploying: kubectl -n " + j.Namespace + " exec deploy/plumbline-control -- plumbline control status",
		})
		return
	case j.Cluster.Unseen[kube.SurveyNodes] != nil:
		j.say(Warning, fmt.Sprintf("Prometheus answers, %s; which nodes have GPU samples cannot be told, since nodes cannot be seen", l.From), askSomebody)
		return
	}
	fresh, old, none := j.sampled()
	text := fmt.Sprintf("Prometheus answers, %s", l.From)
	switch {
	case len(fresh)+len(old) == 0:
		j.say(Warning, text+", but knows no GPU of any node: no worker would be placed", exporterFirst)
	case len(fresh) == 0:
		j.say(Warning, fmt.Sprintf("%s; all GPU samples are too old to place by: %s", text, names(old)), "Is the exporter, or Prometheus's scraping of it, away?")
	case len(old) > 0:
		j.say(Warning, fmt.Sprintf("%s; fresh GPU samples: %s; too old: %s", text, names(fresh), names(old)), "Nodes with old samples take no workers: does the exporter run there?")
	case len(none) > 0:
		j.fine("%s; fresh GPU samples: %s; none, so no workers: %s", text, names(fresh), names(none))
	default:
		j.fine("%s; fresh GPU samples of every node: %s", text, names(fresh))
	}
}

// sampled sorts the nodes that take pods by their samples, the names with the age.
func (j *judge) sampled() (fresh, old, none []string) {
	for _, n := range j.Cluster.Nodes {
		age, known := time.Duration(0), false
		for _, s := range j.Loads.Samples {
			if s.Node == n.Name {
				age, known = j.Loads.At.Sub(s.At), true
			}
		}
		told := fmt.Sprintf("%s (%s ago)", n.Name, age.Round(time.Second))
		switch {
		case known && age <= j.Loads.MaxAge:
			fresh = append(fresh, told)
		case known:
			old = append(old, told)
		case takesPods(n):
			none = append(none, n.Name)
		}
	}
	return fresh, old, none
}
