package cli

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"plumbline/internal/cluster/hubapi"
	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/manifest"
	"plumbline/internal/cluster/stop"
	"plumbline/internal/config"
	"plumbline/internal/wording"
)

type stopCommand struct {
	config.Stop `embed:""`
}

// Help says what stays.
func (stopCommand) Help() string {
	return `Deletes what plumbline deploy made in a cluster, known by its labels, and nothing else: first no new workers, then the workers,
each with its picture in hand finished, then controller, exporter and hub, then the rest; our own taints are lifted. The hub's
volume stays, and the next deploy goes on with it. May be given at any time, and again.

Examples:
  plumbline stop
  plumbline stop --dry-run             # what would be deleted
  plumbline stop --delete-data         # the hub's volume, too, if no picture is in it that was not recorded
  plumbline stop --namespace other --yes`
}

func (c *stopCommand) Run(ctx context.Context, p *Process) error {
	if err := c.Validate(); err != nil {
		return misused(err)
	}
	err := c.stop(ctx, p)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) { // later ones say errInterrupted
		return fmt.Errorf("%w: nothing was stopped", errInterrupted)
	}
	return err
}

func (c *stopCommand) stop(ctx context.Context, p *Process) error {
	client, err := kube.Connect(kube.Options{
		Kubeconfig: c.Kubeconfig, Context: c.Context, Namespace: c.Namespace, UserAgent: "plumbline/" + p.Version,
		Warn: func(text string) { fmt.Fprintln(p.Stderr, "the cluster warns:", text) },
	})
	if err != nil {
		return err
	}
	t := takedown{
		client: client, deleteData: c.DeleteData, force: c.Force, again: "another plumbline stop",
		rights: p.hintIn("doctor --cluster", c.Namespace, c.Context, c.Kubeconfig),
	}
	plan, err := stop.Look(ctx, client, t.options())
	if err != nil {
		return t.advised(err)
	}
	local := c.local(ctx, p)
	if plan.Empty() && len(local) == 0 {
		fmt.Fprintf(p.Stdout, "Nothing of Plumbline's is in the namespace %s. A deploy that has applied nothing yet is not seen: end it where it runs, by Ctrl-C.\n", c.Namespace)
		tellKept(p.Stdout, plan)
		return t.tellElsewhere(ctx, p.Stdout)
	}
	if !plan.Empty() {
		t.showPlan(ctx, p.Stdout, plan)
	}
	for _, here := range local {
		fmt.Fprintf(p.Stdout, "On this machine goes the container %s of %s.\n", here.id, here.image)
	}
	if c.DryRun {
		return nil
	}
	if err := c.mayDeleteData(ctx, client, plan); err != nil {
		return err
	}
	if !c.Yes && !agreed(ctx, p, "Stop it?") {
		return errors.New("nothing was stopped")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("not done after %s (--timeout); another plumbline stop goes on", c.Timeout))
	defer cancel()
	if !plan.Empty() {
		if err := t.run(ctx, p.Stdout); err != nil {
			return err
		}
	}
	for _, here := range local {
		err := here.remove(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return fmt.Errorf("%w; of this machine's containers stays what is left", errInterrupted)
		case err != nil:
			return err
		}
	}
	return nil
}

// local are this machine's containers that go, too, if asked for: deploy did not make them. Where docker does not answer there are none.
func (c *stopCommand) local(ctx context.Context, p *Process) (all []container) {
	if !c.Local {
		return nil
	}
	for _, e := range engines(func(format string, args ...any) { fmt.Fprintf(p.Stdout, format+"\n", args...) }) {
		found, err := e.containers(ctx)
		if err == nil {
			all = append(all, slices.DeleteFunc(found, func(c container) bool { return c.compose != "" })...)
		}
	}
	return all
}

// takedown is what plumbline stop and a watching deploy's ESC do.
type takedown struct {
	client            *kube.Client
	deleteData, force bool
	again             string // command that goes on where it breaks off
	rights            string // command that lists the rights it takes
}

// errInterrupted is the end by Ctrl-C or SIGTERM.
var errInterrupted = errors.New("interrupted")

