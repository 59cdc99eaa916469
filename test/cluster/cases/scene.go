//go:build linux

package cases

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
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
