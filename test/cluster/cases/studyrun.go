//go:build linux

package cases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumbline/internal/gpu"
	"plumbline/internal/simulate"
	"plumbline/test/cluster/system"
)

// run is one policy with one seed on nodes, a namespace and a controller of its own. It is the hub, and each Job's work: the
// Jobs, where they go, and the samples are real, and how long a picture takes is what the scenario says.
type run struct {
	w          *World
	scenario   simulate.Scenario
	policy     gpu.Policy
	seed       uint64
	port       int
	background *simulate.Loads
	begin      time.Time // of the burst

	bursts *sync.Mutex // held by the run whose Jobs are all made at once

	mutex   sync.Mutex
	started map[types.UID]bool
	running map[string]string      // node by pod
	since   map[string]metav1.Time // when its container began, as Kubernetes knows it
	outcome simulate.Outcome
	done    chan struct{} // closed when every picture is
}

func (r *run) name() string { return fmt.Sprintf("study-%s-%d", r.policy, r.seed) }

func (r *run) node(i int) string { return fmt.Sprintf("%s-n%d", r.name(), i) }

// patience is how long a run may take; by the prediction the longest takes seven minutes, and 35 as the scripts did it.
func (r *run) patience() time.Duration {
	if r.policy == simulate.Scripts {
		return time.Hour
	}
	return 20 * time.Minute
}

// play gives what became of the pictures.
func (r *run) play(ctx context.Context) (o simulate.Outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	defer func() { err = errors.Join(err, r.end()) }()
	if err := r.setUp(ctx); err != nil {
		return o, err
	}
	parts, within := errgroup.WithContext(ctx)
	parts.Go(func() error { return r.sample(within) })
	parts.Go(func() error { return r.work(within) })
	if err := parts.Wait(); err != nil && !errors.Is(err, errAllDone) {
		return o, err
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.outcome, nil
}

// errAllDone ends a run's parts.
var errAllDone = errors.New("all pictures are done")

func (r *run) setUp(ctx context.Context) error {
	r.background, r.started, r.running, r.done = r.scenario.LoadsOf(r.seed), map[types.UID]bool{}, map[string]string{}, make(chan struct{})
	r.since, r.outcome = map[string]metav1.Time{}, simulate.Outcome{Policy: r.policy, Seed: r.seed, MaxBacklog: r.scenario.Pictures}
	if err := r.w.applyRights(ctx, r.name(), r.placement()); err != nil {
		return err
	}
	var names []string
	for i := range r.scenario.Nodes {
		names = append(names, r.node(i))
		if err := r.w.AddPretended(ctx, r.node(i), map[string]string{"study": r.name()}); err != nil {
			return err
		}
		r.measure(i)
	}
	if err := r.w.Ready(ctx, names...); err != nil {
		return err
	}
	hub, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go http.Serve(hub, r) //nolint:errcheck,gosec // it ends with the process, and only the controller is there
	if err := r.w.startOwnController(ctx, r.name(), hub.Addr().String(), r.port, r.controlling()...); err != nil {
		return err
	}
	// The controller must have seen the samples before the burst, as one would that runs for long.
	if err := wait(ctx, 5*time.Second); err != nil {
		return err
	}
	if r.policy == simulate.Scripts {
		return r.applyAsScripts(ctx)
	}
	return r.w.Apply(ctx, r.scaledJob("schedulingGates: [{name: plumbline/placement}]", "{}"))
}

func (r *run) placement() string {
	if r.policy == simulate.Scripts {
		return "--placement=patch"
	}
	return "--placement=gate"
}

// controlling are the controller's arguments.
func (r *run) controlling() []string {
	rules, policy, slots := r.scenario.Rules, r.policy, r.scenario.Rules.Slots
	switch r.policy {
	case simulate.Oracle:
		policy = gpu.LeastLoaded
	case simulate.Scripts:
		policy, slots = gpu.Original, r.scenario.Pictures
	}
	return []string{
		r.placement(), "--scaledjob=" + studyName, "--policy=" + string(policy), fmt.Sprintf("--slots=%d", slots), "--captures-per-job=1", "--hysteresis=0",
		fmt.Sprintf("--worker-load=%g", rules.WorkerLoad), fmt.Sprintf("--gpu-threshold=%g", rules.Threshold),
		"--sample-max-age=" + rules.MaxAge.String(), "--load-window=1s", "--rebalance-window=0s",
		// Its own nodes only, and no other sources: many controllers ask one Prometheus.
		fmt.Sprintf(`--gpu-load=ratio:plumbline_gpu_utilization_ratio{node=~"%[1]s-n.*"} measured at plumbline_gpu_sample_timestamp_seconds{node=~"%[1]s-n.*"}`, r.name()),
	}
}

func (r *run) scaledJob(gate, resources string) string {
	return fmt.Sprintf(studyScaledJob, r.name(), system.Machine, r.port, r.scenario.ColdStart, gate, resources)
}

// applyAsScripts leaves it to the ScaledJob's node affinity where Jobs go, and to what they ask for how many a node runs at a time.
// Pictures come when the affinity stands.
func (r *run) applyAsScripts(ctx context.Context) error {
	room := fmt.Sprintf("{requests: {cpu: %dm}}", 1000*system.PretendedCPUs/r.scenario.Rules.Slots)
	if err := r.w.Apply(ctx, r.scaledJob("", room)); err != nil {
		return err
	}
	return r.w.awaitPinned(ctx, r.name(), studyName, r.name()+"-n")
}

func (r *run) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i := range r.scenario.Nodes {
		r.w.loads.forget(r.node(i))
	}
	return errors.Join(r.w.endOwnController(r.name()), r.w.API.CoreV1().Namespaces().Delete(ctx, r.name(), metav1.DeleteOptions{}),
		r.w.API.CoreV1().Nodes().DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "study=" + r.name()}))
}

