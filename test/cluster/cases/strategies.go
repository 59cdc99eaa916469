//go:build linux

package cases

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumbline/test/cluster/system"
)

// scaling is the namespace of the cases about how many Jobs KEDA makes: controllers as processes beside nodes that pretend,
// and a hub that says what it is told to.
const scaling = "scaling"

// scalers are the addresses of two controllers, which one name stands for.
var scalers = []string{"10.77.0.201", "10.77.0.202"}

// keda is the port of each.
const keda = ":9402"

// scene is what such a case plays on.
type scene struct {
	*World
	hub     *sayingHub
	address string // where KEDA asks
}

// play sets the scene with so many nodes and controllers, plays, and takes all of it away.
func play(nodes, controllers int, act func(context.Context, *scene) error) func(context.Context, *World) error {
	return func(ctx context.Context, w *World) (err error) {
		s := &scene{World: w}
		defer func() { err = errors.Join(err, s.strike(context.WithoutCancel(ctx))) }()
		if err := s.set(ctx, nodes, controllers); err != nil {
			return err
		}
		return act(ctx, s)
	}
}

func (s *scene) set(ctx context.Context, nodes, controllers int) (err error) {
	if err := s.Apply(ctx, scalersService); err != nil {
		return err
	}
	var names []string
	for i := range nodes {
		name := fmt.Sprintf("scaling-%d", i+1)
		if err := s.AddPretended(ctx, name, map[string]string{scaling: "yes"}); err != nil {
			return err
		}
		names = append(names, name)
		s.loads.set(name, 0.1)
	}
	if s.hub, err = serveSaying(); err != nil {
		return err
	}
	if err := s.Ready(ctx, names...); err != nil {
		return err
	}
	if s.address = scalers[0] + keda; controllers > 1 {
		s.address = "scalers." + scaling + ".svc.cluster.local" + keda
	}
	for i, address := range scalers[:controllers] {
		if out, err := exec.CommandContext(ctx, "ip", "address", "replace", address+"/32", "dev", "lo").CombinedOutput(); err != nil {
			return fmt.Errorf("giving the machine one more address: %w: %s", err, out)
		}
		err := s.Run(ctx, scalerPart(i), "http://"+address+":9403/readyz", s.Plumbline, "control", "--kubeconfig="+s.Kubeconfig(), "--namespace="+scaling,
			"--hub=http://"+s.hub.address, "--prometheus="+system.PrometheusURL, "--load-every=1s", "--load-window=2s", "--placement=none",
			"--listen="+address+keda, "--listen-anonymous", "--http-listen="+address+":9403", "--http-anonymous")
		if err != nil {
			return err
		}
	}
	return nil
}

func scalerPart(i int) string { return fmt.Sprintf("scaler-%d", i+1) }

// strike waits for the end of the namespace, since the next case makes it anew.
func (s *scene) strike(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	s.loads.clear()
	var err error
	for i := range scalers {
		if s.Runs(scalerPart(i)) {
			err = errors.Join(err, s.Kill(scalerPart(i)))
		}
	}
	if s.hub != nil {
		err = errors.Join(err, s.hub.listener.Close())
	}
	err = errors.Join(err,
		s.API.CoreV1().Namespaces().Delete(ctx, scaling, metav1.DeleteOptions{}),
		s.API.CoreV1().Nodes().DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: scaling}))
	return errors.Join(err, system.Await(ctx, time.Minute, "the namespace "+scaling+" is gone", func(ctx context.Context) error {
		if _, err := s.API.CoreV1().Namespaces().Get(ctx, scaling, metav1.GetOptions{}); err == nil {
			return errors.New("it is still there")
		}
		return nil
	}))
}

// everyStrategy: the Jobs that KEDA makes are exactly those wanted, whatever the ScaledJob's own strategy.
func everyStrategy(ctx context.Context, s *scene) error {
	for name, strategy := range map[string]string{
		"default": "{strategy: default}", "accurate": "{strategy: accurate}", "eager": "{strategy: eager}", "none": "{}",
		"custom": `{strategy: custom, customScalingQueueLengthDeduction: 1, customScalingRunningJobPercentage: "0.5"}`,
	} {
		for least := range 2 {
			if err := s.oneStrategy(ctx, fmt.Sprintf("%s-%d", name, least), strategy, least); err != nil {
				return fmt.Errorf("strategy %s, minReplicaCount %d: %w", name, least, err)
			}
		}
	}
	return nil
}

func (s *scene) oneStrategy(ctx context.Context, name, strategy string, least int) error {
	s.hub.say(0)
	if err := s.begin(ctx, name, strategy, least); err != nil {
		return err
	}
	if err := s.settled(ctx, name, least); err != nil {
		return err
	}
	s.hub.say(60)
	if err := s.awaitJobs(ctx, name, 3); err != nil {
		return err
	}
	if err := s.claim(ctx, name); err != nil {
		return err
	}
	s.hub.sayWaiting(21)
	if err := s.awaitJobs(ctx, name, 5); err != nil {
		return err
	}
	begun, err := s.answers(ctx, 0, name)
	if err != nil {
		return err
	}
	const further = 5
	err = system.Await(ctx, slow, "some polls without a further Job", func(ctx context.Context) error {
		if err := s.exactly(ctx, name, 5); err != nil {
			return err
		}
		now, err := s.answers(ctx, 0, name)
		if err == nil && now < begun+further {
			err = fmt.Errorf("%.0f polls", now-begun)
		}
		return err
	})
	return errors.Join(err, s.end(ctx, name))
}

