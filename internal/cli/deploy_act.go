package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"plumbline/internal/cluster/image"
	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/manifest"
	"plumbline/internal/cluster/preflight"
	"plumbline/internal/cluster/rollout"
	"plumbline/internal/config"
)

// deployment is one run of deploy.
//
//	preflight -> image -> plan (the cluster's dry run) -> apply -> prune -> taint -> wait -> samples -> watch
//
// Up to the plan nothing is changed in the cluster.
type deployment struct {
	*config.Deploy
	p       *Process
	client  *kube.Client
	rollout *rollout.Rollout
	screen  *screen
	live    map[string]kube.Object // our Secrets that the cluster has
}

func newDeployment(p *Process, c *config.Deploy) (*deployment, error) {
	d := &deployment{Deploy: c, p: p, screen: &screen{w: p.Stderr}}
	var err error
	d.client, err = kube.Connect(kube.Options{
		Kubeconfig: c.Kubeconfig, Context: c.Context, Namespace: c.Namespace, UserAgent: "plumbline/" + p.Version,
		Warn: func(text string) { d.screen.say("the cluster warns: %s", text) },
	})
	if err != nil {
		return nil, err
	}
	d.rollout = &rollout.Rollout{Cluster: d.client, Marks: marksOf(c.Namespace), Force: c.ForceConflicts, Say: d.screen.say}
	return d, nil
}

// marksOf tells which objects are those of the installation in a namespace.
func marksOf(namespace string) kube.Marks {
	return kube.Marks{Namespace: namespace, Namespaced: manifest.Selector, Everywhere: manifest.SelectorEverywhere(namespace)}
}

func (d *deployment) run(ctx context.Context) error {
	if d.WatchOnly {
		return d.watchOnly(ctx)
	}
	plan, err := d.plan(ctx)
	if err != nil {
		return fmt.Errorf("%w\nNothing was changed in the cluster", interrupted(ctx, err))
	}
	if !d.KeepLocal {
		if err := d.removeLocal(ctx); err != nil {
			return fmt.Errorf("%w\nNothing was changed in the cluster", interrupted(ctx, err))
		}
	}
	if err := d.apply(ctx, plan); err != nil {
		return d.halfway(ctx, err)
	}
	if err := d.awaitSamples(ctx); err != nil {
		return err
	}
	if d.watches() {
		return d.watch(ctx)
	}
	d.screen.say("Plumbline is ready. Look at it: %s; end it: %s", d.again("deploy --watch-only"), d.again("stop"))
	return nil
}

// halfway says how to go on after a break.
func (d *deployment) halfway(ctx context.Context, err error) error {
	d.screen.leave()
	if err = interrupted(ctx, err); errors.Is(err, rollout.ErrGone) {
		return fmt.Errorf("%w; was Plumbline stopped? What else was applied, %s takes back", err, d.again("stop"))
	}
	return fmt.Errorf("%w\nWhat was applied stays: the same command goes on with the rest, %s takes it back", err, d.again("stop"))
}

// where is namespace and cluster, for people.
func (d *deployment) where() string {
	server, name := d.client.Server()
	if name != "" {
		server = name + ", " + server
	}
	return fmt.Sprintf("namespace %s of %s", d.Namespace, server)
}

// again is a command for the same cluster and namespace, to be copied.
func (d *deployment) again(command string) string {
	return d.p.hintIn(command, d.Namespace, d.Context, d.Kubeconfig)
}

// plan finds out what is to be done, and fails where it cannot be done.
func (d *deployment) plan(ctx context.Context) (rollout.Plan, error) {
	var none rollout.Plan
	if _, err := d.client.ServerVersion(ctx); err != nil {
		return none, err
	}
	live, unseen := d.rollout.Secrets(ctx, manifest.SecretNames()...)
	if unseen != nil && !errors.Is(unseen, kube.ErrForbidden) {
		return none, unseen
	}
	d.live = live
	o, err := d.options(ctx)
	if err != nil {
		return none, err
	}
	if !d.Diff {
		if err := d.preflight(ctx, o); err != nil {
			return none, err
		}
	}
	if unseen != nil { // the preflight has said it better, unless it was to be ignored
		return none, unseen
	}
	if o.Image, err = d.image(ctx); err != nil {
		return none, err
	}
	set, err := d.objects(o)
	if err != nil {
		return none, err
	}
	return d.rollout.Plan(ctx, set)
}

