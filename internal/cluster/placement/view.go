package placement

import (
	"context"
	"maps"
	"time"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/gpu"
)

// view is the cluster at one look. What is decided in it is added to workers.
type view struct {
	at    time.Time
	look  func(kube.Template) (gpu.Snapshot, error)
	byKey map[string]*gpu.Snapshot // by template
	none  map[string]*wait         // by what kindOfPod gives: no node is fit for these any more
}

func (g *Gate) newView(ctx context.Context) *view {
	g.mu.Lock()
	defer g.mu.Unlock()
	assumed, avoid := maps.Clone(g.assumed), maps.Clone(g.avoid)
	v := &view{at: time.Now().UTC(), byKey: map[string]*gpu.Snapshot{}, none: map[string]*wait{}}
	v.look = func(t kube.Template) (gpu.Snapshot, error) {
		s, err := g.o.Surroundings(ctx, t)
		s.At, s.Nodes, s.Workers = v.at, avoiding(s.Nodes, avoid), assuming(s.Workers, assumed)
		return s, err
	}
	return v
}

// assuming adds workers that were placed and that the cluster does not show yet.
func assuming(all []gpu.Worker, assumed map[string]gpu.Worker) []gpu.Worker {
	seen := map[string]bool{}
	for _, w := range all {
		seen[w.Pod] = true
	}
	for _, w := range assumed {
		if !seen[w.Pod] {
			all = append(all, w)
		}
	}
	return all
}

func avoiding(all []gpu.Node, avoid map[string]avoided) []gpu.Node {
	for i, n := range all {
		if a, ok := avoid[n.Name]; ok && n.Excluded == "" {
			all[i].Excluded = a.why
		}
	}
	return all
}

// snapshot is the view with the eyes of a template. Decisions of one look share its slices.
func (v *view) snapshot(t kube.Template) (gpu.Snapshot, error) {
	if known, ok := v.byKey[t.Key()]; ok {
		return *known, nil
	}
	s, err := v.look(t)
	if err == nil {
		v.byKey[t.Key()] = &s
	}
	return s, err
}

// add counts what was just decided in what is decided next; what was decided before keeps its shorter slice.
func (v *view) add(w gpu.Worker) {
	for _, s := range v.byKey {
		s.Workers = append(s.Workers, w)
	}
}

// kindOfPod is equal for pods for which the same nodes are fit.
func kindOfPod(p kube.Pod) string { return p.ScaledJob + " " + p.Template.Key() }