// interrupted tells what ended in the middle because it was to end from what failed.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

func (t takedown) options() stop.Options {
	namespace := t.client.Namespace()
	return stop.Options{
		Marks:      kube.Marks{Namespace: namespace, Namespaced: manifest.Selector, Everywhere: manifest.SelectorEverywhere(namespace)},
		DeleteData: t.deleteData, Force: t.force, Others: manifest.SelectorOthers,
		WithData: []string{manifest.AccountsSecret}, Component: manifest.ComponentLabel, Workers: manifest.WorkComponent,
	}
}

// run takes everything back and shows how far it is.
func (t takedown) run(ctx context.Context, to io.Writer) error {
	o := t.options()
	view := stopView{to: to, live: isTerminal(to)}
	o.Progress = view.show
	began := time.Now()
	within, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() {
		why := context.Cause(ctx)
		if errors.Is(ctx.Err(), context.Canceled) {
			why = fmt.Errorf("%w; %s goes on", errInterrupted, t.again)
		}
		cancel(why)
	})()
	result, err := stop.Run(within, t.client, o)
	view.end()
	if err != nil {
		return t.advised(err)
	}
	fmt.Fprintf(to, "Stopped: %s deleted in %s.\n", wording.Count(result.Deleted, "object"), time.Since(began).Round(time.Second))
	for _, kept := range result.Kept {
		fmt.Fprintln(to, "Kept:", kept)
	}
	return nil
}

// advised says what to do where this user may not stop it.
func (t takedown) advised(err error) error {
	if !errors.Is(err, kube.ErrForbidden) {
		return err
	}
	return fmt.Errorf("%w\nAsk an administrator of the cluster for the rights (%s lists those that are missing), or stop as one (--context)", err, t.rights)
}

// showPlan says what goes and what stays.
func (t takedown) showPlan(ctx context.Context, to io.Writer, plan stop.Plan) {
	server, name := t.client.Server()
	if name != "" {
		server = name + ", " + server
	}
	fmt.Fprintf(to, "In the namespace %s (%s) go:\n", t.client.Namespace(), server)
	byKind := map[string][]string{}
	var kinds []string
	for _, r := range plan.Going {
		if len(byKind[r.Kind]) == 0 {
			kinds = append(kinds, r.Kind)
		}
		byKind[r.Kind] = append(byKind[r.Kind], r.Name)
	}
	for _, kind := range kinds {
		fmt.Fprintf(to, "  %-22s %s\n", kind, strings.Join(byKind[kind], ", "))
	}
	if len(plan.Workers) > 0 {
		fmt.Fprintf(to, "%s at work, and first %s the picture in hand: %s\n", wording.Count(len(plan.Workers), "worker"), wording.Agree(len(plan.Workers), "finishes", "finish"), strings.Join(plan.Workers, ", "))
	}
	if len(plan.Tainted) > 0 {
		fmt.Fprintf(to, "The taint %s is lifted from %s, unless another installation wants it.\n", kube.ControlPlaneTaint, strings.Join(plan.Tainted, ", "))
	}
	if t.deleteData {
		return
	}
	tellKept(to, plan)
	if len(plan.Claims) > 0 {
		if q, err := hubBacklog(ctx, t.client); err == nil && q.Waiting+q.Leased > 0 {
			n := q.Waiting + q.Leased
			fmt.Fprintf(to, "%s on it %s to be analysed; the next deploy goes on with %s.\n", wording.Count(n, "picture"), wording.Agree(n, "waits", "wait"), wording.Agree(n, "it", "them"))
		}
	}
}

func tellKept(to io.Writer, plan stop.Plan) {
	if len(plan.Claims) > 0 {
		fmt.Fprintf(to, "The hub's volume stays (%s)", strings.Join(plan.Claims, ", "))
		if len(plan.Secrets) > 0 {
			fmt.Fprintf(to, ", and with it %s: passwords of accounts on it", strings.Join(plan.Secrets, ", "))
		}
		fmt.Fprintln(to, "; --delete-data removes it.")
	}
}

