//go:build linux

package cases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumbline/test/cluster/system"
)

const (
	crowdNodes = 1000
	crowdJobs  = 500
	crowd      = "crowd" // the namespace
)

// crowdOfNodes: the controller as a process, under its own account, beside a thousand nodes that only pretend; a hub that only says
// how much waits; KEDA makes the Jobs. How long do pods stand gated, and what does it cost?
func crowdOfNodes(ctx context.Context, w *World) (err error) {
	defer func() { err = errors.Join(err, w.disperse(context.WithoutCancel(ctx))) }()
	if err := w.gather(ctx); err != nil {
		return err
	}
	hub, err := serveBacklog()
	if err != nil {
		return err
	}
	if err := w.startOwnController(ctx, crowd, hub.address, 9412); err != nil {
		return err
	}
	if err := w.Apply(ctx, fmt.Sprintf(crowdScaledJob, system.Machine)); err != nil {
		return err
	}
	w.mark = w.auditSize()
	start := time.Now()
	hub.waiting.Store(crowdJobs * 20)
	err = system.Await(ctx, 10*time.Minute, fmt.Sprintf("%d workers are placed", crowdJobs), func(ctx context.Context) error {
		pods, err := w.API.CoreV1().Pods(crowd).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return err
		}
		bound := 0
		for _, p := range pods.Items {
			if p.Spec.NodeName != "" {
				bound++
			}
		}
		if bound < crowdJobs {
			return fmt.Errorf("%d of %d pods are", bound, len(pods.Items))
		}
		return nil
	})
	if err != nil {
		return err
	}
	hub.waiting.Store(0)
	if err := w.fitNodes(ctx); err != nil {
		return err
	}
	w.note("%d Jobs on %d nodes: all bound after %.1f s", crowdJobs, crowdNodes, time.Since(start).Seconds())
	// An act stands in the audit log a moment after it was done.
	return system.Await(ctx, slow, fmt.Sprintf("the audit log shows %d placements", crowdJobs), func(context.Context) error { return w.measureCrowd() })
}

// applyRights makes a namespace with the controller's account and rights, and nothing that runs.
func (w *World) applyRights(ctx context.Context, namespace string, further ...string) error {
	text, err := w.manifests(ctx, namespace, further...)
	if err != nil {
		return err
	}
	objects, err := system.Parse(text)
	if err != nil {
		return err
	}
	for _, o := range objects {
		switch o.GetKind() {
		case "Namespace", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding":
			if err := w.ApplyObject(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// gather makes the nodes, their loads, and the namespace with the controller's account.
func (w *World) gather(ctx context.Context) error {
	if err := w.applyRights(ctx, crowd); err != nil {
		return err
	}
	names := crowdNames()
	adding, within := errgroup.WithContext(ctx)
	adding.SetLimit(8)
	for i, name := range names {
		w.loads.set(name, crowdLoad(i))
		if i%8 == 5 {
			w.loads.freeze(name, time.Now().Add(-10*time.Minute))
		}
		adding.Go(func() error { return w.AddPretended(within, name, map[string]string{"crowd": "yes"}, apart) })
	}
	if err := adding.Wait(); err != nil {
		return err
	}
	return w.Ready(ctx, names...)
}

// crowdLoad: each fourth node is over the threshold. Each eighth, another, was measured long ago.
func crowdLoad(i int) float64 {
	if i%4 == 3 {
		return 0.95
	}
	return float64(i%70) / 100
}

// fitNodes sees that each worker has a node of its own, which was under the threshold and known.
func (w *World) fitNodes(ctx context.Context) error {
	pods, err := w.API.CoreV1().Pods(crowd).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return err
	}
	fit, by := map[string]bool{}, map[string]string{}
	for i, name := range crowdNames() {
		fit[name] = i%4 != 3 && i%8 != 5
	}
	for _, p := range pods.Items {
		node := p.Spec.NodeName
		switch {
		case node == "":
			continue
		case !fit[node]:
			err = errors.Join(err, fmt.Errorf("%s is on %s, which is not fit", p.Name, node))
		case by[node] != "":
			err = errors.Join(err, fmt.Errorf("%s and %s are both on %s", p.Name, by[node], node))
		}
		by[node] = p.Name
	}
	return err
}

func crowdNames() (names []string) {
	for i := range crowdNodes {
		names = append(names, fmt.Sprintf("crowd-%04d", i))
	}
	return names
}

// disperse takes all of it away again.
func (w *World) disperse(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	for _, name := range crowdNames() {
		w.loads.forget(name)
	}
	err := errors.Join(w.endOwnController(crowd), w.API.CoreV1().Namespaces().Delete(ctx, crowd, metav1.DeleteOptions{}))
	// A busy API server gives up after a minute, and has then deleted a part of them.
	return errors.Join(err, system.Await(ctx, 3*time.Minute, "the nodes are deleted", func(ctx context.Context) error {
		return w.API.CoreV1().Nodes().DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "crowd"})
	}))
}

// startOwnController starts a controller as a process that acts as the controller's account of a namespace; KEDA asks it at
// this port of the machine's.
func (w *World) startOwnController(ctx context.Context, namespace, hub string, port int, further ...string) error {
	kubeconfig, err := w.KubeconfigOf(ctx, namespace, controller)
	if err != nil {
		return err
	}
	status := fmt.Sprintf("127.0.0.1:%d", port+1)
	return w.Run(ctx, namespace+"-control", "http://"+status+"/readyz", w.Plumbline, append([]string{"control", "--kubeconfig=" + kubeconfig, "--namespace=" + namespace,
		"--hub=http://" + hub, "--prometheus=" + system.PrometheusURL, fmt.Sprintf("--listen=%s:%d", system.Machine, port), "--listen-anonymous", "--http-listen=" + status,
		"--load-every=" + loadEvery.String(), "--load-window=" + loadWindow.String(), "--sample-max-age=" + maxAge.String()}, further...)...)
}

func (w *World) endOwnController(namespace string) error {
	if !w.Runs(namespace + "-control") {
		return nil
	}
	return w.Kill(namespace + "-control")
}

// backlog is a hub that knows nothing but how much waits.
type backlog struct {
	address string
	waiting atomic.Int64
}

func serveBacklog() (*backlog, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &backlog{address: listener.Addr().String()}
	go http.Serve(listener, b) //nolint:errcheck,gosec // it ends with the process, and only the controller is there
	return b, nil
}

func (b *backlog) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	answer := map[string]any{"waiting": b.waiting.Load(), "leased": 0, "dead": 0, "workers": []any{}}
	if b.waiting.Load() > 0 {
		answer["oldest_waiting_at"] = time.Now().UTC().Format(time.RFC3339Nano)
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer) //nolint:errcheck // the controller asks again
}

