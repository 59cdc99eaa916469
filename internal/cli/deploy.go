package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"plumbline/internal/cluster/manifest"
	"plumbline/internal/config"
	"plumbline/internal/queue"
)

type deployCommand struct {
	config.Deploy `embed:""`
}

// Help shows examples.
func (deployCommand) Help() string {
	return `Brings hub, controller, exporter and a ScaledJob of workers into a Kubernetes cluster, with their accounts, rights and secrets, or
changes what is there where it differs: docs/cluster.md. KEDA and Prometheus are there before; plumbline doctor --cluster looks. Workers
that run finish their work. plumbline stop takes all of it back.

Examples:
  plumbline deploy --registry registry.example.org/team --prometheus http://prometheus.monitoring:9090 --mqtt-account pi1
  SUPABASE_HOST=… SUPABASE_PASSWORD=… plumbline deploy --image registry.example.org/plumbline:1 \
      --prometheus http://prometheus.monitoring:9090 --mqtt-url mqtt://mosquitto.mqtt:1883
  plumbline deploy --diff …                # what would change
  plumbline deploy --watch-only            # nodes, Jobs and backlog
  plumbline deploy --dry-run … | kubectl apply -f -
  plumbline deploy --output helm:chart …   # a chart, its values being these flags; kustomize:DIR likewise
  plumbline deploy --secrets-only --mqtt-account pi1 | kubectl apply -f -`
}

func (c *deployCommand) Run(ctx context.Context, p *Process) error {
	if err := c.Validate(); err != nil {
		return misused(err)
	}
	if err := c.refused(p); err != nil {
		return misused(err)
	}
	if c.Prints() {
		return c.print(p)
	}
	d, err := newDeployment(p, &c.Deploy)
	switch {
	case err != nil && c.Diff:
		return &exit{exitUnknown, err}
	case err != nil:
		return err
	case c.Diff:
		return d.diff(ctx)
	}
	return d.run(ctx)
}

// print writes down what would be applied to a cluster that has nothing yet.
func (c *deployCommand) print(p *Process) error {
	o, err := manifestOptions(p, &c.Deployment)
	if err != nil {
		return misused(err)
	}
	if c.Output != "" {
		return writeDeployed(p, c.Output, o)
	}
	if !c.WithoutSecrets {
		if o.Secrets, err = newSecrets(o, &c.Deployment); err != nil {
			return err
		}
	}
	list := manifest.Objects
	if c.SecretsOnly {
		list = manifest.SecretObjects
	}
	objects, err := list(o)
	if err != nil {
		return misused(err)
	}
	if o.Secrets != nil {
		fmt.Fprintln(p.Stderr, "The output holds Secrets, made for this output alone: whoever reads it can join the hub. Over an installation that runs, give --without-secrets: a hub that finds new ones no longer knows its workers.")
	}
	out := bufio.NewWriter(p.Stdout)
	if err := manifest.Print(out, objects); err != nil {
		return err
	}
	return out.Flush()
}

// registryReference is where an image is pushed to.
func registryReference(p *Process, registry string) string {
	return strings.TrimSuffix(registry, "/") + "/plumbline:" + tagOf(p.Version)
}

func manifestOptions(p *Process, c *config.Deployment) (manifest.Options, error) {
	image := c.Image
	if c.Registry != "" {
		image = registryReference(p, c.Registry)
	}
	watched, err := monitoringOptions(c, false)
	if err != nil {
		return manifest.Options{}, err
	}
	return manifest.Options{
		Network: networkOptions(c), Monitoring: watched,
		Namespace: c.Namespace, ClusterDomain: c.ClusterDomain, Version: tagOf(p.Version),
		Image: image, PullPolicy: c.ImagePullPolicy, PullSecrets: c.ImagePullSecret,
		Hub: manifest.HubOptions{
			StorageClass: c.StorageClass, Storage: c.Storage, MQTTURL: c.MQTTURL, Args: c.HubArg,
			MQTTService: c.MQTTService, TLSSecret: c.MQTTTLSSecret, Anonymous: c.MQTTAnonymous, Accounts: c.MQTTAccount,
			Database: len(databaseSettings(c)) > 0, BrokerPassword: c.MQTTPasswordFile != "" || environment()[brokerPassword] != "",
		},
		Control:  manifest.ControlOptions{Placement: c.Placement, Replicas: c.ControlReplicas, Prometheus: c.Prometheus, TLS: c.ScalerTLS, Args: c.ControlArg},
		Exporter: manifest.ExporterOptions{NodeSelector: c.ExportNodes, Sysfs: c.Sysfs, Args: c.ExportArg},
		Worker: manifest.WorkerOptions{
			PollingInterval: c.PollingInterval, MaxReplicas: c.MaxWorkers, Sessions: c.WorkerSessions, ExitWhenIdle: c.WorkerIdle,
			CPU: c.WorkerCPU, Memory: c.WorkerMemory, RuntimeClass: c.RuntimeClass, Groups: c.WorkerGroup, NodeSelector: c.WorkerNodes,
			Trigger: c.Trigger, Args: c.WorkerArg,
		},
	}, nil
}

// brokerPassword is the setting by which serve is told the password of a broker outside.
const brokerPassword = "PLUMBLINE_MQTT_PASSWORD"

// databaseSettings are what the hub's environment says of its database: those of this command's own.
func databaseSettings(c *config.Deployment) map[string]string {
	if c.DatabaseURL != "" {
		return map[string]string{"DATABASE_URL": c.DatabaseURL}
	}
	settings := map[string]string{}
	for name, value := range environment() {
		if strings.HasPrefix(name, "SUPABASE_") && value != "" {
			settings[name] = value
		}
	}
	return settings
}

// newSecrets makes those that nobody has yet, and takes the others from the environment and files.
func newSecrets(o manifest.Options, c *config.Deployment) (*manifest.Secrets, error) {
	passport, err := queue.NewPassport()
	if err != nil {
		return nil, err
	}
	s := &manifest.Secrets{Authority: passport.Authority, Token: passport.Token, HTTPToken: []byte(rand.Text()), Database: databaseSettings(c)}
	password, err := secret("MQTT password", c.MQTTPasswordFile, "PLUMBLINE_MQTT_PASSWORD")
	if err != nil {
		return nil, err
	}
	s.Accounts = map[string]string{}
	for _, name := range c.MQTTAccount {
		s.Accounts[name] = rand.Text()
	}
	if password != "" {
		s.Broker = map[string]string{brokerPassword: password}
	}
	return s, scalerSecrets(o, s)
}
