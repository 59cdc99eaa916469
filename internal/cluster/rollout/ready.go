package rollout

import (
	"fmt"
	"slices"
	"strings"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/wording"
)

// Progress is how far an object is on its way to be ready.
type Progress struct {
	Ref     kube.Ref
	Ready   bool
	Text    string   // how far, for people
	Trouble []string // why no further, as far as the cluster says
}

// watched are kinds that are ready at some time; others are when they are there.
var watched = []string{"StatefulSet", "Deployment", "DaemonSet", "ScaledJob"}

// Watched are those of the steps' objects that can be waited for.
func Watched(steps []Step) (refs []kube.Ref) {
	for _, s := range steps {
		if slices.Contains(watched, s.Object.Kind()) && s.Act != Leave {
			refs = append(refs, s.Object.Ref())
		}
	}
	return refs
}

// judge says how far an object is; pods are its own, away the nodes that do not answer.
func judge(o kube.Object, pods []kube.Object, away []string) Progress {
	p := Progress{Ref: o.Ref()}
	if o.Kind() == "ScaledJob" {
		return judgeScaledJob(p, o)
	}
	if o.Number("status", "observedGeneration") < o.Generation() {
		p.Text = "Kubernetes has not looked at it yet"
		return p
	}
	switch o.Kind() {
	case "DaemonSet":
		p = judgeDaemonSet(p, o, pods, away)
	case "StatefulSet":
		wanted, ready := replicas(o), o.Number("status", "readyReplicas")
		p.Ready = ready >= wanted && o.Text("status", "currentRevision") == o.Text("status", "updateRevision")
		p.Text = counted(ready, wanted, o.Number("status", "replicas")-o.Number("status", "updatedReplicas"), p.Ready)
	case "Deployment":
		wanted, ready, updated, total := replicas(o), o.Number("status", "availableReplicas"), o.Number("status", "updatedReplicas"), o.Number("status", "replicas")
		p.Ready = ready >= wanted && updated >= wanted && total == updated
		p.Text = counted(ready, wanted, total-updated, p.Ready)
		p.Trouble = append(p.Trouble, conditions(o, "ReplicaFailure")...)
	}
	return p
}

func replicas(o kube.Object) int64 {
	if o.At("spec", "replicas") == nil {
		return 1
	}
	return o.Number("spec", "replicas")
}

func counted(ready, wanted, old int64, done bool) string {
	text := fmt.Sprintf("%d of %s ready", min(ready, wanted), wording.Count(wanted, "pod"))
	if old > 0 && !done {
		text += fmt.Sprintf(", %d still of the version before", old)
	}
	return text
}

// judgeDaemonSet waits for no pod on a node that is itself away.
func judgeDaemonSet(p Progress, o kube.Object, pods []kube.Object, away []string) Progress {
	wanted, ready, updated := o.Number("status", "desiredNumberScheduled"), o.Number("status", "numberAvailable"), o.Number("status", "updatedNumberScheduled")
	var excused []string
	for _, pod := range pods {
		if node := pod.Text("spec", "nodeName"); slices.Contains(away, node) && !podReady(pod) {
			excused = append(excused, node)
		}
	}
	gone := int64(len(excused))
	p.Ready = ready >= wanted-gone && updated >= wanted-gone
	p.Text = fmt.Sprintf("on %d of %s", ready, wording.Count(wanted, "node"))
	if gone > 0 {
		p.Text += "; " + wording.Agree(gone, "this node does not answer: ", "these nodes do not answer: ") + strings.Join(excused, ", ")
	}
	if wanted == 0 {
		p.Text = "no node matches its selector"
	}
	return p
}

func judgeScaledJob(p Progress, o kube.Object) Progress {
	p.Text = "KEDA has not looked at it yet"
	for _, c := range o.List("status", "conditions") {
		if c.Text("type") != "Ready" || c.Text("status") == "Unknown" {
			continue
		}
		p.Ready, p.Text = c.Text("status") == "True", "KEDA has taken it"
		if !p.Ready {
			p.Text, p.Trouble = "KEDA does not take it", []string{strings.TrimSpace(c.Text("reason") + " " + c.Text("message"))}
		}
	}
	return p
}

// conditions are the messages of an object's conditions of a type that hold.
func conditions(o kube.Object, kind string) (texts []string) {
	for _, c := range o.List("status", "conditions") {
		if c.Text("type") == kind && c.Text("status") == "True" {
			texts = append(texts, c.Text("message"))
		}
	}
	return texts
}

func podReady(pod kube.Object) bool {
	return slices.ContainsFunc(pod.List("status", "conditions"), func(c kube.Object) bool {
		return c.Text("type") == "Ready" && c.Text("status") == "True"
	})
}

// ailment is why a pod does not get ready.
type ailment struct {
	text      string
	container string // whose log says more
	previous  bool   // the log of its run before
}

// ail finds out what a pod suffers from; an empty text: it cannot be seen from the pod alone.
func ail(pod kube.Object) ailment {
	for _, c := range pod.List("status", "conditions") {
		if c.Text("type") == "PodScheduled" && c.Text("status") == "False" {
			return ailment{text: "no node takes it: " + c.Text("message")}
		}
	}
	for _, list := range []string{"initContainerStatuses", "containerStatuses"} {
		for _, c := range pod.List("status", list) {
			if a := ailOf(c); a.text != "" {
				return a
			}
		}
	}
	return ailment{}
}

func ailOf(container kube.Object) ailment {
	name := container.Text("name")
	switch reason, message := container.Text("state", "waiting", "reason"), container.Text("state", "waiting", "message"); reason {
	case "", "PodInitializing", "ContainerCreating":
	case "CrashLoopBackOff":
		return ailment{
			text:      fmt.Sprintf("%s ended with code %d, %s", name, container.Number("lastState", "terminated", "exitCode"), wording.Count(container.Number("restartCount"), "time")),
			container: name, previous: true,
		}
	case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable":
		return ailment{text: fmt.Sprintf("the image %s cannot be pulled: %s", container.Text("image"), message)}
	default:
		return ailment{text: fmt.Sprintf("%s: %s %s", name, reason, message)}
	}
	if code := container.Number("state", "terminated", "exitCode"); code != 0 {
		return ailment{text: fmt.Sprintf("%s ended with code %d (%s)", name, code, container.Text("state", "terminated", "reason")), container: name}
	}
	return ailment{}
}