// measureCrowd reads from the audit log how long each pod stood gated and what the controller asked of the API server.
func (w *World) measureCrowd() error {
	acts, err := w.acts()
	if err != nil {
		return err
	}
	made, asked := map[string]time.Time{}, 0
	var gated []time.Duration
	for _, a := range acts {
		if a.Object.Resource == "pods" && a.Verb == "create" && a.Object.Subresource == "" && a.Response.Code < 300 {
			made[a.name()] = a.Ended
		}
	}
	for _, a := range acts {
		if !a.by(crowd) {
			continue
		}
		asked++
		if at, known := made[a.Object.Name]; known && a.Object.Resource == "pods" && a.Verb == "patch" && a.Response.Code < 300 {
			gated = append(gated, a.Ended.Sub(at))
		}
	}
	if len(gated) < crowdJobs {
		return fmt.Errorf("%d", len(gated))
	}
	slices.Sort(gated)
	memory, err := w.PeakMemory("crowd-control")
	w.note("gated to placed: median %.0f ms, p99 %.0f ms; %.2f API calls a placement; the controller's memory at most %.0f MB",
		1000*gated[len(gated)/2].Seconds(), 1000*gated[len(gated)*99/100].Seconds(), float64(asked)/float64(len(gated)), memory)
	return err
}

// crowdScaledJob: its pods run for a while and end well.
var crowdScaledJob = `
apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata: {name: crowd, namespace: crowd}
spec:
  pollingInterval: 1
  maxReplicaCount: 500
  rollout: {strategy: gradual}
  triggers: [{type: external, metadata: {scalerAddress: "%[1]s:9412"}}]
  jobTargetRef:
    template:
      metadata: {annotations: {` + system.RunsFor + `: 5m}}
      spec:
        schedulingGates: [{name: plumbline/placement}]
        restartPolicy: Never
        automountServiceAccountToken: false
        nodeSelector: {crowd: "yes"}
        tolerations: [{key: "` + apart.Key + `", operator: Exists}]
        containers: [{name: work, image: none, resources: {requests: {cpu: 100m}}}]
`
