package cli

import (
	"context"
	"strings"
	"time"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/manifest"
	"plumbline/internal/cluster/preflight"
	"plumbline/internal/config"
)

// lookAtCluster is the preflight of deploy, alone.
func lookAtCluster(ctx context.Context, p *Process, c *config.Preflight) (*examination, error) {
	objects, err := typicalObjects(c)
	if err != nil {
		return nil, misused(err)
	}
	client, err := kube.Connect(kube.Options{
		Kubeconfig: c.Kubeconfig, Context: c.Context, Namespace: c.Namespace, UserAgent: "plumbline/" + p.Version, Warn: func(string) {},
	})
	if err != nil {
		return nil, err
	}
	l := look{
		client: client, objects: objects, image: c.Image, insecure: c.InsecureRegistry, prometheus: c.Prometheus, maxAge: c.SampleMaxAge,
		plan: planOf(c.Placement, c.StorageClass, c.RuntimeClass, true),
	}
	if c.Registry != "" {
		l.push = strings.TrimSuffix(c.Registry, "/") + "/plumbline:" + tagOf(p.Version)
	}
	found, err := l.findings(ctx)
	if err != nil {
		return nil, err
	}
	e := &examination{}
	for _, f := range found {
		e.findings = append(e.findings, finding{f.Check, state(f.State), f.Text, f.Do})
	}
	return e, nil
}

// planOf says what matters of what is to be deployed.
func planOf(placement, storageClass, runtimeClass string, taint bool) preflight.Plan {
	return preflight.Plan{
		Placement: placement, StorageClass: storageClass, RuntimeClass: runtimeClass, Taint: taint, Claim: manifest.Claim, Host: true,
	}
}

// typicalObjects are what deploy would apply, with made up settings where none were given: only kinds and rights matter.
func typicalObjects(c *config.Preflight) ([]manifest.Object, error) {
	return manifest.Objects(manifest.Options{
		Namespace: c.Namespace, Image: "typical", Secrets: &manifest.Secrets{},
		Hub:     manifest.HubOptions{Storage: "1Gi", Anonymous: true, MQTTService: "ClusterIP"},
		Network: manifest.NetworkOptions{Policies: true, KEDA: "keda"},
		Control: manifest.ControlOptions{Placement: c.Placement, Replicas: 1, TLS: true, Prometheus: []string{"http://typical"}},
		Worker: manifest.WorkerOptions{
			PollingInterval: time.Second, MaxReplicas: 1, Sessions: 1, ExitWhenIdle: time.Minute, CPU: "1", Memory: "1Gi",
		},
	})
}
