package placement

import (
	"slices"
	"strings"
	"time"
)

// Waiting is a gated pod and why it waits.
type Waiting struct {
	Pod   string    `json:"pod"`
	Since time.Time `json:"since"` // when it was first seen here
	Why   string    `json:"why,omitempty"`
}

// Waiting gives the pods that wait, sorted by name. Only the leader knows them.
func (g *Gate) Waiting() []Waiting {
	names := map[string]string{}
	for _, p := range g.o.Cluster.Pods() {
		names[p.UID] = p.Name
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []Waiting
	for uid, w := range g.waiting {
		if _, placed := g.assumed[uid]; !placed && names[uid] != "" {
			out = append(out, Waiting{Pod: names[uid], Since: w.first, Why: w.why})
		}
	}
	slices.SortFunc(out, func(a, b Waiting) int { return strings.Compare(a.Pod, b.Pod) })
	return out
}
