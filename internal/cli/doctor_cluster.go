package cli

import (
	"context"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/manifest"
	"plumbline/internal/cluster/preflight"
	"plumbline/internal/config"
)

// lookAtCluster is the preflight of deploy, alone.
func lookAtCluster(ctx context.Context, p *Process, c *config.Preflight) (*examination, error) {
	o, err := typicalOptions(p, c.Deployment)
	if err == nil {
		err = refusals(typical(c.Deployment), o)
	}
	if err != nil {
		return nil, misused(err)
	}
	client, err := kube.Connect(kube.Options{
		Kubeconfig: c.Kubeconfig, Context: c.Context, Namespace: c.Namespace, UserAgent: "plumbline/" + p.Version, Warn: func(string) {},
	})
	if err != nil {
		return nil, err
	}
	if _, err := client.ServerVersion(ctx); err != nil {
		return nil, err
	}
	operator, err := client.Serves(ctx, "PodMonitor")
	if err == nil { // else the survey says so
		o.Monitoring, err = monitoringOptions(&c.Deployment, operator)
		if err != nil {
			return nil, err
		}
	}
	l, err := newLook(p, client, &c.Deployment, o)
	if err != nil {
		return nil, err
	}
	l.maxAge = c.SampleMaxAge
	found, err := l.findings(ctx)
	if err != nil {
		return nil, err
	}
	e := &examination{}
	for _, f := range found {
		e.findings = append(e.findings, findingOf(f))
	}
	return e, nil
}

// findingOf is a finding as both commands print it.
func findingOf(f preflight.Finding) finding {
	return finding{f.Check, state(f.State), f.Text, f.List, f.Do}
}

// typicalOptions are what deploy would make objects of, with something made up where deploy would ask: only kinds, rights and names
// of what must be there matter.
func typicalOptions(p *Process, c config.Deployment) (manifest.Options, error) {
	o, err := manifestOptions(p, typical(c))
	if !c.WithoutSecrets {
		o.Secrets = &manifest.Secrets{}
	}
	return o, err
}

// typical makes up what deploy would ask for.
func typical(c config.Deployment) *config.Deployment {
	if c.Image == "" && c.Registry == "" {
		c.Image = "typical"
	}
	if len(c.Prometheus) == 0 {
		c.Prometheus = []string{"http://typical"}
	}
	if c.MQTTURL == "" && len(c.MQTTAccount) == 0 {
		c.MQTTAnonymous = true
	}
	return &c
}
