package placement

import (
	"context"
	"fmt"
	"time"

	"plumbline/internal/cluster/kube"
)

// avoidFor is how long a node is left alone that did not get the pod it was chosen for.
const avoidFor = 2 * time.Minute

// evictLost gives placed pods another try that no node has taken: the node is gone, or the scheduler finds it unfit (somebody
// else was faster, say). Their affinity can't be changed any more, so their Job makes a new, gated pod. A pod that is bound
// is never touched.
func (g *Gate) evictLost(ctx context.Context, pods []kube.Pod, now time.Time) {
	var there map[string]bool
	for _, p := range pods {
		if p.Bound || p.Gated || p.Deleting || p.Decision == "" || !p.Ended.IsZero() {
			continue
		}
		if there == nil {
			there = map[string]bool{}
			for _, n := range g.o.Cluster.Nodes(kube.Template{}) {
				there[n.Name] = true
			}
		}
		switch since := now.Sub(p.PlacedAt); {
		case !there[p.Node]:
			g.evict(ctx, p, "node-gone", fmt.Sprintf("node %s is gone", p.Node))
		case since > g.o.BindWithin:
			g.evict(ctx, p, "not-bound", fmt.Sprintf("%s did not get this pod within %s", p.Node, g.o.BindWithin))
		}
	}
}

func (g *Gate) evict(ctx context.Context, p kube.Pod, reason, why string) {
	g.mu.Lock()
	_, tried := g.retry[p.UID]
	if !tried {
		g.retry[p.UID] = time.Now().Add(retryAfter)
	}
	if reason == "not-bound" {
		g.avoid[p.Node] = avoided{until: time.Now().Add(avoidFor), why: fmt.Sprintf("did not get pod %s within %s", p.Name, g.o.BindWithin)}
	}
	g.mu.Unlock()
	if tried {
		return
	}
	if err := g.o.Hands.Evict(ctx, p); err != nil {
		if ctx.Err() == nil {
			g.m.errors.WithLabelValues("evict").Inc()
			g.o.Log.Warn("a pod that no node takes could not be evicted", "pod", p.Name, "node", p.Node, "error", err)
		}
		return
	}
	g.m.evictions.WithLabelValues(reason).Inc()
	g.o.Log.Info("pod evicted before it ran", "pod", p.Name, "node", p.Node, "why", why)
	g.notes.add(p, kube.Note{Warning: true, Reason: "EvictedUnbound", Message: why + "; its Job makes a new pod, which is placed again"})
}