// settled waits until KEDA has made the Jobs of the minimum and polled once more. It begins twice with a new ScaledJob, and may
// make one too many then, whatever it is answered.
func (s *scene) settled(ctx context.Context, name string, least int) error {
	begun, err := s.answers(ctx, 0, name)
	if err != nil {
		return err
	}
	return system.Await(ctx, slow, "KEDA has settled", func(ctx context.Context) error {
		jobs, err := s.jobsOf(ctx, name)
		if err != nil {
			return err
		}
		now, err := s.answers(ctx, 0, name)
		if err == nil && (len(jobs) < least || now < begun+2) {
			err = fmt.Errorf("%d Jobs after %.0f polls", len(jobs), now-begun)
		}
		return err
	})
}

// oneScalerKilled: KEDA goes on asking the other one.
func oneScalerKilled(ctx context.Context, s *scene) error {
	if err := s.begin(ctx, "worker", "{strategy: default}", 0); err != nil {
		return err
	}
	for i := range scalers {
		if err := s.awaitAnswers(ctx, i, "worker", slow); err != nil {
			return err
		}
	}
	if err := s.Kill(scalerPart(0)); err != nil {
		return err
	}
	killed := time.Now()
	last, at, longest := -1.0, killed, time.Duration(0)
	err := system.Await(ctx, slow, "twenty seconds of answers", func(ctx context.Context) error {
		n, err := s.answers(ctx, 1, "worker")
		if err != nil {
			return err
		}
		if n != last {
			longest, last, at = max(longest, time.Since(at)), n, time.Now()
		}
		if time.Since(killed) < 20*time.Second {
			return errOngoing
		}
		longest = max(longest, time.Since(at))
		return nil
	})
	if err != nil {
		return err
	}
	s.note("longest time without an answer after one of two was killed: %.2f s, at a poll a second", longest.Seconds())
	if longest > 5*time.Second {
		return fmt.Errorf("nobody was asked for %s", longest)
	}
	s.hub.say(10)
	return s.awaitJobs(ctx, "worker", 1)
}

// bothScalersAway: KEDA comes back by gRPC's back-off.
func bothScalersAway(ctx context.Context, s *scene) error {
	if err := s.begin(ctx, "worker", "{strategy: default}", 0); err != nil {
		return err
	}
	for i := range scalers {
		if err := errors.Join(s.awaitAnswers(ctx, i, "worker", slow), s.Kill(scalerPart(i))); err != nil {
			return err
		}
	}
	s.hub.say(10)
	timer := time.NewTimer(45 * time.Second)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	start := time.Now()
	for i := range scalers {
		if err := s.Restart(ctx, scalerPart(i)); err != nil {
			return err
		}
	}
	if err := s.awaitJobs(ctx, "worker", 1); err != nil {
		return err
	}
	s.note("both scalers back to the Job: %.1f s after 45 s away", time.Since(start).Seconds())
	if took := time.Since(start); took > 2*time.Minute {
		return fmt.Errorf("it took %s", took)
	}
	return nil
}

// begin makes a ScaledJob and waits until KEDA has asked for it.
func (s *scene) begin(ctx context.Context, name, strategy string, least int) error {
	if err := s.Apply(ctx, fmt.Sprintf(scalingScaledJob, name, strategy, least, s.address)); err != nil {
		return err
	}
	return s.awaitAnswers(ctx, 0, name, slow)
}

// end removes a ScaledJob, and waits for the end of its Jobs and pods, which take their slots along.
func (s *scene) end(ctx context.Context, name string) error {
	scaledJobs := s.Objects.Resource(schema.GroupVersionResource{Group: "keda.sh", Version: "v1alpha1", Resource: "scaledjobs"}).Namespace(scaling)
	if err := scaledJobs.Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationForeground)}); err != nil {
		return err
	}
	return system.Await(ctx, slow, "the pods of "+name+" are gone", func(ctx context.Context) error {
		pods, err := s.API.CoreV1().Pods(scaling).List(ctx, metav1.ListOptions{LabelSelector: ownedBy(name)})
		if err == nil && len(pods.Items) > 0 {
			err = fmt.Errorf("%d are there", len(pods.Items))
		}
		return err
	})
}

