//go:build linux

package system

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// RunsFor is the annotation of a pod that says how long it runs on a node of KWOK's, as Go writes durations.
const RunsFor = "cluster-test/runs-for"

// StartsAfter is the one that says how long it takes from its node to its first container's start; none: no time at all.
const StartsAfter = "cluster-test/starts-after"

// delayed is put into KWOK's own stage that lets a pod run.
const delayed = "  delay:\n    durationMilliseconds: 0\n    durationFrom: {expressionFrom: '.metadata.annotations[\"" + StartsAfter + "\"]'}\n  next:\n"

// pretended marks a node of KWOK's: others are left alone.
const pretended = "kwok.x-k8s.io/node"

// kwokOptions let KWOK do many things at a time: on a busy machine it would else wait for one answer after the other.
const kwokOptions = `apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options: {nodePlayStageParallelism: 32, podPlayStageParallelism: 32, nodeLeaseParallelism: 32}
---
`

// pretendedPods is how the addresses of pods on such nodes start. Nobody answers there.
const pretendedPods = "10.0."

//go:embed pod-complete.yaml
var podComplete string

func (c *Cluster) startKWOK(ctx context.Context) error {
	stages := kwokOptions + podComplete
	for _, file := range []string{"node/fast/node-initialize.yaml", "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml", "pod/fast/pod-ready.yaml",
		"pod/fast/pod-delete.yaml"} {
		text, err := os.ReadFile(c.Kit.Module("kwok/stage/" + file))
		if err != nil {
			return err
		}
		if strings.HasSuffix(file, "/pod-ready.yaml") {
			text = []byte(strings.Replace(string(text), "  next:\n", delayed, 1))
		}
		stages += "\n---\n" + string(text)
	}
	config := c.data("kwok.yaml")
	if err := os.WriteFile(config, []byte(stages), 0o644); err != nil {
		return err
	}
	return c.run(ctx, "kwok", answers("http://127.0.0.1:10247/healthz"), c.Kit.Program("kwok"), "--kubeconfig="+c.pki.file("kwok.kubeconfig"), "--config="+config, "--v=WARN",
		"--manage-all-nodes=false", "--manage-nodes-with-annotation-selector="+pretended+"=fake", "--node-lease-duration-seconds=120",
		"--server-address=127.0.0.1:10247", "--cidr="+pretendedPods+"0.1/16", "--node-ip="+pretendedPods+"0.1")
}

// PretendedCPUs are what a node of KWOK's says it has.
const PretendedCPUs = 8

// AddPretended makes a node of KWOK's. Without a taint whatever is scheduled may land there, and pretend to run.
func (c *Cluster) AddPretended(ctx context.Context, name string, labels map[string]string, taints ...corev1.Taint) error {
	capacity := corev1.ResourceList{corev1.ResourceCPU: *resource.NewQuantity(PretendedCPUs, resource.DecimalSI), corev1.ResourceMemory: resource.MustParse("16Gi"), corev1.ResourcePods: resource.MustParse("110")}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{pretended: "fake"},
			Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "arm64"}},
		Spec:   corev1.NodeSpec{Taints: taints},
		Status: corev1.NodeStatus{Capacity: capacity, Allocatable: capacity},
	}
	for key, value := range labels {
		node.Labels[key] = value
	}
	if _, err := c.API.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("adding the node %s: %w", name, err)
	}
	return nil
}

// Ready waits until the nodes are ready.
func (c *Cluster) Ready(ctx context.Context, names ...string) error {
	return Await(ctx, patience, "the nodes are ready", func(ctx context.Context) error {
		nodes, err := c.API.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return err
		}
		ready := map[string]bool{}
		for _, n := range nodes.Items {
			ready[n.Name] = isReady(&n)
		}
		for _, name := range names {
			if !ready[name] {
				return fmt.Errorf("%s is not", name)
			}
		}
		return nil
	})
}

func isReady(n *corev1.Node) bool {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
