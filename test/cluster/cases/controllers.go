//go:build linux

package cases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumbline/test/cluster/system"
)

// status is what a controller says of the nodes.
type status struct {
	Nodes []struct {
		Node      string
		Candidate bool
		Reason    string
		GPU       *float64
		Age       time.Duration // of the sample
	}
	text []byte // all that it says
}

// statuses asks the controllers that are installed, each by its pod's address.
func (w *World) statuses(ctx context.Context) (map[string]status, error) {
	pods, err := w.API.CoreV1().Pods(Namespace).List(ctx, metav1.ListOptions{LabelSelector: controlLabel, FieldSelector: "status.phase=Running"})
	if err != nil {
		return nil, err
	}
	all := map[string]status{}
	for _, p := range pods.Items {
		if p.DeletionTimestamp != nil {
			continue
		}
		s, err := askStatus(ctx, "http://"+net.JoinHostPort(p.Status.PodIP, "9403"))
		if err != nil {
			return all, fmt.Errorf("asking %s: %w", p.Name, err)
		}
		all[p.Name] = s
	}
	return all, nil
}

func askStatus(ctx context.Context, url string) (s status, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/status", nil)
	if err != nil {
		return s, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return s, err
	}
	defer response.Body.Close()
	if s.text, err = io.ReadAll(response.Body); err != nil {
		return s, err
	}
	return s, json.Unmarshal(s.text, &s)
}

// awaitKnown waits until every controller knows these loads, and no older ones are in its mean; a negative one stands for a node
// whose load is not known, or known too long ago.
func (w *World) awaitKnown(ctx context.Context, wanted map[string]float64) error {
	return system.Await(ctx, slow, fmt.Sprintf("every controller knows the loads %v", wanted), func(ctx context.Context) error {
		statuses, err := w.statuses(ctx)
		if err == nil && len(statuses) == 0 {
			err = errors.New("no controller runs")
		}
		for pod, s := range statuses {
			err = errors.Join(err, s.differs(pod, wanted))
		}
		return err
	})
}

func (s status) differs(pod string, wanted map[string]float64) (wrong error) {
	seen := map[string]bool{}
	for _, n := range s.Nodes {
		ratio, asked := wanted[n.Node]
		seen[n.Node] = true
		switch {
		case !asked:
		case ratio < 0 && n.Candidate:
			wrong = errors.Join(wrong, fmt.Errorf("to %s the load of %s is known", pod, n.Node))
		case ratio >= 0 && n.GPU == nil:
			wrong = errors.Join(wrong, fmt.Errorf("to %s the load of %s is not known (%s)", pod, n.Node, n.Reason))
		case ratio >= 0 && math.Abs(*n.GPU-ratio) > 0.005:
			wrong = errors.Join(wrong, fmt.Errorf("to %s %s is at %.2f", pod, n.Node, *n.GPU))
		}
	}
	for node := range wanted {
		if !seen[node] {
			wrong = errors.Join(wrong, fmt.Errorf("%s does not know of %s", pod, node))
		}
	}
	return wrong
}

// load sets real nodes' loads and waits until every controller knows them.
func (w *World) load(ctx context.Context, loads map[string]float64) error {
	if err := w.SetLoads(loads); err != nil {
		return err
	}
	return w.awaitKnown(ctx, loads)
}

// allKnown is the same load for every real node.
func (w *World) allKnown(ctx context.Context, ratio float64) error {
	wanted := map[string]float64{}
	for _, node := range w.Nodes {
		wanted[node] = ratio
	}
	return w.awaitKnown(ctx, wanted)
}