func (s *scene) jobsOf(ctx context.Context, name string) ([]batchv1.Job, error) {
	list, err := s.API.BatchV1().Jobs(scaling).List(ctx, metav1.ListOptions{LabelSelector: ownedBy(name)})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// awaitJobs waits for so many Jobs, all of them with a running pod; more are too many at once.
func (s *scene) awaitJobs(ctx context.Context, name string, n int) error {
	var tooMany error
	err := system.Await(ctx, 3*time.Minute, fmt.Sprintf("%d Jobs of %s with running pods", n, name), func(ctx context.Context) error {
		jobs, err := s.jobsOf(ctx, name)
		if err != nil {
			return err
		}
		if len(jobs) > n {
			tooMany = fmt.Errorf("%d Jobs, of %d wanted", len(jobs), n)
			return nil
		}
		pods, err := s.API.CoreV1().Pods(scaling).List(ctx, metav1.ListOptions{LabelSelector: ownedBy(name), FieldSelector: "status.phase=Running"})
		if err == nil && (len(jobs) < n || len(pods.Items) < n) {
			err = fmt.Errorf("%d Jobs, %d pods run", len(jobs), len(pods.Items))
		}
		return err
	})
	return errors.Join(tooMany, err)
}

// exactly complains unless there are so many Jobs.
func (s *scene) exactly(ctx context.Context, name string, n int) error {
	jobs, err := s.jobsOf(ctx, name)
	if err == nil && len(jobs) != n {
		return fmt.Errorf("%d Jobs of %s, not %d", len(jobs), name, n)
	}
	return err
}

// claim lets the hub know the ScaledJob's pods as workers that have begun.
func (s *scene) claim(ctx context.Context, name string) error {
	pods, err := s.API.CoreV1().Pods(scaling).List(ctx, metav1.ListOptions{LabelSelector: ownedBy(name)})
	if err != nil {
		return err
	}
	var names []string
	for _, p := range pods.Items {
		names = append(names, p.Name)
	}
	s.hub.claimed(names)
	return nil
}

// awaitAnswers waits until a controller has answered for a ScaledJob.
func (s *scene) awaitAnswers(ctx context.Context, i int, name string, limit time.Duration) error {
	return system.Await(ctx, limit, "KEDA asks "+scalerPart(i), func(ctx context.Context) error {
		n, err := s.answers(ctx, i, name)
		if err == nil && n < 1 {
			err = errors.New("it has not asked yet")
		}
		return err
	})
}

// answers is how often a controller has answered for a ScaledJob.
func (s *scene) answers(ctx context.Context, i int, name string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+scalers[i]+":9403/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	want := fmt.Sprintf(`plumbline_scaler_answers_total{namespace=%q,scaled_job=%q} `, scaling, name)
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), want); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, nil
}

// sayingHub is a hub's API that says what it is told to.
type sayingHub struct {
	address  string
	listener net.Listener

	mutex   sync.Mutex
	waiting int
	workers []map[string]any
}

func serveSaying() (*sayingHub, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &sayingHub{address: listener.Addr().String(), listener: listener}
	go http.Serve(listener, h) //nolint:errcheck,gosec // it ends with the listener, and only controllers are there
	return h, nil
}

// say is that so many wait and nobody works.
func (h *sayingHub) say(waiting int) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.waiting, h.workers = waiting, nil
}

func (h *sayingHub) sayWaiting(n int) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.waiting = n
}

func (h *sayingHub) claimed(names []string) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.workers = nil
	for _, name := range names {
		h.workers = append(h.workers, map[string]any{"name": name, "claimed": true})
	}
}

func (h *sayingHub) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	answer := map[string]any{"waiting": h.waiting, "leased": len(h.workers), "dead": 0, "workers": append([]map[string]any{}, h.workers...)}
	if h.waiting > 0 {
		answer["oldest_waiting_at"] = time.Now().UTC().Format(time.RFC3339Nano)
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer) //nolint:errcheck // the controller asks again
}

// scalersService is the namespace, and the headless Service of two replicas.
const scalersService = `
apiVersion: v1
kind: Namespace
metadata: {name: ` + scaling + `}
---
apiVersion: v1
kind: Service
metadata: {name: scalers, namespace: ` + scaling + `}
spec:
  clusterIP: None
  ports: [{name: keda, port: 9402}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: scalers, namespace: ` + scaling + `, labels: {kubernetes.io/service-name: scalers}}
addressType: IPv4
endpoints:
- {addresses: [10.77.0.201], conditions: {ready: true}}
- {addresses: [10.77.0.202], conditions: {ready: true}}
ports: [{name: keda, port: 9402}]
`

// scalingScaledJob: its pods run for ever.
const scalingScaledJob = `
apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata: {name: %[1]s, namespace: ` + scaling + `}
spec:
  pollingInterval: 1
  minReplicaCount: %[3]d
  maxReplicaCount: 20
  scalingStrategy: %[2]s
  rollout: {strategy: gradual}
  triggers: [{type: external, metadata: {scalerAddress: "%[4]s"}}]
  jobTargetRef:
    template:
      spec:
        restartPolicy: Never
        automountServiceAccountToken: false
        nodeSelector: {` + scaling + `: "yes"}
        containers: [{name: work, image: none}]
`
