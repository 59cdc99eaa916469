//go:build linux

package cases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumbline/test/cluster/system"
)

// takedown is the namespace of an installation that comes and goes, beside the one that stays.
const takedown = "takedown"

// takedownVolumes are like the other hub's, of a class of their own: who has deleted the data of one is given the next.
var takedownVolumes = []string{"takedown-1", "takedown-2", "takedown-3"}

const takedownVolume = `
apiVersion: v1
kind: PersistentVolume
metadata: {name: "%s"}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: by-hand-takedown
  hostPath: {path: "%s"}
`

// theirs is a namespace that somebody else has made, with what they have in it, some of it labelled by halves as ours.
const theirs = `
apiVersion: v1
kind: Namespace
metadata: {name: takedown, labels: {example.org/team: theirs}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: theirs, namespace: takedown, labels: {app.kubernetes.io/managed-by: plumbline, app.kubernetes.io/part-of: other}}
data: {whose: theirs}
---
apiVersion: v1
kind: Secret
metadata: {name: theirs, namespace: takedown}
data: {whose: dGhlaXJz}
`

// theirMark is what somebody else has written on the control plane's node, as a taint and as an annotation.
const theirMark = "example.org/theirs"

// visit is one such installation.
type visit struct {
	*World
	guest  bool              // the namespace is somebody else's
	before map[string]string // the cluster's objects, before anything was deployed
}

// comesAndGoes plays with an installation of its own, whose control plane is real-1, and compares the cluster with what it was.
func comesAndGoes(guest bool, act func(context.Context, *visit) error) func(context.Context, *World) error {
	return func(ctx context.Context, w *World) (err error) {
		v := &visit{World: w, guest: guest}
		defer func() { err = errors.Join(err, v.leave(context.WithoutCancel(ctx))) }()
		if err := v.arrive(ctx); err != nil {
			return err
		}
		return act(ctx, v)
	}
}

func (v *visit) arrive(ctx context.Context) (err error) {
	for _, name := range takedownVolumes {
		folder := filepath.Join(v.Folder, name)
		err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o700), os.Chown(folder, imageUser, imageUser), v.Apply(ctx, fmt.Sprintf(takedownVolume, name, folder)))
		if err != nil {
			return err
		}
	}
	if err := errors.Join(v.controlPlane(ctx, `""`), v.markNode(ctx, "=kept:PreferNoSchedule", "=kept")); err != nil {
		return err
	}
	if v.guest {
		if err := errors.Join(v.Apply(ctx, theirs), v.furnished(ctx)); err != nil {
			return err
		}
	}
	v.before, err = v.Everything(ctx)
	return err
}

// furnished waits until Kubernetes has put into the namespace what it puts into each.
func (v *visit) furnished(ctx context.Context) error {
	return system.Await(ctx, slow, "the namespace is as a new one is", func(ctx context.Context) error {
		_, account := v.API.CoreV1().ServiceAccounts(takedown).Get(ctx, "default", metav1.GetOptions{})
		_, authority := v.API.CoreV1().ConfigMaps(takedown).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
		return errors.Join(account, authority)
	})
}

// markNode writes theirMark on the node, or takes it away ("-").
func (v *visit) markNode(ctx context.Context, taint, annotation string) error {
	return errors.Join(v.Kubectl(ctx, v.Kubeconfig(), "", "taint", "node", v.Nodes[0], theirMark+taint),
		v.Kubectl(ctx, v.Kubeconfig(), "", "annotate", "node", v.Nodes[0], theirMark+annotation))
}

// leave takes back what is not part of the test: volumes, what others have, and an installation that a failure has left.
func (v *visit) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	_, err := v.stop(ctx, 0, "--delete-data", "--yes")
	err = errors.Join(err, v.controlPlane(ctx, "null"), v.markNode(ctx, "-", "-"))
	if v.guest {
		err = errors.Join(err, v.Kubectl(ctx, v.Kubeconfig(), "", "delete", "namespace", takedown))
	}
	for _, name := range takedownVolumes {
		err = errors.Join(err, v.removeVolume(ctx, name))
	}
	return err
}

