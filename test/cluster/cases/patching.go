//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"plumbline/test/cluster/system"
)

// The namespace and ScaledJob of an installation as the Python scripts had it.
const (
	original          = "original"
	originalScaledJob = "posture-analyzer-scaledjob"
)

// originalManifest is a ScaledJob as the scripts' posture-job.yaml is known to be: one worker's container with the database's
// settings, tolerations, DNS of its own, history, no rollout and no gate; and the affinity that patch_scaledjob.py wrote into it
// for a node that is there no more. Only the node selector is the test's, which keeps it off nodes that are not its own.
const originalManifest = `
apiVersion: keda.sh/v1alpha1
kind: ScaledJob
metadata:
  name: ` + originalScaledJob + `
  namespace: ` + original + `
spec:
  pollingInterval: 1
  maxReplicaCount: 10
  successfulJobsHistoryLimit: 3
  failedJobsHistoryLimit: 3
  jobTargetRef:
    template:
      spec:
        affinity:
          nodeAffinity:
            requiredDuringSchedulingIgnoredDuringExecution:
              nodeSelectorTerms:
              - matchExpressions:
                - key: kubernetes.io/hostname
                  operator: In
                  values: [old-gone]
        nodeSelector: {board: jetson}
        tolerations:
        - key: "image-offload"
          operator: "Equal"
          value: "true"
          effect: "NoSchedule"
        dnsPolicy: "None"
        dnsConfig:
          nameservers: ["8.8.8.8"]
        containers:
        - name: analyzer
          image: none
          imagePullPolicy: Always
          command: ["python3", "mqtt_posture_analyzer_with_db.py"]
          env:
          - {name: SUPABASE_HOST, value: db.example}
          - {name: SUPABASE_DB, value: postgres}
          - {name: SUPABASE_USER, value: postgres}
          - {name: SUPABASE_PORT, value: "6543"}
        restartPolicy: Never
  triggers:
  - type: external
    metadata:
      scalerAddress: "` + system.Machine + `:9422"
      slotsPerNode: "20"
`

// patched: the original's ScaledJob gets its affinity from the controller, again when loads change by enough, and Jobs that run
// are left alone.
func patched(ctx context.Context, w *World) (err error) {
	defer func() { err = errors.Join(err, w.endOriginal(context.WithoutCancel(ctx))) }()
	hub, err := w.startOriginal(ctx)
	if err != nil {
		return err
	}
	if err := w.awaitPinned(ctx, original, originalScaledJob, "old-1"); err != nil {
		return err
	}
	hub.waiting.Store(1)
	first, err := w.awaitOn(ctx, "old-1")
	if err != nil {
		return err
	}
	w.loads.set("old-1", 0.7)
	w.loads.set("old-2", 0.1)
	if err := w.awaitPinned(ctx, original, originalScaledJob, "old-2"); err != nil {
		return err
	}
	hub.waiting.Store(400) // KEDA may have made a Job too many when the ScaledJob was patched; this asks for more in any case
	if _, err := w.awaitOn(ctx, "old-2"); err != nil {
		return err
	}
	hub.waiting.Store(0)
	if err := w.keptBy(ctx, "old-2", "old-1"); err != nil {
		return err
	}
	still, err := w.API.CoreV1().Pods(original).Get(ctx, first.Name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("the Job that ran on old-1 was not left alone: %w", err)
	}
	if still.UID != first.UID || still.Status.Phase != corev1.PodRunning || still.DeletionTimestamp != nil {
		return fmt.Errorf("expected: %s still runs on old-1; seen: it is %s", first.Name, still.Status.Phase)
	}
	return w.patchedTwice()
}

// keptBy gives another node less load, but not by the hysteresis, sees that it is a candidate with a slot that the ranking puts
// first, waits until the controller has looked twice more, and sees that the ScaledJob stays where it is.
func (w *World) keptBy(ctx context.Context, node, better string) error {
	loads := map[string]float64{node: 0.35, better: 0.3}
	for name, ratio := range loads {
		w.loads.set(name, ratio)
	}
	const controls = "http://127.0.0.1:9423"
	err := system.Await(ctx, slow, fmt.Sprintf("the controller knows the loads %v, and %s is fit", loads, better), func(ctx context.Context) error {
		s, err := askStatus(ctx, controls)
		if err != nil {
			return err
		}
		for _, n := range s.Nodes {
			if _, asked := loads[n.Node]; asked && !n.Candidate {
				return fmt.Errorf("%s is refused: %s", n.Node, n.Reason)
			}
		}
		return s.differs(original, loads)
	})
	if err != nil {
		return err
	}
	had, err := looks(ctx, controls)
	if err != nil {
		return err
	}
	err = system.Await(ctx, slow, "the controller looks at the ScaledJob twice more", func(ctx context.Context) error {
		n, err := looks(ctx, controls)
		if err == nil && n < had+2 {
			err = fmt.Errorf("%.0f times", n-had)
		}
		return err
	})
	return errors.Join(err, w.awaitPinned(ctx, original, originalScaledJob, node))
}