// tellElsewhere names other namespaces with an installation: one of them may have been meant.
func (t takedown) tellElsewhere(ctx context.Context, to io.Writer) error {
	all, err := t.client.List(ctx, kube.Query{Kind: "Namespace", Labels: manifest.Selector})
	if err != nil {
		return err
	}
	var others []string
	for _, o := range all {
		if o.Name() != t.client.Namespace() {
			others = append(others, o.Name())
		}
	}
	if len(others) > 0 {
		fmt.Fprintf(to, "Others have it (--namespace): %s\n", strings.Join(others, ", "))
	}
	return nil
}

// mayDeleteData refuses to delete a volume with pictures that nothing else has.
func (c *stopCommand) mayDeleteData(ctx context.Context, client *kube.Client, plan stop.Plan) error {
	if !c.DeleteData || c.Yes || len(plan.Claims) == 0 {
		return nil
	}
	q, err := hubBacklog(ctx, client)
	if err != nil {
		return fmt.Errorf("--delete-data: whether pictures would be lost cannot be seen, since the hub does not answer; deploy again and look, or delete them unseen with --yes: %w", err)
	}
	if q.Waiting+q.Leased+q.Dead > 0 {
		return fmt.Errorf("--delete-data would lose what nothing else has: %d waiting, %d with workers, %s on the volume. Let it be analysed (plumbline dead lists dead letters), or delete it with --yes. Nothing was stopped",
			q.Waiting, q.Leased, wording.Count(q.Dead, "dead letter"))
	}
	return nil
}

// hubBacklog asks the hub through the API server, with the token from its Secret.
func hubBacklog(ctx context.Context, client *kube.Client) (q hubapi.Queue, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	secret, there, err := client.Get(ctx, kube.Ref{Kind: "Secret", Namespace: client.Namespace(), Name: manifest.HTTPSecret})
	if err != nil {
		return q, err
	}
	if !there {
		return q, fmt.Errorf("there is no Secret %s", manifest.HTTPSecret)
	}
	token, err := base64.StdEncoding.DecodeString(secret.Text("data", "token"))
	if err != nil {
		return q, fmt.Errorf("reading the Secret %s: %w", manifest.HTTPSecret, err)
	}
	hub := hubClient{http: http.Client{Transport: client.Through(client.Namespace(), manifest.Hub, "http")}, base: "http://" + manifest.Hub, token: string(token), whom: "the hub"}
	return q, hub.do(ctx, http.MethodGet, "/api/v1/queue", &q)
}

// agreed asks on a terminal; elsewhere nobody is there to be asked.
func agreed(ctx context.Context, p *Process, question string) bool {
	in, ok := p.Stdin.(io.Writer)
	if !ok || !isTerminal(in) || !isTerminal(p.Stdout) {
		return true
	}
	fmt.Fprintf(p.Stdout, "%s [y/N] ", question)
	answered := make(chan string, 1)
	go func() { // ends with the process, where nobody answers
		answer, _ := bufio.NewReader(p.Stdin).ReadString('\n')
		answered <- strings.ToLower(strings.TrimSpace(answer))
	}()
	select {
	case answer := <-answered:
		return answer == "y" || answer == "yes"
	case <-ctx.Done():
		fmt.Fprintln(p.Stdout)
		return false
	}
}

// stopView shows stages: one line each when it is done, and on a terminal one that changes for the stage that is waited for.
type stopView struct {
	to   io.Writer
	live bool
	open bool // a line that is not ended
}

func (v *stopView) show(p stop.Progress) {
	v.end()
	switch {
	case p.Done && p.Text == "":
	case p.Done:
		fmt.Fprintf(v.to, "%s %-22s %s\n", marks[fine], p.Stage, p.Text)
	case v.live:
		fmt.Fprintf(v.to, "… %-22s %s", p.Stage, wording.List(p.Left, fewNames))
		v.open = true
	default:
		fmt.Fprintf(v.to, "… %-22s waits for %s\n", p.Stage, wording.List(p.Left, fewNames))
	}
}

// fewNames fit into a line that changes.
const fewNames = 3

// end removes the line that changes.
func (v *stopView) end() {
	if v.open {
		fmt.Fprint(v.to, "\r\x1b[K")
		v.open = false
	}
}