// removeVolume waits until it is gone: the next case makes one of the same name.
func (v *visit) removeVolume(ctx context.Context, name string) error {
	volumes := v.API.CoreV1().PersistentVolumes()
	err := volumes.Delete(ctx, name, metav1.DeleteOptions{})
	return errors.Join(err, system.Await(ctx, slow, "the volume is gone", func(ctx context.Context) error {
		if _, err := volumes.Get(ctx, name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return errors.Join(err, errors.New("it is still there"))
		}
		return nil
	}))
}

func (v *visit) controlPlane(ctx context.Context, value string) error {
	patch := fmt.Sprintf(`{"metadata":{"labels":{"node-role.kubernetes.io/control-plane":%s}}}`, value)
	_, err := v.API.CoreV1().Nodes().Patch(ctx, v.Nodes[0], types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// command is the binary with the administrator's kubeconfig.
func (v *visit) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, v.Plumbline, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+v.Kubeconfig(), "HOME="+v.Folder)
	return cmd
}

func (v *visit) deploy(ctx context.Context, further ...string) *exec.Cmd {
	return v.command(ctx, append([]string{"deploy", "--namespace=" + takedown, "--image=" + system.PlumblineImage, "--image-pull-policy=Never", "--keep-local",
		"--prometheus=" + system.PrometheusURL, "--mqtt-anonymous", "--storage=1Gi", "--storage-class=by-hand-takedown", "--sysfs=" + system.NodeSysfs,
		"--export-nodes=" + system.RealLabel + "=" + system.RealValue, "--polling-interval=1s", "--worker-arg=--exit-when-idle=" + workerIdle.String(),
		"--worker-cpu=100m", "--control-arg=--load-every=" + loadEvery.String(), "--control-arg=--load-window=" + loadWindow.String(),
		"--control-arg=--sample-max-age=" + maxAge.String(), "--sample-wait=0s"}, further...)...)
}

// deployed deploys to the end.
func (v *visit) deployed(ctx context.Context) error {
	if out, err := v.deploy(ctx, "--no-watch").CombinedOutput(); err != nil {
		return fmt.Errorf("plumbline deploy: %w: %s", err, out)
	}
	return nil
}

// stop calls the command, wants this exit code, and gives what it said.
func (v *visit) stop(ctx context.Context, code int, further ...string) (string, error) {
	cmd := v.command(ctx, append([]string{"stop", "--namespace=" + takedown}, further...)...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		return "", err
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		return "", fmt.Errorf("plumbline stop %s ended with %d, not %d: %s", strings.Join(further, " "), got, code, out)
	}
	return string(out), nil
}

// left compares the cluster with what it was before: only these further objects may be there.
func (v *visit) left(ctx context.Context, further ...string) error {
	after, err := v.Everything(ctx)
	if err != nil {
		return err
	}
	for _, name := range further {
		if _, there := after[name]; !there {
			return fmt.Errorf("%s is gone", name)
		}
		delete(after, name)
	}
	var wrong []string
	for name, was := range v.before {
		now, there := after[name]
		switch {
		case !there:
			wrong = append(wrong, "gone: "+name)
		case now != was:
			wrong = append(wrong, fmt.Sprintf("not as it was: %s:\n%s", name, cmp.Diff(was, now)))
		}
		delete(after, name)
	}
	for name := range after {
		wrong = append(wrong, "left behind: "+name)
	}
	if len(wrong) > 0 {
		return fmt.Errorf("the cluster is not as it was: %s", strings.Join(wrong, "\n"))
	}
	return nil
}

// keptVolume is the claim of the hub's volume, which stays unless the data is to go.
const keptVolume = "PersistentVolumeClaim/" + takedown + "/data-plumbline-hub-0"

