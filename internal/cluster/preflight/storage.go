package preflight

import (
	"fmt"
	"slices"
	"strings"

	"plumbline/internal/cluster/kube"
)

func (j *judge) storage() {
	if j.unseen(kube.SurveyClaims, "the claims of volumes") {
		return
	}
	template, made := named(j.Cluster.Templates, j.Claim)
	claim, there := named(j.Cluster.Claims, j.Claim)
	switch {
	case made && (j.otherSize(template) || j.otherClass(template)):
		j.fixed(template, claim)
		return
	case there:
		j.claimed(claim, made)
		return
	}
	if j.unseen(kube.SurveyClasses, "storage classes") {
		return
	}
	if j.StorageClass == "" {
		j.defaultClass()
		return
	}
	for _, c := range j.Cluster.Classes {
		if c.Name == j.StorageClass {
			j.class("class", c)
			return
		}
	}
	if j.free(j.StorageClass) {
		j.fine("there is no class %s, but a free volume of it, made by hand", j.StorageClass)
		return
	}
	if j.volumesUnseen("there is no storage class " + j.StorageClass) {
		return
	}
	j.say(Wrong, fmt.Sprintf("there is no storage class %s, and no free volume of it: the hub would wait for ever", j.StorageClass), j.otherClasses())
}

// byHand is the provisioner of classes whose volumes somebody makes.
const byHand = "kubernetes.io/no-provisioner"

// class judges the class that the hub's volume is to be of.
func (j *judge) class(which string, c kube.StorageClass) {
	switch {
	case c.Provisioner != byHand:
		j.fine("%s %s (%s) makes the hub's volume", which, c.Name, c.Provisioner)
	case j.free(c.Name):
		j.fine("%s %s makes no volume by itself, but there is a free one, made by hand", which, c.Name)
	case j.volumesUnseen(which + " " + c.Name + " makes no volume by itself"):
	default:
		j.say(Wrong, fmt.Sprintf("%s %s makes no volume by itself, and no free one is there: the hub would wait for ever", which, c.Name), "Make a volume of this class, or choose another class with --storage-class.")
	}
}

// volumesUnseen says that a volume made by hand would do, and that it cannot be seen whether there is one.
func (j *judge) volumesUnseen(why string) bool {
	err := j.Cluster.Unseen[kube.SurveyVolumes]
	if err != nil {
		j.say(Warning, fmt.Sprintf("%s, and whether a free one is there, made by hand, cannot be seen: %v", why, err), askSomebody)
	}
	return err != nil
}

// free says whether there is a volume of the class that nobody has claimed.
func (j *judge) free(class string) bool {
	return slices.ContainsFunc(j.Cluster.Volumes, func(v kube.Volume) bool { return v.Class == class })
}

func named(all []kube.Claim, name string) (kube.Claim, bool) {
	i := slices.IndexFunc(all, func(c kube.Claim) bool { return c.Name == name })
	if i < 0 {
		return kube.Claim{}, false
	}
	return all[i], true
}

func (j *judge) otherSize(c kube.Claim) bool { return j.Storage != "" && c.CompareSize(j.Storage) != 0 }
func (j *judge) otherClass(c kube.Claim) bool {
	return j.StorageClass != "" && j.StorageClass != c.Class
}

// fixed: what a StatefulSet makes claims from was said when it was made.
func (j *judge) fixed(template, claim kube.Claim) {
	was := "--storage " + template.Size
	if template.Class != "" {
		was += " --storage-class " + template.Class
	} else {
		was += " and no --storage-class"
	}
	do := "Give the same, or leave both out, which keeps them." + j.enlarge(claim)
	if j.otherClass(template) {
		do += " For another class the volume must go, with all that it holds: plumbline stop --delete-data."
	}
	j.say(Wrong, fmt.Sprintf("the hub was made with %s; Kubernetes lets nobody change that in a StatefulSet", was), do)
}

// enlarge says how the volume gets as large as was asked for, as far as its class is known.
func (j *judge) enlarge(claim kube.Claim) string {
	if j.Storage == "" || claim.CompareSize(j.Storage) >= 0 {
		return ""
	}
	do := fmt.Sprintf(` A volume gets larger by its claim: kubectl -n %s patch pvc %s -p '{"spec":{"resources":{"requests":{"storage":"%s"}}}}'`, j.Namespace, j.Claim, j.Storage)
	for _, c := range j.Cluster.Classes {
		switch {
		case c.Name != claim.Class:
		case c.Expands:
			return do
		default:
			return fmt.Sprintf(" The class of its volume, %s, does not let it get larger (allowVolumeExpansion).", c.Name)
		}
	}
	return do + ", where its class allows that."
}

// claimed judges the claim of an earlier deployment; made says whether the StatefulSet is there, too, for which it was made so.
func (j *judge) claimed(c kube.Claim, made bool) {
	switch {
	case c.Phase == "Lost":
		j.say(Wrong, fmt.Sprintf("the claim %s has lost its volume, and with it what it held", c.Name), "Bring the volume back, or delete the claim to begin anew: kubectl -n "+j.Namespace+" delete pvc "+c.Name)
	case c.Phase != "Bound":
		j.say(Warning, fmt.Sprintf("the claim %s is there and %s", c.Name, strings.ToLower(c.Phase)), "Some classes make the volume only when the hub's pod comes; else see kubectl -n "+j.Namespace+" describe pvc "+c.Name)
	case j.otherClass(c):
		j.say(Warning, fmt.Sprintf("the hub's volume is there, with class %s and not %s; it is used as it is", c.Class, j.StorageClass), "")
	case !made && j.otherSize(c):
		j.say(Warning, fmt.Sprintf("the hub's volume is there, made with %s and not %s; it is used as it is", c.Size, j.Storage), strings.TrimSpace(j.enlarge(c)))
	default:
		j.fine("the hub's volume is there (claim %s); what it holds goes on", c.Name)
	}
}

func (j *judge) defaultClass() {
	for _, c := range j.Cluster.Classes {
		if c.Default {
			j.class("the default class", c)
			return
		}
	}
	j.say(Wrong, "no storage class is the default: the hub would wait for its volume for ever", j.otherClasses())
}

func (j *judge) otherClasses() string {
	var all []string
	for _, c := range j.Cluster.Classes {
		all = append(all, c.Name)
	}
	if len(all) == 0 {
		return "Install something that makes volumes, such as a local-path provisioner, or make one by hand and name its class with --storage-class."
	}
	return "Choose with --storage-class: " + names(all) + "."
}
