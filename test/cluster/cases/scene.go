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

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumbline/test/cluster/system"
)

// keda is the port at which each controller of a scene answers KEDA.
const keda = ":9402"

// setting is what a scene is played on: a namespace of its own with controllers as processes under its account, beside nodes that
// pretend, and a hub that says what it is told to.
type setting struct {
	namespace   string
	addresses   int // last part of the first controller's address; no two scenes have the same
	controllers int
	placement   string // gate or none
	nodes       []stand
	args        []string // further ones of the controllers
	cpu         bool     // CPUs are measured, too: by a Prometheus of the scene's own, since where one node's is, all must be
	secure      bool     // KEDA and the controllers show each other certificates
}

// stand is a node: how busy it is, and which part of the scene it belongs to.
type stand struct {
	name     string
	gpu, cpu float64 // ratios; negative: not measured
	part     string
	label    string // plumbline/gpu; empty: none
}

// apart is the taint of nodes that pretend, beside real ones: what must really run shall not land there.
var apart = corev1.Taint{Key: "cluster-test/pretends", Effect: corev1.TaintEffectNoSchedule}

// equals are so many nodes with little load.
func equals(name string, n int) (all []stand) {
	for i := range n {
		all = append(all, stand{name: fmt.Sprintf("%s-%d", name, i+1), gpu: 0.1, cpu: -1})
	}
	return all
}

type scene struct {
	*World
	setting
	hub  *sayingHub
	asks string // where KEDA asks
}

// play sets the scene, plays, and takes all of it away.
func play(where setting, act func(context.Context, *scene) error) func(context.Context, *World) error {
	return func(ctx context.Context, w *World) (err error) {
		s := &scene{World: w, setting: where}
		defer func() { err = errors.Join(err, s.strike(context.WithoutCancel(ctx))) }()
		if err := s.set(ctx); err != nil {
			return fmt.Errorf("setting the scene: %w", err)
		}
		return act(ctx, s)
	}
}

func (s *scene) set(ctx context.Context) (err error) {
	if err := s.applyRights(ctx, s.namespace); err != nil {
		return err
	}
	prometheus := system.PrometheusURL
	if s.cpu {
		if prometheus, err = s.measureCPUs(ctx); err != nil {
			return err
		}
	}
	if s.hub, err = serveSaying(); err != nil {
		return err
	}
	if err := s.placeNodes(ctx); err != nil {
		return err
	}
	if s.asks = s.controller(0) + keda; s.controllers > 1 {
		s.asks = "scalers." + s.namespace + ".svc.cluster.local" + keda
		if err := s.Apply(ctx, s.service("scalers")); err != nil {
			return err
		}
	}
	return s.startControllers(ctx, prometheus)
}

func (s *scene) placeNodes(ctx context.Context) error {
	var names []string
	for _, n := range s.nodes {
		labels := map[string]string{"scene": s.namespace, "part": n.part}
		if n.label != "" {
			labels["plumbline/gpu"] = n.label
		}
		if err := s.AddPretended(ctx, n.name, labels, apart); err != nil {
			return err
		}
		s.loads.change(n.name, func(c *carried) { c.gpu, c.cpu = n.gpu, n.cpu })
		names = append(names, n.name)
	}
	return s.Ready(ctx, names...)
}

// controller is the address of one.
func (s *scene) controller(i int) string { return fmt.Sprintf("10.77.0.%d", s.addresses+i) }

// address gives the machine that address.
func (s *scene) address(ctx context.Context, i int) error {
	if out, err := exec.CommandContext(ctx, "ip", "address", "replace", s.controller(i)+"/32", "dev", "lo").CombinedOutput(); err != nil {
		return fmt.Errorf("giving the machine one more address: %w: %s", err, out)
	}
	return nil
}

// process is its name among the cluster's parts.
func (s *scene) process(i int) string { return fmt.Sprintf("%s-control-%d", s.namespace, i+1) }