// publishHere sends pictures to the hub's own broker.
func (v *visit) publishHere(ctx context.Context, n int) error {
	return system.Await(ctx, slow, "the hub's broker takes pictures", func(ctx context.Context) error {
		for ; n > 0; n-- {
			cmd := exec.CommandContext(ctx, "mosquitto_pub", "-h", "plumbline-hub-mqtt."+takedown+".svc.cluster.local", "-q", "1", "-t", "images/cam", "-f", pictureFile(n))
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("mosquitto_pub: %w: %s", err, out)
			}
		}
		return nil
	})
}

// account is what the ledger and the queue say.
type account struct {
	Accepted, Recorded, Waiting, Leased, Dead int
	Missing                                   []struct{ ID string }
	Balanced                                  bool
}

func (w *World) account(ctx context.Context, namespace string) (a account, err error) {
	secret, err := w.API.CoreV1().Secrets(namespace).Get(ctx, httpSecret, metav1.GetOptions{})
	if err != nil {
		return a, err
	}
	token := filepath.Join(w.Folder, namespace+"-token")
	if err := os.WriteFile(token, secret.Data["token"], 0o600); err != nil {
		return a, err
	}
	cmd := exec.CommandContext(ctx, w.Plumbline, "ledger", "--json", "--http=http://plumbline-hub."+namespace+".svc.cluster.local:8080", "--http-token-file="+token)
	cmd.Env = append(os.Environ(), "HOME="+w.Folder)
	out, err := cmd.Output()
	if err != nil && len(out) == 0 {
		return a, fmt.Errorf("plumbline ledger: %w", err)
	}
	if err := json.Unmarshal(out, &a); err != nil {
		return a, fmt.Errorf("plumbline ledger said %s: %w", out, err)
	}
	return a, nil
}

// awaitAccount waits until a namespace's ledger is as wanted.
func (w *World) awaitAccount(ctx context.Context, namespace, what string, holds func(account) bool) error {
	return system.Await(ctx, slow, what, func(ctx context.Context) error {
		a, err := w.account(ctx, namespace)
		if err != nil {
			return err
		}
		if !holds(a) {
			return fmt.Errorf("the ledger says %+v", a)
		}
		return nil
	})
}

// await waits until the ledger is as wanted.
func (v *visit) await(ctx context.Context, what string, holds func(account) bool) (a account, err error) {
	err = v.awaitAccount(ctx, takedown, what, func(now account) bool { a = now; return holds(now) })
	return a, err
}

// allRecorded waits until each of so many pictures has its row, and nothing is missing or too much.
func (v *visit) allRecorded(ctx context.Context, n int) error {
	_, err := v.await(ctx, fmt.Sprintf("%d pictures are recorded", n), func(a account) bool {
		return a.Balanced && a.Accepted == n && a.Recorded == n && a.Dead == 0
	})
	return err
}

// idle waits until no Job is unfinished.
func (v *visit) idle(ctx context.Context) error {
	return system.Await(ctx, slow, "no worker is left", func(ctx context.Context) error {
		list, err := v.API.BatchV1().Jobs(takedown).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if n := unfinished(list.Items); n > 0 {
			return fmt.Errorf("%d Jobs are unfinished", n)
		}
		return nil
	})
}

// tainted says whether a node carries our taint.
func (v *visit) tainted(ctx context.Context, node string) (bool, error) {
	n, err := v.API.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
	if err != nil {
		return false, err
	}
	for _, t := range n.Spec.Taints {
		if t.Key == "plumbline/control-plane" && t.Effect == corev1.TaintEffectNoSchedule {
			return true, nil
		}
	}
	return false, nil
}

// gone says whether the namespace is.
func (v *visit) gone(ctx context.Context) error {
	_, err := v.API.CoreV1().Namespaces().Get(ctx, takedown, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return errors.Join(err, fmt.Errorf("the namespace %s is still there", takedown))
}
