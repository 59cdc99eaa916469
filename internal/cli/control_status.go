package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/scaler"
	"plumbline/internal/gpu"
)

// controlReport is GET /status: what the controller sees, what it decided, and from what.
type controlReport struct {
	At         time.Time         `json:"at"`
	Version    string            `json:"version"`
	Namespace  string            `json:"namespace"`
	Placement  string            `json:"placement"` // gate, patch or none
	Problems   []string          `json:"problems"`  // what can't be read
	Loads      reading           `json:"loads"`
	Backlog    scaler.Backlog    `json:"backlog"`
	ScaledJobs []scaledJobReport `json:"scaled_jobs"`
	Nodes      []nodeReport      `json:"nodes"`   // with the eyes of the first ScaledJob
	Scaling    []scaler.Decision `json:"scaling"` // those that came out otherwise than the one before, the newest first
	placementReport
}

// scaledJobReport is one ScaledJob, and how many Jobs it would be given now.
type scaledJobReport struct {
	Name     string          `json:"name"`
	Strategy scaler.Strategy `json:"strategy"`
	Gated    bool            `json:"gated"`   // its pods are born with the scheduling gate
	Gradual  bool            `json:"gradual"` // rollout.strategy
	Paused   bool            `json:"paused,omitempty"`
	Problem  string          `json:"problem,omitempty"` // why nothing can be decided
	Now      scaler.Decision `json:"now"`
}

// nodeReport is one node: whether it may take a worker, by what, or why not.
type nodeReport struct {
	Node      string        `json:"node"`
	Candidate bool          `json:"candidate"`
	Reason    string        `json:"reason,omitempty"` // of the refusal
	GPU       *float64      `json:"gpu,omitempty"`    // ratio, as sampled
	Score     *float64      `json:"score,omitempty"`  // with what was placed since
	Age       time.Duration `json:"age,omitempty"`    // of the sample
	CPU       *float64      `json:"cpu,omitempty"`
	Memory    *float64      `json:"memory,omitempty"`
	Free      int           `json:"free"`
	Workers   []string      `json:"workers"` // pods that hold a slot
}

func (k *controller) status(ctx context.Context) controlReport {
	now := time.Now().UTC()
	r := controlReport{
		At: now, Version: k.version, Namespace: k.client.Namespace(), Placement: k.config.Placement,
		Problems: []string{}, ScaledJobs: []scaledJobReport{}, Nodes: []nodeReport{}, Scaling: []scaler.Decision{},
	}
	problem := func(what string, err error) {
		if err != nil {
			r.Problems = append(r.Problems, what+": "+err.Error())
		}
	}
	problem("kubernetes", k.watch.Ready(ctx))
	problem("prometheus", k.loads.ready(ctx))
	backlog, err := k.backlog(ctx)
	problem("hub", err)
	r.Backlog = backlog
	r.Loads, _ = k.loads.state()
	for _, s := range k.watch.ScaledJobs() {
		if metadata, ok := externalTrigger(s); ok && (k.config.ScaledJob == "" || k.config.ScaledJob == s.Name) {
			r.ScaledJobs = append(r.ScaledJobs, k.reportScaledJob(ctx, s, metadata))
		}
	}
	r.Nodes = k.reportNodes(r.ScaledJobs)
	r.Scaling = append(r.Scaling, k.scaler.Recent()...)
	r.placementReport = k.reportPlacement()
	return r
}

func (k *controller) reportScaledJob(ctx context.Context, s kube.ScaledJob, metadata map[string]string) scaledJobReport {
	r := scaledJobReport{Name: s.Name, Strategy: strategyOf(s), Gated: s.Gated, Gradual: s.Gradual, Paused: s.Paused}
	d, err := k.scaler.Peek(ctx, s.Namespace, s.Name, metadata)
	if err != nil {
		r.Problem = err.Error()
	}
	r.Now = d
	return r
}

// reportNodes shows the nodes as the first ScaledJob sees them, or as a pod would that asks for nothing.
func (k *controller) reportNodes(all []scaledJobReport) []nodeReport {
	if len(all) > 0 && all[0].Problem == "" {
		return nodesOf(all[0].Now.Snapshot, all[0].Now.Ranking)
	}
	s := k.surroundings(kube.Template{}).Clean()
	return nodesOf(s, gpu.Rank(s, k.rules))
}

