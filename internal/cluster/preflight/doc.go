// Package preflight judges whether Plumbline can be deployed to a cluster: from facts that others gathered it makes findings,
// each with what it means and what to do. It asks nobody and changes nothing.
//
// What could not be looked at is a finding of its own: unseen is neither fine nor wrong.
package preflight

import (
	"fmt"
	"time"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/gpu"
	"plumbline/internal/wording"
)

// State is a finding's weight.
type State string

// The states. Wrong means that deploying would not work, or not as it was asked for.
const (
	Fine    State = "fine"
	Warning State = "warning"
	Wrong   State = "wrong"
)

// Finding is one thing that was seen.
type Finding struct {
	Check string   `json:"check"`
	State State    `json:"state"`
	Text  string   `json:"text"`           // what is so, and what it means
	List  []string `json:"list,omitempty"` // what the text counts, where that is much
	Do    string   `json:"do,omitempty"`   // what to do about it
}

// Plan is what is to be deployed, as far as it matters here.
type Plan struct {
	Namespace    string
	Storage      string // size of the hub's volume; empty: whatever is there, or the usual
	StorageClass string // empty: whatever is there, or the cluster's default
	Claim        string // name of the hub's claim
	RuntimeClass string // empty: none
	Taint        bool   // control planes are to be closed to workers
	Host         bool   // a pod mounts a folder of its node

	WorkerNodes   map[string]string // labels of nodes that may take workers; none: any
	ExportNodes   map[string]string // labels of nodes that are to be measured; none: any
	Policies      bool              // NetworkPolicies let only KEDANamespace ask the controller
	KEDANamespace string            // where KEDA's operator is said to run
}

// Facts are what was found.
type Facts struct {
	Cluster  kube.Survey
	Rights   Rights
	Loads    *Loads    // nil: nobody named a Prometheus, and no controller runs
	Registry *Registry // nil: no image or registry was named
}

// Rights are what of the needed rights is missing.
type Rights struct {
	Asked   int
	Missing []kube.Right
	Unseen  error
}

// Loads are the nodes' loads as Prometheus knows them.
type Loads struct {
	From    string // by which way they were seen, for people
	Samples []gpu.Sample
	At      time.Time
	MaxAge  time.Duration // of a sample that counts
	Unseen  error         // nobody who could be asked from here answered; a line for each way that was tried
}

// Registry is where the image is, or is to be pushed to.
type Registry struct {
	Where     string
	Push      bool     // somebody is to push there, else the image must be there
	Platforms []string // linux/arm64; of the image that is there, or of that which is to be pushed
	Unbuilt   error    // why there is nothing to push
	Problem   error
	Trouble   Trouble // of the Problem
}

// Trouble is what kind of a problem a registry makes.
type Trouble string

// The kinds; anything else is Other.
const (
	Other       Trouble = ""
	Unreachable Trouble = "unreachable"
	Refused     Trouble = "refused"
	Unknown     Trouble = "unknown" // it has no such image, or nothing where one is to go
)

// Judge makes the findings, in the order in which deploy needs what they are about.
func Judge(p Plan, f Facts) []Finding {
	j := &judge{Plan: p, Facts: f}
	for _, check := range []struct {
		name string
		look func()
	}{
		{"kubernetes", j.kubernetes}, {"nodes", j.nodes}, {"taints", j.controlPlane}, {"namespace", j.namespace}, {"rights", j.rights},
		{"keda", j.keda}, {"storage", j.storage}, {"runtime", j.runtime}, {"secrets", j.secrets}, {"registry", j.registry},
		{"prometheus", j.prometheus}, {"network", j.network},
	} {
		j.check = check.name
		check.look()
	}
	return j.findings
}

// Sick tells whether something is wrong.
func Sick(all []Finding) bool {
	for _, f := range all {
		if f.State == Wrong {
			return true
		}
	}
	return false
}

type judge struct {
	Plan
	Facts
	check    string
	findings []Finding
}

func (j *judge) say(s State, text, do string) {
	j.findings = append(j.findings, Finding{Check: j.check, State: s, Text: text, Do: do})
}

// list says that something is wrong, and each of what it is about.
func (j *judge) list(text string, all []string, do string) {
	j.findings = append(j.findings, Finding{Check: j.check, State: Wrong, Text: text, List: all, Do: do})
}

func (j *judge) fine(format string, args ...any) { j.say(Fine, fmt.Sprintf(format, args...), "") }

// unseen says that a part of the survey is not known, if so.
func (j *judge) unseen(part, what string) bool {
	err := j.Cluster.Unseen[part]
	if err != nil {
		j.say(Warning, fmt.Sprintf("%s cannot be seen: %v", what, err), askSomebody)
	}
	return err != nil
}

const askSomebody = "Ask somebody who may look, or go on without knowing."

// names lists a few of many.
func names(all []string) string { return wording.List(all, 8) }