func (s *scene) startControllers(ctx context.Context, prometheus string) error {
	kubeconfig, err := s.KubeconfigOf(ctx, s.namespace, controller)
	if err != nil {
		return err
	}
	access := []string{"--listen-anonymous"}
	if s.secure {
		if access, err = s.certify(ctx); err != nil {
			return err
		}
	}
	for i := range s.controllers {
		address := s.controller(i)
		if err := s.address(ctx, i); err != nil {
			return err
		}
		args := append([]string{"control", "--kubeconfig=" + kubeconfig, "--namespace=" + s.namespace, "--placement=" + s.placement, "--hub=http://" + s.hub.address,
			"--prometheus=" + prometheus, "--load-every=1s", "--load-window=2s", "--sample-max-age=" + maxAge.String(),
			"--listen=" + address + keda, "--http-listen=" + address + ":9403", "--http-anonymous"}, append(access, s.args...)...)
		if err := s.Run(ctx, s.process(i), "http://"+address+":9403/readyz", s.Plumbline, args...); err != nil {
			return err
		}
	}
	return nil
}

// strike ends what runs and lets the rest go; nobody waits for that, since no other scene has its names.
func (s *scene) strike(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var err error
	for _, n := range s.nodes {
		s.loads.forget(n.name)
	}
	for i := range s.controllers {
		if s.Runs(s.process(i)) {
			err = errors.Join(err, s.Kill(s.process(i)))
		}
	}
	if s.Runs(s.prometheus()) {
		err = errors.Join(err, s.Kill(s.prometheus()))
	}
	if s.hub != nil {
		err = errors.Join(err, s.hub.listener.Close())
	}
	return errors.Join(err,
		s.API.CoreV1().Namespaces().Delete(ctx, s.namespace, metav1.DeleteOptions{}),
		s.API.CoreV1().Nodes().DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "scene=" + s.namespace}))
}

// service is the headless one of the controllers.
func (s *scene) service(name string) string {
	endpoints := ""
	for i := range s.controllers {
		endpoints += fmt.Sprintf("- {addresses: [%s], conditions: {ready: true}}\n", s.controller(i))
	}
	return fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  clusterIP: None
  ports: [{name: keda, port: 9402}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[2]s, namespace: %[1]s, labels: {kubernetes.io/service-name: %[2]s}}
addressType: IPv4
endpoints:
%[3]sports: [{name: keda, port: 9402}]
`, s.namespace, name, endpoints)
}

// load sets nodes' loads and waits until the first controller knows them, and no older ones are in its mean.
func (s *scene) load(ctx context.Context, loads map[string]float64) error {
	for node, ratio := range loads {
		s.loads.set(node, ratio)
	}
	return system.Await(ctx, slow, fmt.Sprintf("%s knows the loads %v", s.process(0), loads), func(ctx context.Context) error {
		status, err := askStatus(ctx, "http://"+s.controller(0)+":9403")
		if err != nil {
			return err
		}
		return status.differs(s.process(0), loads)
	})
}

// awaitAnswers waits until a controller has answered for a ScaledJob.
func (s *scene) awaitAnswers(ctx context.Context, i int, name string) error {
	return s.awaitMore(ctx, i, name, 0, 1)
}

// awaitMore waits until a controller has answered so often more than it had.
func (s *scene) awaitMore(ctx context.Context, i int, name string, had float64, further int) error {
	return system.Await(ctx, slow, fmt.Sprintf("KEDA asks %s %d times more for %s", s.process(i), further, name), func(ctx context.Context) error {
		n, err := s.answers(ctx, i, name)
		if err == nil && n < had+float64(further) {
			err = fmt.Errorf("%.0f times", n-had)
		}
		return err
	})
}

// answers is how often a controller has answered for a ScaledJob.
func (s *scene) answers(ctx context.Context, i int, name string) (float64, error) {
	return metric(ctx, "http://"+s.controller(i)+":9403", fmt.Sprintf(`plumbline_scaler_answers_total{namespace=%q,scaled_job=%q} `, s.namespace, name))
}

// metric is the value of a series, given with its labels and a blank, in what a controller shows; 0 where it shows none.
func metric(ctx context.Context, controls, series string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, controls+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), series); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, lines.Err()
}