// options are the flags', completed by what the cluster has.
func (d *deployment) options(ctx context.Context) (manifest.Options, error) {
	o, err := manifestOptions(d.p, &d.Deployment)
	if err != nil {
		return o, misused(err)
	}
	operator, err := d.client.Serves(ctx, "PodMonitor")
	if err != nil {
		return o, err
	}
	if o.Monitoring, err = monitoringOptions(&d.Deployment, operator); err != nil {
		return o, err
	}
	if d.live[manifest.DatabaseSecret] != nil && !o.Hub.Database {
		o.Hub.Database = true
		d.screen.say("rows go on to the database that the Secret %s names; delete it to have them in SQLite", manifest.DatabaseSecret)
	}
	if err := d.keepVolume(ctx, &o.Hub); err != nil {
		return o, err
	}
	o.Hub.BrokerPassword = o.Hub.BrokerPassword || o.Hub.MQTTURL != "" && d.live[manifest.BrokerSecret] != nil
	if !d.WithoutSecrets {
		if o.Secrets, err = newSecrets(o, &d.Deployment); err != nil {
			return o, err
		}
	}
	return o, nil
}

// keeping: passwords of others' servers come from outside; what was made here is kept, in pairs where it was made so.
var keeping = rollout.Keeping{
	Given:    []string{manifest.DatabaseSecret, manifest.BrokerSecret},
	Together: [][]string{{manifest.AuthoritySecret, manifest.TokenSecret}, {manifest.ScalerSecret, manifest.ScalerClientSecret}},
}

// objects are what is to be applied.
func (d *deployment) objects(o manifest.Options) (set []kube.Object, err error) {
	all, err := manifest.Objects(o)
	if err != nil {
		return nil, misused(err)
	}
	for _, m := range all {
		fields, err := manifest.Fields(m)
		if err != nil {
			return nil, err
		}
		k, err := kube.ObjectOf(fields)
		if err != nil {
			return nil, err
		}
		set = append(set, k)
	}
	keeping.Keep(set, d.live)
	return set, rollout.Seal(set, d.live, manifest.HTTPSecret)
}

// preflight says what does not look right, and fails where deploying would not work.
func (d *deployment) preflight(ctx context.Context, o manifest.Options) error {
	l, err := newLook(d.p, d.client, &d.Deployment, o)
	if err != nil {
		return err
	}
	found, err := l.findings(ctx)
	if err != nil {
		return err
	}
	for _, f := range found {
		if f.State != preflight.Fine {
			var text strings.Builder
			findingOf(f).write(&text)
			d.screen.say("%s", text.String())
		}
	}
	if preflight.Sick(found) && !d.IgnorePreflight {
		return errors.New("the cluster is not fit yet, as said above (--ignore-preflight goes on all the same)")
	}
	return nil
}

// image is the reference that pods get: with the digest, so that every node runs this very image.
func (d *deployment) image(ctx context.Context) (string, error) {
	switch {
	case d.Registry != "" && d.Diff:
		return d.builtReference(ctx)
	case d.Registry != "":
		return d.pushed(ctx)
	case d.ImagePullPolicy == "Never" || strings.Contains(d.Image, "@"):
		return d.Image, nil
	}
	seen, err := image.Find(ctx, d.Image, d.InsecureRegistry)
	switch {
	case err != nil && d.IgnorePreflight: // the nodes may reach a registry that this machine does not
		d.screen.say("pods name the image by its tag, since its digest is not known: %v", err)
		return d.Image, nil
	case err != nil:
		return "", fmt.Errorf("%w; where only the nodes can reach it, give it as NAME@sha256:…, or --ignore-preflight", err)
	}
	return seen.Reference, nil
}

func (d *deployment) build(ctx context.Context) (*image.Image, error) {
	return buildImage(ctx, d.p, d.ImageBuild, newLog(d.p, config.Logging{LogLevel: "warn"}))
}

