package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"plumbline/internal/cluster/hubapi"
	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/scaler"
	"plumbline/internal/config"
	"plumbline/internal/gpu"
	"plumbline/internal/web"
)

type controlCommand struct {
	Run    controlRun    `cmd:"" default:"withargs" help:"Run the controller (also without this word)."`
	Status controlStatus `cmd:"" help:"Show what a running controller sees and what it decided."`
	Replay controlReplay `cmd:"" help:"Make recorded decisions again, and say whether they come out the same."`
}

// Help shows examples.
func (controlCommand) Help() string {
	return `Tells KEDA how many workers to start (its external scaler, over gRPC) and gives them their nodes, by the nodes' GPU load.

Examples:
  plumbline control run --help    # all settings
  plumbline control --hub http://hub:8080 --prometheus http://prometheus:9090
  plumbline control status
  plumbline control status --json > status.json; plumbline control replay status.json`
}

type controlRun struct {
	config.Control `embed:""`
}

func (c *controlRun) Run(ctx context.Context, p *Process) error {
	if err := c.Validate(); err != nil {
		return misused(err)
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	k := &controller{config: &c.Control, version: p.Version, log: newLog(p, c.Logging), registry: prometheus.NewRegistry(), stages: stages{fail: end}}
	k.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	err := k.open(ctx)
	if err == nil {
		fmt.Fprintf(p.Stdout, "Plumbline %s controls namespace %s: KEDA asks %s, status on http://%s/status.\n", p.Version, k.client.Namespace(), k.grpcAddr, k.httpAddr)
		<-ctx.Done()
		k.log.Info("ending")
	}
	stopped := k.stages.stop()
	if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return errors.Join(err, stopped)
}

// controller is the role in a cluster. What it knows of nodes, samples, Jobs and pods is in memory; KEDA's question asks
// nobody but the hub.
//
//	Prometheus --samples--> loads ---+
//	Kubernetes --watches--> watch ---+--> surroundings --> scaler <--gRPC-- KEDA
//	hub --backlog, workers--> hub ---+                 \-> placement --> pods
type controller struct {
	config   *config.Control
	version  string
	log      *slog.Logger
	registry *prometheus.Registry
	stages   stages

	rules  gpu.Rules
	client *kube.Client
	watch  *kube.Watch
	loads  *loads
	hub    *hubapi.Client
	scaler *scaler.Scaler
	placed placing

	grpcAddr, httpAddr string
}

// open starts the parts in the order of need: listeners come last, when there is something to answer with. A cluster that is
// away at the start is waited for; /readyz says so.
func (k *controller) open(ctx context.Context) error {
	for _, step := range []func(context.Context) error{k.openRules, k.openCluster, k.openLoads, k.openHub, k.openScaler, k.openPlacement, k.openStatus, k.openGRPC} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (k *controller) part(name string) *slog.Logger { return k.log.With("component", name) }

func (k *controller) openRules(context.Context) error {
	k.rules = rulesOf(k.config.Ranking, gpu.Policy(k.config.Policy))
	if err := k.rules.Validate(); err != nil {
		return misused(err)
	}
	return nil
}

func (k *controller) openCluster(context.Context) (err error) {
	k.client, err = kube.Connect(kube.Options{
		Kubeconfig: k.config.Kubeconfig, Namespace: k.config.Namespace, UserAgent: "plumbline/" + k.version,
		Logger: k.part("kubernetes"), Registerer: k.registry,
	})
	if err != nil {
		return err
	}
	k.watch = k.client.Watch(kube.WatchOptions{ScaledJob: k.config.ScaledJob, All: k.config.Placement == "none"})
	k.stages.start("watching Kubernetes", k.watch.Run)
	k.stages.start("telling of Kubernetes", k.tellOfKubernetes)
	return nil
}

// tellOfKubernetes logs when the cluster can be seen, and when no longer; a cluster gets a while at the start.
func (k *controller) tellOfKubernetes(ctx context.Context) error {
	const every = 3 * time.Second
	log, seen, said := k.part("kubernetes"), false, false
	for again := time.NewTicker(every); ; {
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return nil
		}
		switch err := k.watch.Ready(ctx); {
		case err == nil && !seen:
			log.Info("the cluster is seen", "namespace", k.client.Namespace())
			k.tellOfNamespace(ctx, log)
			seen, said = true, false
		case err != nil && !said:
			log.Warn("the cluster can't be seen; until it can, no Job is asked for", "error", err)
			seen, said = false, true
		}
	}
}

// tellOfNamespace warns of one that is not there, where a person chose it: a pod's own is there, and a ServiceAccount need not see it.
func (k *controller) tellOfNamespace(ctx context.Context, log *slog.Logger) {
	if _, context := k.client.Server(); context == "" {
		return
	}
	if _, there, err := k.client.Get(ctx, kube.Ref{Kind: "Namespace", Name: k.client.Namespace()}); err == nil && !there {
		log.Warn("there is no such namespace, so nothing is found in it (choose one with --namespace)", "namespace", k.client.Namespace())
	}
}

func (k *controller) openHub(context.Context) (err error) {
	if k.hub, err = hubapi.New(hubapi.Options{URLs: k.config.Hub, TokenFile: k.config.HubTokenFile}); err != nil {
		return misused(fmt.Errorf("--hub: %w", err))
	}
	return nil
}

// backlog is the hub's in the scaler's words.
func (k *controller) backlog(ctx context.Context) (scaler.Backlog, error) {
	q, err := k.hub.Queue(ctx)
	if err != nil {
		return scaler.Backlog{}, err
	}
	b := scaler.Backlog{Waiting: q.Waiting, Leased: q.Leased, Dead: q.Dead, Oldest: q.Oldest, Claimed: []string{}}
	for _, w := range q.Workers {
		if w.Claimed {
			b.Claimed = append(b.Claimed, w.Name)
		}
	}
	return b, nil
}

func (k *controller) openScaler(context.Context) (err error) {
	k.scaler, err = scaler.New(scaler.Options{
		Defaults: k.triggerDefaults(), View: k.view, Backlog: k.backlog, Logger: k.part("scaler"), Registerer: k.registry,
	})
	return err
}

func (k *controller) triggerDefaults() scaler.Trigger {
	return scaler.Trigger{CapturesPerJob: k.config.CapturesPerJob, Rules: k.rules}
}

// view is a ScaledJob with its surroundings in the scaler's words.
func (k *controller) view(namespace, name string) (scaler.View, error) {
	if err := k.watch.Ready(context.Background()); err != nil {
		return scaler.View{}, err
	}
	s, ok := k.watch.ScaledJob(name)
	if !ok || namespace != k.client.Namespace() {
		return scaler.View{}, scaler.ErrNoScaledJob
	}
	v := scaler.View{Strategy: strategyOf(s), Snapshot: k.surroundings(s.Template)}
	for _, j := range k.watch.Jobs(name) {
		if !j.Finished {
			v.Jobs = append(v.Jobs, scaler.Job{Name: j.Name, Pending: j.Pending, Gated: j.Gated, Pods: j.Pods})
		}
	}
	return v, nil
}

func strategyOf(s kube.ScaledJob) scaler.Strategy {
	return scaler.Strategy{
		Name: s.Strategy.Strategy, Deduction: s.Strategy.CustomScalingQueueLengthDeduction, Percentage: s.Strategy.CustomScalingRunningJobPercentage,
		Min: s.MinReplicas, Max: s.MaxReplicas,
	}
}

// surroundings are all that ranking looks at now, with the eyes of a pod template.
func (k *controller) surroundings(t kube.Template) gpu.Snapshot {
	s := gpu.Snapshot{At: time.Now().UTC(), Nodes: k.watch.Nodes(t), Workers: k.watch.Workers()}
	k.loads.fill(&s)
	return s
}

// trigger gives the metadata of a ScaledJob's trigger that asks us: that by whose address KEDA did, or else one that has no keys
// but ours. A trigger that has others is taken for ours, and for wrong, only where the ScaledJob is meant for us.
func (k *controller) trigger(s kube.ScaledJob) (map[string]string, bool) {
	address, asked := k.scaler.Asked(s.Namespace, s.Name)
	var strange map[string]string
	for _, t := range s.Triggers {
		switch {
		case t.Type != "external" || asked && t.Metadata["scalerAddress"] != address:
		case asked || scaler.Understands(t.Metadata):
			return t.Metadata, true
		case strange == nil:
			strange = t.Metadata
		}
	}
	return strange, strange != nil && (s.Gated || k.config.ScaledJob == s.Name)
}

func (k *controller) openStatus(context.Context) (err error) {
	k.httpAddr, err = healthListener{
		role: "controller", listen: k.config.HTTPListen, tokenFile: k.config.HTTPTokenFile, anonymous: k.config.HTTPAnonymous, registry: k.registry, log: k.log,
		status: func(ctx context.Context) any { return k.status(ctx) },
		checks: []web.Check{
			{Name: "kubernetes", Ready: k.watch.Ready}, {Name: "prometheus", Ready: k.loads.ready, Degrades: true},
			{Name: "hub", Degrades: true, Ready: func(ctx context.Context) error { _, err := k.hub.Queue(ctx); return err }},
		},
	}.start(&k.stages)
	return err
}

// openGRPC lets KEDA ask.
func (k *controller) openGRPC(context.Context) error {
	l, err := net.Listen("tcp", k.config.Listen)
	if err != nil {
		return fmt.Errorf("KEDA cannot be answered (another program may hold the address; choose one with --listen): %w", err)
	}
	k.grpcAddr = l.Addr().String()
	secure := scaler.TLS{Cert: k.config.TLSCert, Key: k.config.TLSKey, ClientCA: k.config.ClientCA}
	ready := func() error { return k.watch.Ready(context.Background()) }
	k.stages.start("scaler", func(ctx context.Context) error { return k.scaler.Serve(ctx, l, secure, ready) })
	return nil
}