func nodesOf(s gpu.Snapshot, ranking gpu.Ranking) []nodeReport {
	out := []nodeReport{}
	for _, c := range ranking.Candidates {
		n := newNodeReport(c.Node, s)
		n.Candidate, n.Free, n.Score, n.Age = true, c.Free, &c.Score, c.Age
		out = append(out, n)
	}
	for _, f := range ranking.Refused {
		n := newNodeReport(f.Node, s)
		n.Reason = f.Reason
		out = append(out, n)
	}
	return out
}

func newNodeReport(node string, s gpu.Snapshot) nodeReport {
	n := nodeReport{Node: node, Workers: []string{}}
	for _, m := range s.Samples {
		if m.Node == node {
			n.GPU, n.Age = &m.Utilization, s.At.Sub(m.At)
		}
	}
	for _, m := range s.Machines {
		if m.Node == node {
			n.CPU, n.Memory = measured(m.CPU), measured(m.Memory)
		}
	}
	for _, w := range s.Workers {
		if w.Node == node && !w.Ended() {
			n.Workers = append(n.Workers, w.Pod)
		}
	}
	slices.Sort(n.Workers)
	return n
}

func measured(ratio float64) *float64 {
	if ratio < 0 {
		return nil
	}
	return &ratio
}

// controlStatus asks a running controller.
type controlStatus struct {
	HTTP          string `name:"http" help:"HTTP address of the controller." default:"http://127.0.0.1:9403" placeholder:"URL"`
	HTTPTokenFile string `name:"http-token-file" help:"File with its token." placeholder:"FILE" type:"path"`
	JSON          bool   `help:"Print everything as JSON, decisions with their inputs." name:"json"`
}

// Help shows examples.
func (controlStatus) Help() string {
	return `Examples:
  plumbline control status
  kubectl port-forward deploy/plumbline-control 9403 & plumbline control status
  plumbline control status --json | jq '.nodes[] | select(.candidate | not) | .node + ": " + .reason'`
}

func (c *controlStatus) Run(ctx context.Context, p *Process) error {
	client, err := newRemoteClient(c.HTTP, c.HTTPTokenFile)
	if err != nil {
		return misused(err)
	}
	var text json.RawMessage
	if err := client.do(ctx, "GET", "/status", &text); err != nil {
		return fmt.Errorf("asking the controller at %s (give its address with --http): %w", c.HTTP, err)
	}
	if c.JSON {
		_, err := fmt.Fprintln(p.Stdout, string(text))
		return err
	}
	var r controlReport
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("reading the controller's answer: %w", err)
	}
	return r.write(p.Stdout)
}

// write shows it to people.
func (r controlReport) write(to io.Writer) error {
	fmt.Fprintf(to, "namespace %s, placement %s, %d waiting, %d leased, %d dead\n", r.Namespace, r.Placement, r.Backlog.Waiting, r.Backlog.Leased, r.Backlog.Dead)
	for _, p := range r.Problems {
		fmt.Fprintln(to, "PROBLEM", p)
	}
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nNODE\tGPU\tEXPECTED\tAGE\tCPU\tFREE\tWORKERS\tWHY NOT")
	for _, n := range r.Nodes {
		age := "-"
		if n.GPU != nil {
			age = n.Age.Round(time.Second).String()
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", n.Node, shownRatio(n.GPU), shownRatio(n.Score), age, shownRatio(n.CPU), n.Free, len(n.Workers), n.Reason)
	}
	fmt.Fprintln(table, "\nSCALEDJOB\tSTRATEGY\tJOBS\tUNCLAIMED\tGATED\tNEW\tBECAUSE")
	for _, s := range r.ScaledJobs {
		d := s.Now
		because := d.Because
		if s.Problem != "" {
			because = s.Problem
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%s\n", s.Name, s.Strategy.Name, d.Unfinished, d.Unclaimed, d.Gated, d.New, because)
	}
	fmt.Fprintln(table, "\nDECIDED\tSCALEDJOB\tWAITING\tNEW\tBECAUSE")
	for _, d := range r.Scaling {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\n", d.At.Format(time.TimeOnly), d.ScaledJob, d.Backlog.Waiting, d.New, strings.TrimSpace(d.Because))
	}
	r.placementReport.write(table)
	return table.Flush()
}

func shownRatio(r *float64) string {
	if r == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100**r)
}