func (d *deployment) pushed(ctx context.Context) (string, error) {
	built, err := d.build(ctx)
	if err != nil {
		return "", err
	}
	reference, err := pushImage(ctx, d.p, built, registryReference(d.p, d.Registry))
	return reference, errors.Join(err, built.Close())
}

// builtReference is that of an image which would be pushed.
func (d *deployment) builtReference(ctx context.Context) (string, error) {
	built, err := d.build(ctx)
	if err != nil {
		return "", err
	}
	digest, err := built.Digest()
	name, _, _ := strings.Cut(registryReference(d.p, d.Registry), "/plumbline:")
	return name + "/plumbline@" + digest, errors.Join(err, built.Close())
}

// apply brings the objects into the cluster, in order, and waits until they are ready.
func (d *deployment) apply(ctx context.Context, plan rollout.Plan) error {
	first, late := plan.Late()
	done, err := d.rollout.Apply(ctx, first)
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	if len(late) > 0 {
		if err := d.await(wait, controllers(first)); err != nil {
			return err
		}
		more, err := d.rollout.Apply(ctx, late)
		done = done.Add(more)
		if err != nil {
			return err
		}
	}
	more, err := d.clear(ctx, plan)
	d.screen.say("%s", done.Add(more))
	if err != nil {
		return err
	}
	return d.await(wait, rollout.Watched(plan.Steps))
}

// clear removes what an earlier version left, and keeps workers off the control plane.
func (d *deployment) clear(ctx context.Context, plan rollout.Plan) (rollout.Done, error) {
	done, err := d.rollout.Prune(ctx, plan.Leftovers)
	if err != nil {
		return done, err
	}
	for _, s := range plan.Steps {
		if s.Object.Kind() != "ScaledJob" {
			continue
		}
		more, err := d.rollout.EndUnstarted(ctx, s.Object)
		done = done.Add(more)
		if err != nil {
			return done, err
		}
	}
	taints, err := d.taints(ctx)
	if err != nil {
		return done, err
	}
	return done, d.rollout.Retaint(ctx, taints)
}

// taints are those that are to change.
func (d *deployment) taints(ctx context.Context) ([]rollout.Retaint, error) {
	return d.rollout.Retaints(ctx, d.Taint, d.WorkerNodes)
}

// controllers are what KEDA asks.
func controllers(steps []rollout.Step) (refs []kube.Ref) {
	for _, r := range rollout.Watched(steps) {
		if r.Kind == "Deployment" {
			refs = append(refs, r)
		}
	}
	return refs
}

// await shows a line an object until all are ready.
func (d *deployment) await(ctx context.Context, refs []kube.Ref) error {
	err := d.rollout.Wait(ctx, refs, func(all []rollout.Progress) {
		var lines []string
		for _, p := range all {
			mark := "…"
			if p.Ready {
				mark = "✓"
			}
			lines = append(lines, fmt.Sprintf("%s %-11s %-18s %s", mark, p.Ref.Kind, p.Ref.Name, p.Text))
			for _, t := range p.Trouble {
				lines = append(lines, "    ! "+strings.ReplaceAll(t, "\n", " "))
			}
		}
		d.screen.draw(lines...)
	})
	d.screen.leave()
	return err
}

// Exit codes of --diff, as diff has them.
const (
	exitDiffers = 1
	exitUnknown = 2
)

// diff shows what would change.
func (d *deployment) diff(ctx context.Context) error {
	plan, err := d.plan(ctx)
	if err == nil {
		plan.Retaints, err = d.taints(ctx)
	}
	if err == nil {
		err = plan.WriteDiff(d.p.Stdout)
	}
	switch {
	case err != nil:
		return &exit{exitUnknown, interrupted(ctx, err)}
	case plan.Changes():
		return &exit{code: exitDiffers}
	}
	return nil
}

// stop takes everything back; the volume stays.
func (d *deployment) stop(ctx context.Context) error {
	return takedown{client: d.client, again: d.again("stop"), rights: d.again("doctor --cluster")}.run(ctx, d.p.Stderr)
}