const studyName = "study"

const studyScaledJob = `
apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata: {name: study, namespace: %[1]s}
spec:
  pollingInterval: 1
  maxReplicaCount: 200
  rollout: {strategy: gradual}
  triggers: [{type: external, metadata: {scalerAddress: "%[2]s:%[3]d"}}]
  jobTargetRef:
    template:
      metadata: {annotations: {` + system.StartsAfter + `: %[4]s}}
      spec:
        %[5]s
        restartPolicy: Never
        nodeSelector: {study: %[1]s}
        containers: [{name: work, image: none, resources: %[6]s}]
`

// sample measures each node at the scenario's interval, each in its own phase; for the oracle all the time.
func (r *run) sample(ctx context.Context) error {
	every := r.scenario.Scrape
	if r.policy == simulate.Oracle {
		every = time.Second / 2
	}
	parts, ctx := errgroup.WithContext(ctx)
	for i := range r.scenario.Nodes {
		parts.Go(func() error {
			if err := wait(ctx, rand.N(every)); err != nil {
				return nil
			}
			tick := time.NewTicker(every)
			defer tick.Stop()
			for {
				r.measure(i)
				select {
				case <-tick.C:
				case <-r.done:
					return errAllDone
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		})
	}
	return parts.Wait()
}

// measure shows a node's load as it is now, until it is measured again.
func (r *run) measure(i int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.w.loads.set(r.node(i), min(1, r.loadOf(i)))
	r.w.loads.freeze(r.node(i), time.Now())
}

// loadOf is what a node carries: others' load, and that of our Jobs there. The mutex is held.
func (r *run) loadOf(i int) float64 {
	load := r.background.At(i, max(0, time.Since(r.begin)))
	for _, node := range r.running {
		if node == r.node(i) {
			load += r.scenario.WorkerLoad
		}
	}
	return load
}

// work is what Jobs do: they start, a cold start after they were bound, take their time, and end well.
func (r *run) work(ctx context.Context) error {
	pods, err := r.w.API.CoreV1().Pods(r.name()).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	defer pods.Stop()
	born, done := map[types.UID]bool{}, r.turn()
	defer done()
	r.mutex.Lock()
	r.begin = time.Now()
	r.mutex.Unlock()
	for {
		select {
		case e, open := <-pods.ResultChan():
			p, ok := e.Object.(*corev1.Pod)
			switch {
			case !open:
				return errors.New("the watch of its pods ended")
			case !ok:
				continue
			case p.Status.Phase == corev1.PodRunning:
				r.start(ctx, p)
			}
			if born[p.UID] = true; len(born) == r.scenario.Pictures {
				done()
			}
		case <-r.done:
			return errAllDone
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// turn waits until no other run has its Jobs made all at once, and gives what ends that. Without slots all two hundred are born in the
// first look, to one node; KEDA, making those of many runs, would take minutes over them, and samples would come between.
func (r *run) turn() (done func()) {
	if r.policy != simulate.Scripts {
		return func() {}
	}
	r.bursts.Lock()
	return sync.OnceFunc(r.bursts.Unlock)
}

// start begins a pod's work when it is seen to run for the first time.
func (r *run) start(ctx context.Context, p *corev1.Pod) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.started[p.UID] {
		return
	}
	r.started[p.UID] = true
	for i := range r.scenario.Nodes {
		if r.node(i) == p.Spec.NodeName {
			r.outcome.Placed++
			if r.loadOf(i) >= r.scenario.Rules.Threshold {
				r.outcome.OverThreshold++
			}
			time.AfterFunc(r.scenario.Duration(r.loadOf(i)), func() { r.finish(ctx, p.Name) })
		}
	}
	r.running[p.Name] = p.Spec.NodeName
	for _, s := range p.Status.ContainerStatuses {
		if s.State.Running != nil {
			r.since[p.Name] = s.State.Running.StartedAt
		}
	}
}

func (r *run) finish(ctx context.Context, pod string) {
	r.mutex.Lock()
	began := r.since[pod].UTC().Format(time.RFC3339) // a kubelet, too, keeps it: who ended is known to have been in the last sample
	delete(r.running, pod)
	r.outcome.Took = time.Since(r.begin)
	r.outcome.Responses = append(r.outcome.Responses, r.outcome.Took)
	left := r.scenario.Pictures - len(r.outcome.Responses)
	r.outcome.Backlog = append(r.outcome.Backlog, simulate.Point{At: r.outcome.Took, Count: left})
	if left == 0 {
		close(r.done)
	}
	r.mutex.Unlock()
	now := metav1.Now().UTC().Format(time.RFC3339)
	status := fmt.Sprintf(`{"status":{"phase":"Succeeded","containerStatuses":[{"name":"work","image":"none","imageID":"","ready":false,"restartCount":0,"state":{"terminated":{"exitCode":0,"reason":"Completed","startedAt":%q,"finishedAt":%q}}}]}}`, began, now)
	r.w.API.CoreV1().Pods(r.name()).Patch(ctx, pod, types.MergePatchType, []byte(status), metav1.PatchOptions{}, "status") //nolint:errcheck // a run that ends takes its pods with it
}

// ServeHTTP is the hub: what nobody has in hand waits, and every pod that runs has claimed one.
func (r *run) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	waiting, workers := 0, []map[string]any{}
	if !r.begin.IsZero() {
		waiting = max(0, r.scenario.Pictures-len(r.outcome.Responses)-len(r.running))
	}
	for pod, node := range r.running {
		workers = append(workers, map[string]any{"name": pod, "node": node, "claimed": true, "heard_at": time.Now().UTC()})
	}
	answer := map[string]any{"waiting": waiting, "leased": len(r.running), "dead": 0, "workers": workers}
	if waiting > 0 {
		answer["oldest_waiting_at"] = r.begin.UTC()
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer) //nolint:errcheck // the controller asks again
}
