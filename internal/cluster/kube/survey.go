package kube

import (
	"context"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Parts of a survey, as Survey.Unseen names them.
const (
	SurveyKEDA      = "keda"     // its definition of ScaledJobs
	SurveyOperator  = "operator" // its Deployments
	SurveyNodes     = "nodes"
	SurveyNamespace = "namespace"
	SurveyClasses   = "classes"
	SurveyClaims    = "claims"
	SurveyVolumes   = "volumes"
	SurveyRuntimes  = "runtimes"
	SurveyNetwork   = "network"
	SurveySecrets   = "secrets"
	SurveyMonitors  = "monitors"
)

// Survey is what a cluster is like before anything is changed in it.
type Survey struct {
	Server    string // address of the API
	Context   string // of the kubeconfig
	Version   ServerVersion
	KEDA      KEDA
	Nodes     []Machine
	Namespace NamespaceState
	Classes   []StorageClass
	Volumes   []Volume // that nobody has claimed
	Claims    []Claim  // of the namespace
	Templates []Claim  // what its StatefulSets make claims from
	Runtimes  []string // names of RuntimeClasses
	Agents    []string // names of all DaemonSets: network plugins show by them
	Absent    []string // of the Secrets that were asked for, and nobody brings
	Lacking   []string // those that stay as they are, each with the keys that it lacks
	Monitors  bool     // there are PodMonitors
	Unseen    map[string]error
}

// KEDA is what of it can be seen.
type KEDA struct {
	Defined    bool     // there are ScaledJobs of v1alpha1
	Rollouts   []string // values that spec.rollout.strategy takes; none: it has no such field
	Strategies []string // the same of spec.scalingStrategy.strategy
	Operators  []Workload
}

// Any stands for a field that takes whatever is written.
const Any = "*"

// Workload is a Deployment.
type Workload struct {
	Namespace, Name string
	Image           string // of the first container
	Version         string // what its label says
	Wanted, Ready   int
}

// NamespaceState is how the namespace is found.
type NamespaceState struct {
	Exists, Terminating bool
	Ours                bool   // labelled as made by deploy
	Enforce             string // the Pod Security Standard that is enforced there
	Stuck               string // why it does not end
}

// Wanted is a Secret that pods need, with these keys.
type Wanted struct {
	Name    string
	Keys    []string
	Brought bool // it is made where there is none, and completed where an earlier deploy made it; somebody else's stays as it is
}

// StorageClass makes volumes.
type StorageClass struct {
	Name, Provisioner string
	Default           bool
	Expands           bool // its volumes may get larger
}

// Volume is one that somebody made by hand.
type Volume struct{ Name, Class string }

// Claim is a volume that a pod has asked for, or what a StatefulSet's first pod asks for, with empty phase.
type Claim struct{ Name, Class, Phase, Size string }

func claimOf(o Object) Claim {
	return Claim{o.Name(), o.Text("spec", "storageClassName"), o.Text("status", "phase"), o.Text("spec", "resources", "requests", "storage")}
}

// CompareSize is -1 where less than that is asked for, 1 where more is, and 0 where it is as much, however it is written, or cannot be
// compared.
func (c Claim) CompareSize(to string) int {
	a, err := resource.ParseQuantity(c.Size)
	if err != nil {
		return 0
	}
	b, err := resource.ParseQuantity(to)
	if err != nil {
		return 0
	}
	return a.Cmp(b)
}

// Templates are what a StatefulSet makes claims from, under the names of its first pod's. They are as they were when it was made:
// Kubernetes lets nobody change them.
func Templates(statefulSet Object) (all []Claim) {
	for _, t := range statefulSet.List("spec", "volumeClaimTemplates") {
		c := claimOf(t)
		c.Name, c.Phase = c.Name+"-"+statefulSet.Name()+"-0", ""
		all = append(all, c)
	}
	return all
}

// Survey looks at the cluster; nothing is changed. Its parts do not wait for each other, and one that may not be looked at is told
// in Unseen. secrets are those of the namespace that pods will need. An error means that the cluster does not answer, or does not let
// this client in.
func (c *Client) Survey(ctx context.Context, secrets []Wanted) (Survey, error) {
	s := &Survey{Server: c.server, Context: c.context, Unseen: map[string]error{}}
	var err error
	if s.Version, err = c.ServerVersion(ctx); err != nil {
		return *s, err
	}
	if _, err = c.User(ctx); err != nil { // the version is often told to everybody
		return *s, err
	}
	parts := map[string]func(context.Context, *Survey) error{
		SurveyKEDA: c.surveyKEDA, SurveyOperator: c.surveyOperator, SurveyNamespace: c.surveyNamespace, SurveyClasses: c.surveyClasses,
		SurveyClaims: c.surveyClaims, SurveyVolumes: c.surveyVolumes, SurveyRuntimes: c.surveyRuntimes, SurveyNetwork: c.surveyNetwork,
		SurveyNodes: func(ctx context.Context, s *Survey) (err error) { s.Nodes, err = c.Machines(ctx); return err },
		SurveyMonitors: func(ctx context.Context, s *Survey) (err error) {
			s.Monitors, err = c.Serves(ctx, "PodMonitor")
			return err
		},
		SurveySecrets: func(ctx context.Context, s *Survey) error { return c.surveySecrets(ctx, s, secrets) },
	}
	var wait sync.WaitGroup
	var mu sync.Mutex // of Unseen; each part writes fields of its own
	for name, look := range parts {
		wait.Go(func() {
			if err := look(ctx, s); err != nil {
				mu.Lock()
				s.Unseen[name] = err
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	return *s, context.Cause(ctx)
}

// surveyKEDA reads what KEDA's definition of a ScaledJob allows: what it does not know, the API server drops or refuses.
func (c *Client) surveyKEDA(ctx context.Context, s *Survey) error {
	d, there, err := c.Get(ctx, Ref{Kind: "CustomResourceDefinition", Name: "scaledjobs.keda.sh"})
	if err != nil || !there {
		return err
	}
	for _, v := range d.List("spec", "versions") {
		served, _ := v.At("served").(bool)
		if v.Text("name") == scaledJobs.Version && served {
			s.KEDA.Defined = true
			s.KEDA.Rollouts = takes(v, "rollout", "strategy")
			s.KEDA.Strategies = takes(v, "scalingStrategy", "strategy")
		}
	}
	return nil
}

// takes gives the values that a field of the specification takes, by a definition's schema.
func takes(version Object, path ...string) (values []string) {
	at := []string{"schema", "openAPIV3Schema", "properties", "spec"}
	for _, name := range path {
		at = append(at, "properties", name)
	}
	if version.At(at...) == nil {
		return nil
	}
	allowed, _ := version.At(append(at, "enum")...).([]any)
	for _, v := range allowed {
		if text, ok := v.(string); ok {
			values = append(values, text)
		}
	}
	if len(values) == 0 {
		return []string{Any}
	}
	return values
}

func (c *Client) surveyOperator(ctx context.Context, s *Survey) error {
	const operator = "keda-operator"
	all, err := c.List(ctx, Query{Kind: "Deployment"})
	for _, d := range all {
		labels := d.Labels()
		if d.Name() != operator && labels["app.kubernetes.io/name"] != operator && labels["app"] != operator {
			continue
		}
		w := Workload{
			Namespace: d.Namespace(), Name: d.Name(), Version: labels["app.kubernetes.io/version"],
			Wanted: int(d.Number("spec", "replicas")), Ready: int(d.Number("status", "readyReplicas")),
		}
		if containers := d.List("spec", "template", "spec", "containers"); len(containers) > 0 {
			w.Image = containers[0].Text("image")
		}
		s.KEDA.Operators = append(s.KEDA.Operators, w)
	}
	return err
}

func (c *Client) surveyNamespace(ctx context.Context, s *Survey) error {
	o, there, err := c.Get(ctx, Ref{Kind: "Namespace", Name: c.namespace})
	if err != nil || !there {
		return err
	}
	s.Namespace = NamespaceState{
		Exists: true, Terminating: o.Deleting(), Ours: ours(o), Enforce: o.Labels()["pod-security.kubernetes.io/enforce"], Stuck: heldBy(o),
	}
	return nil
}

// heldBy says why a namespace does not end.
func heldBy(o Object) string {
	var why []string
	for _, condition := range o.List("status", "conditions") {
		if message := condition.Text("message"); condition.Text("status") == "True" && message != "" {
			why = append(why, message)
		}
	}
	return strings.Join(why, "; ")
}

func (c *Client) surveyClasses(ctx context.Context, s *Survey) error {
	all, err := c.List(ctx, Query{Kind: "StorageClass"})
	for _, o := range all {
		expands, _ := o.At("allowVolumeExpansion").(bool)
		s.Classes = append(s.Classes, StorageClass{o.Name(), o.Text("provisioner"), o.Annotations()["storageclass.kubernetes.io/is-default-class"] == "true", expands})
	}
	return err
}

func (c *Client) surveyClaims(ctx context.Context, s *Survey) error {
	all, err := c.List(ctx, Query{Kind: "PersistentVolumeClaim", Namespace: c.namespace})
	if err != nil {
		return err
	}
	for _, o := range all {
		s.Claims = append(s.Claims, claimOf(o))
	}
	sets, err := c.List(ctx, Query{Kind: "StatefulSet", Namespace: c.namespace})
	for _, o := range sets {
		s.Templates = append(s.Templates, Templates(o)...)
	}
	return err
}

func (c *Client) surveyVolumes(ctx context.Context, s *Survey) error {
	all, err := c.List(ctx, Query{Kind: "PersistentVolume"})
	for _, o := range all {
		if o.Text("status", "phase") == "Available" {
			s.Volumes = append(s.Volumes, Volume{o.Name(), o.Text("spec", "storageClassName")})
		}
	}
	return err
}

func (c *Client) surveyRuntimes(ctx context.Context, s *Survey) error {
	all, err := c.List(ctx, Query{Kind: "RuntimeClass"})
	for _, o := range all {
		s.Runtimes = append(s.Runtimes, o.Name())
	}
	return err
}

func (c *Client) surveyNetwork(ctx context.Context, s *Survey) error {
	all, err := c.List(ctx, Query{Kind: "DaemonSet"})
	for _, o := range all {
		s.Agents = append(s.Agents, o.Name())
	}
	slices.Sort(s.Agents)
	return err
}

// surveySecrets asks for each by its name: reading one may be allowed where listing all is not.
func (c *Client) surveySecrets(ctx context.Context, s *Survey, wanted []Wanted) error {
	for _, w := range wanted {
		o, there, err := c.Get(ctx, Ref{Kind: "Secret", Namespace: c.namespace, Name: w.Name})
		if err != nil {
			return err
		}
		s.secret(w, o, there)
	}
	return nil
}

// secret notes what is wrong with one that stays as it is.
func (s *Survey) secret(w Wanted, o Object, there bool) {
	if w.Brought && (!there || ours(o)) {
		return
	}
	if !there {
		s.Absent = append(s.Absent, w.Name)
		return
	}
	data, _ := o.At("data").(map[string]any)
	var lacks []string
	for _, key := range w.Keys {
		if data[key] == nil {
			lacks = append(lacks, key)
		}
	}
	if len(lacks) > 0 {
		s.Lacking = append(s.Lacking, w.Name+": "+strings.Join(lacks, ", "))
	}
}

// ours tells what deploy has made, by its labels.
func ours(o Object) bool {
	labels := o.Labels()
	return labels["app.kubernetes.io/managed-by"] == Manager && labels["app.kubernetes.io/part-of"] == Manager
}