// looks is how often a controller has decided where a ScaledJob belongs, whether it stayed or not.
func looks(ctx context.Context, controls string) (total float64, err error) {
	for _, outcome := range []string{"kept", "pinned"} {
		n, err := metric(ctx, controls, fmt.Sprintf(`plumbline_placement_decisions_total{outcome=%q} `, outcome))
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *World) startOriginal(ctx context.Context) (*backlog, error) {
	if err := w.applyRights(ctx, original, "--placement=patch"); err != nil {
		return nil, err
	}
	for node, ratio := range map[string]float64{"old-1": 0.1, "old-2": 0.6} {
		if err := w.AddPretended(ctx, node, map[string]string{"board": "jetson"}, corev1.Taint{Key: "image-offload", Value: "true", Effect: corev1.TaintEffectNoSchedule}); err != nil {
			return nil, err
		}
		w.loads.set(node, ratio)
	}
	if err := w.Ready(ctx, "old-1", "old-2"); err != nil {
		return nil, err
	}
	hub, err := serveBacklog()
	if err != nil {
		return nil, err
	}
	if err := w.Apply(ctx, originalManifest); err != nil {
		return nil, err
	}
	return hub, w.startOwnController(ctx, original, hub.address, 9422, "--placement=patch", "--scaledjob="+originalScaledJob)
}

func (w *World) endOriginal(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	w.loads.forget("old-1")
	w.loads.forget("old-2")
	return errors.Join(w.endOwnController(original), w.API.CoreV1().Namespaces().Delete(ctx, original, metav1.DeleteOptions{}),
		w.API.CoreV1().Nodes().Delete(ctx, "old-1", metav1.DeleteOptions{}), w.API.CoreV1().Nodes().Delete(ctx, "old-2", metav1.DeleteOptions{}))
}

// awaitPinned waits until a ScaledJob's affinity names a node whose name holds this, and sees that its rollout is gradual.
func (w *World) awaitPinned(ctx context.Context, namespace, name, node string) error {
	scaledJobs := w.Objects.Resource(schema.GroupVersionResource{Group: "keda.sh", Version: "v1alpha1", Resource: "scaledjobs"}).Namespace(namespace)
	return system.Await(ctx, slow, "the ScaledJob is given to "+node, func(ctx context.Context) error {
		s, err := scaledJobs.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		terms, _, err := unstructured.NestedSlice(s.Object, "spec", "jobTargetRef", "template", "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
		if err != nil {
			return err
		}
		if text := fmt.Sprint(terms); !strings.Contains(text, node) || strings.Contains(text, "old-gone") {
			return fmt.Errorf("its terms are %v", terms)
		}
		if strategy, _, _ := unstructured.NestedString(s.Object, "spec", "rollout", "strategy"); strategy != "gradual" {
			return fmt.Errorf("its rollout is %q: KEDA would delete what runs", strategy)
		}
		return nil
	})
}

// awaitOn waits for a pod that runs on the node.
func (w *World) awaitOn(ctx context.Context, node string) (pod corev1.Pod, err error) {
	err = system.Await(ctx, slow, "a Job runs on "+node, func(ctx context.Context) error {
		pods, err := w.API.CoreV1().Pods(original).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		i := slices.IndexFunc(pods.Items, func(p corev1.Pod) bool { return p.Spec.NodeName == node && p.Status.Phase == corev1.PodRunning })
		if i < 0 {
			return fmt.Errorf("none of %d pods does", len(pods.Items))
		}
		pod = pods.Items[i]
		return nil
	})
	return pod, err
}

// patchedTwice sees in the audit log that the ScaledJob was patched for each change of loads, and not otherwise.
func (w *World) patchedTwice() error {
	acts, err := w.acts()
	if err != nil {
		return err
	}
	patches := 0
	for _, a := range acts {
		if a.by(original) && a.Verb == "patch" && a.Object.Resource == "scaledjobs" && a.Response.Code < 300 {
			patches++
		}
		if a.by(original) && strings.HasPrefix(a.Verb, "delete") {
			return fmt.Errorf("what must never happen was done: %s", a)
		}
	}
	if patches != 2 {
		return fmt.Errorf("the ScaledJob was patched %d times, not twice", patches)
	}
	return nil
}
