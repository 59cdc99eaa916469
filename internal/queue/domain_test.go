package queue_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"plumbline/internal/posture"
	"plumbline/internal/queue"
	"plumbline/internal/testkit/freeport"
	"plumbline/internal/testkit/nats"
)

// A hub at the edge knows a leaf node only. Its queue is on the other side of it, in the domain that it names.
func TestQueueInTheDomainBehindALeafNode(t *testing.T) {
	t.Parallel()
	port, err := freeport.Port()
	must(t, err)
	// The leaf node is there first, and tries again after a second: a hub that starts meanwhile waits for it.
	edge := nats.Start(t, func(o *server.Options) {
		o.ServerName, o.JetStreamDomain = "edge", "edge"
		o.LeafNode.Remotes = []*server.RemoteLeafOpts{{URLs: []*url.URL{{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", port)}}}}
	})
	central := nats.Start(t, func(o *server.Options) {
		o.ServerName, o.JetStreamDomain = "central", "central"
		o.LeafNode.Host, o.LeafNode.Port = "127.0.0.1", port
	})
	o := options(t)
	o.Outside = &queue.Outside{Server: queue.Server{URLs: []string{edge.URL()}}, Domain: "central", Replicas: 1}
	h := open(t, o)
	go func() { _ = h.ServeResults(t.Context(), (&rows{ids: map[string]int{}}).record) }()
	id := accept(t, h, receipt(), picture(10))

	w, err := queue.Join(t.Context(), queue.JoinOptions{Outside: o.Outside, Logger: o.Logger})
	must(t, err)
	t.Cleanup(func() { _ = w.Close() })
	c, err := w.Claim(t.Context())
	must(t, err)
	if leased, err := h.LeasedIDs(t.Context()); err != nil || !leased[id] {
		t.Errorf("leased are %v (%v), want %s", leased, err, id)
	}
	must(t, w.HandIn(t.Context(), posture.Result{CaptureID: id, Device: "pi1"}))
	must(t, c.Acknowledge(t.Context()))
	eventually(t, "an empty queue", func() bool { d := depth(t, h); return d.Waiting+d.Leased == 0 })

	there := options(t)
	there.Outside = &queue.Outside{Server: queue.Server{URLs: []string{central.URL()}}, Replicas: 1}
	if ids := journalIDs(t, open(t, there)); len(ids) != 1 || ids[0] != id {
		t.Errorf("the central server's journal has %v, want %s", ids, id)
	}
}
