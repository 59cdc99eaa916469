package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/scaler"
	"plumbline/internal/gpu"
	"plumbline/internal/wording"
)

// controlReport is GET /status: what the controller sees, what it decided, and from what.
type controlReport struct {
	At         time.Time         `json:"at"`
	Version    string            `json:"version"`
	Namespace  string            `json:"namespace"`
	Placement  string            `json:"placement"` // gate, patch or none
	Problems   []string          `json:"problems"`  // what can't be read
	Loads      reading           `json:"loads"`
	Backlog    *scaler.Backlog   `json:"backlog"` // nil: not known; a problem says why
	ScaledJobs []scaledJobReport `json:"scaled_jobs"`
	Nodes      []nodeReport      `json:"nodes"`   // with the eyes of the first ScaledJob
	Scaling    []scaler.Decision `json:"scaling"` // those that came out otherwise than the one before, the newest first
	placementReport
}

// scaledJobReport is one ScaledJob, and how many Jobs it would be given now.
type scaledJobReport struct {
	Name     string           `json:"name"`
	Strategy scaler.Strategy  `json:"strategy"`
	Gated    bool             `json:"gated"`   // its pods are born with the scheduling gate
	Gradual  bool             `json:"gradual"` // rollout.strategy
	Paused   bool             `json:"paused,omitempty"`
	Problem  string           `json:"problem,omitempty"` // why nothing can be decided
	Now      *scaler.Decision `json:"now,omitempty"`     // nil: see Problem
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
			r.Problems = append(r.Problems, what+": "+wording.OneLine(err))
		}
	}
	problem("kubernetes", k.watch.Ready(ctx))
	problem("prometheus", k.loads.ready(ctx))
	backlog, err := k.backlog(ctx)
	problem("hub", err)
	if err == nil {
		r.Backlog = &backlog
	}
	r.Loads, _ = k.loads.state()
	for _, s := range k.watch.ScaledJobs() {
		if metadata, ok := k.trigger(s); ok && (k.config.ScaledJob == "" || k.config.ScaledJob == s.Name) {
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
		r.Problem = wording.OneLine(err)
		return r
	}
	r.Now = &d
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
			n.Age = s.At.Sub(m.At)
			if m.Invalid == "" { // else it says nothing, and the refusal says why
				n.GPU = &m.Utilization
			}
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
	client, err := newRemoteClient(c.HTTP, c.HTTPTokenFile, "a controller", "http://127.0.0.1:9403")
	if err != nil {
		return misused(err)
	}
	client.whom = "the controller"
	var text json.RawMessage
	if err := client.do(ctx, "GET", "/status", &text); err != nil {
		return fmt.Errorf("%w (is %s its address? give it with --http)", err, c.HTTP)
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
	fmt.Fprintf(to, "namespace %s, placement %s, %s\n", r.Namespace, r.Placement, shownBacklog(r.Backlog))
	if r.Loads.From != "" {
		fmt.Fprintf(to, "loads by %s, %s ago\n", r.Loads.From, r.At.Sub(r.Loads.At).Round(time.Second))
	}
	for _, p := range r.Problems {
		fmt.Fprintln(to, "PROBLEM", p)
	}
	for _, n := range r.Loads.Notes {
		fmt.Fprintln(to, "NOTE", n)
	}
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nNODE\tGPU\tEXPECTED\tAGE\tCPU\tFREE\tWORKERS\tWHY NOT")
	for _, n := range r.Nodes {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", n.Node, shownRatio(n.GPU), shownRatio(n.Score), n.shownAge(), shownRatio(n.CPU), n.Free, len(n.Workers), n.Reason)
	}
	fmt.Fprintln(table, "\nSCALEDJOB\tSTRATEGY\tJOBS\tUNCLAIMED\tGATED\tNEW\tBECAUSE")
	for _, s := range r.ScaledJobs {
		s.write(table)
	}
	fmt.Fprintln(table, "\nDECIDED\tSCALEDJOB\tWAITING\tNEW\tBECAUSE")
	for _, d := range r.Scaling {
		waiting := "-"
		if d.Backlog != nil {
			waiting = strconv.Itoa(d.Backlog.Waiting)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\n", d.At.Format(time.TimeOnly), d.ScaledJob, waiting, d.New, strings.TrimSpace(d.Because))
	}
	r.placementReport.write(table)
	return table.Flush()
}

// write is its line of the table. What is not known is a dash.
func (s scaledJobReport) write(to io.Writer) {
	d := s.Now
	if d == nil {
		fmt.Fprintf(to, "%s\t%s\t-\t-\t-\t-\t%s\n", s.Name, s.Strategy.Name, s.Problem)
		return
	}
	known := func(n int, is bool) string {
		if !is {
			return "-"
		}
		return strconv.Itoa(n)
	}
	fmt.Fprintf(to, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", s.Name, s.Strategy.Name, known(d.Unfinished, !d.Blind),
		known(d.Unclaimed, !d.Blind && d.Backlog != nil), known(d.Gated, !d.Blind), d.New, d.Because)
}

func shownBacklog(b *scaler.Backlog) string {
	if b == nil {
		return "what waits is not known"
	}
	return fmt.Sprintf("%d waiting, %d leased, %d dead", b.Waiting, b.Leased, b.Dead)
}

// shownAge is that of the sample where it says something.
func (n nodeReport) shownAge() string {
	if n.GPU == nil {
		return "-"
	}
	return n.Age.Round(time.Second).String()
}

func shownRatio(r *float64) string {
	if r == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100**r)
}
