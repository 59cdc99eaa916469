package stop

import (
	"context"
	"slices"
	"strings"

	"plumbline/internal/cluster/kube"
)

// Plan is what Run would do, for people to look at before.
type Plan struct {
	Going   []kube.Ref
	Workers []string // that run now, with their nodes
	Tainted []string // nodes whose taint goes
	Claims  []string // that hold what the hub accepted; they stay unless the data is to go
	Secrets []string // that stay with them
}

// Empty says that nothing of ours is there, or nothing but what stays.
func (p Plan) Empty() bool { return len(p.Going)+len(p.Workers)+len(p.Tainted) == 0 }

// Look says what Run would do. It fails where somebody else runs Plumbline in the namespace.
func Look(ctx context.Context, c Cluster, o Options) (p Plan, err error) {
	r := &run{Cluster: c, Options: o}
	if err := r.notOthers(ctx); err != nil {
		return p, err
	}
	all, err := r.made(ctx)
	if err != nil {
		return p, err
	}
	going, claims := r.divide(all)
	for _, o := range claims {
		p.Claims = append(p.Claims, o.Name())
		if r.DeleteData {
			going = append(going, o)
		}
	}
	for _, o := range going {
		p.Going = append(p.Going, o.Ref())
	}
	p.Secrets = r.staying(all, claims)
	if err := r.planPods(ctx, &p); err != nil {
		return p, err
	}
	return p, r.planNamespace(ctx, &p, all)
}

// planNamespace adds the namespace if it is ours and nothing stays in it.
func (r *run) planNamespace(ctx context.Context, p *Plan, all []kube.Object) error {
	ours := slices.ContainsFunc(all, func(o kube.Object) bool { return o.Kind() == "Namespace" })
	if !ours {
		return nil
	}
	why, err := r.inhabited(ctx, p.Going)
	if err == nil && why == "" {
		p.Going = append(p.Going, kube.Ref{Kind: "Namespace", Name: r.Marks.Namespace})
	}
	return err
}

func (r *run) staying(all, claims []kube.Object) (names []string) {
	if len(claims) == 0 || r.DeleteData {
		return nil
	}
	for _, o := range all {
		if o.Kind() == "Secret" && slices.Contains(r.WithData, o.Name()) {
			names = append(names, o.Name())
		}
	}
	return names
}

// planPods looks at what others made for us: Jobs and pods; and at nodes.
func (r *run) planPods(ctx context.Context, p *Plan) error {
	jobs, err := r.ofKind(ctx, "Job")
	if err != nil {
		return err
	}
	for _, j := range jobs {
		p.Going = append(p.Going, j.Ref())
	}
	pods, err := r.pods(ctx, r.Workers)
	if err != nil {
		return err
	}
	for _, o := range pods {
		if working(o) {
			p.Workers = append(p.Workers, strings.TrimPrefix(describe([]kube.Object{o})[0], "Pod "))
		}
	}
	nodes, err := r.Machines(ctx)
	for _, n := range nodes {
		if slices.Contains(n.TaintedFor, r.Marks.Namespace) {
			p.Tainted = append(p.Tainted, n.Name)
		}
	}
	return err
}
