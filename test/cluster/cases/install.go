//go:build linux

package cases

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumbline/test/cluster/system"
)

// Names of what is installed, and settings of the controller that cases depend on.
const (
	scaledJob  = "plumbline-work"
	controller = "plumbline-control"
	hubLabel   = "app.kubernetes.io/component=hub"
	hubURL     = "http://plumbline-hub." + Namespace + ".svc.cluster.local:8080"
	httpSecret = "plumbline-http-token"

	placementLease = "plumbline-placement"

	controlLabel = "app.kubernetes.io/component=control"

	// Everything sooner than one would set it: the cases wait for it often.
	maxAge          = 15 * time.Second
	loadEvery       = time.Second
	loadWindow      = 3 * time.Second
	workerIdle      = 5 * time.Second
	rebalanceWindow = 10 * time.Second
)

// volume is where the hub's data lie: a folder of the machine, since there is nothing here that makes volumes.
const volume = `
apiVersion: v1
kind: PersistentVolume
metadata: {name: hub}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  storageClassName: by-hand
  hostPath: {path: "%s"}
`

// install applies what `+"`plumbline deploy`"+` prints, and a volume, and waits until everything is there.
func (w *World) install(ctx context.Context) error {
	if _, err := w.Database.Query("postgres", "CREATE DATABASE "+database); err != nil {
		return err
	}
	for _, node := range w.Nodes {
		if err := w.SetLoad(node, 0.1); err != nil {
			return err
		}
	}
	folder := filepath.Join(w.Folder, "hub")
	if err := errors.Join(os.MkdirAll(folder, 0o700), os.Chown(folder, imageUser, imageUser), w.Apply(ctx, fmt.Sprintf(volume, folder))); err != nil {
		return err
	}
	text, err := w.manifests(ctx, Namespace)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := errors.Join(w.Apply(ctx, text), w.awaitInstalled(ctx)); err != nil {
		return err
	}
	w.Installed = time.Since(start)
	return w.keepToken(ctx)
}

// imageUser is whom Plumbline's pods run as. A folder of the machine is not given to them by Kubernetes.
const imageUser = 65532

// manifests are what the binary says should run in a namespace.
func (w *World) manifests(ctx context.Context, namespace string, further ...string) (string, error) {
	cmd := exec.CommandContext(ctx, w.Plumbline, append([]string{"deploy", "--dry-run", "--namespace=" + namespace, "--image=" + system.PlumblineImage,
		"--image-pull-policy=Never", "--prometheus=" + system.PrometheusURL, "--mqtt-url=mqtt://" + system.BrokerAddress, "--storage=1Gi", "--storage-class=by-hand",
		"--sysfs=" + system.NodeSysfs, "--export-nodes=" + system.RealLabel + "=" + system.RealValue, "--polling-interval=1s", "--worker-arg=--exit-when-idle=" + workerIdle.String(), "--worker-cpu=100m", "--trigger=workerLoad=0.1",
		"--control-arg=--load-every=" + loadEvery.String(), "--control-arg=--load-window=" + loadWindow.String(), "--control-arg=--sample-max-age=" + maxAge.String(),
		"--control-arg=--rebalance-window=" + rebalanceWindow.String()}, further...)...)
	if w.Database != nil {
		cmd.Env = append(os.Environ(), "DATABASE_URL="+w.DatabaseURL(database))
	}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("plumbline deploy --dry-run: %w: %s", err, complaints.String())
	}
	return string(out), nil
}

// keepToken writes the token of the hub's page to a file, for commands that ask the hub.
func (w *World) keepToken(ctx context.Context) error {
	secret, err := w.API.CoreV1().Secrets(Namespace).Get(ctx, httpSecret, metav1.GetOptions{})
	if err != nil {
		return err
	}
	return os.WriteFile(w.tokenFile(), secret.Data["token"], 0o600)
}

func (w *World) tokenFile() string { return filepath.Join(w.Folder, "http-token") }

func (w *World) awaitInstalled(ctx context.Context) error { return w.awaitReady(ctx, Namespace) }

// awaitReady waits until every Deployment, StatefulSet and DaemonSet of a namespace has all its pods.
func (w *World) awaitReady(ctx context.Context, namespace string) error {
	return system.Await(ctx, 2*slow, "Plumbline's pods are ready", func(ctx context.Context) error {
		deployments, err := w.API.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, d := range deployments.Items {
			if d.Status.ReadyReplicas < replicas(d) || d.Status.ObservedGeneration < d.Generation || d.Status.UpdatedReplicas < replicas(d) {
				return fmt.Errorf("the Deployment %s has %d of %d pods", d.Name, d.Status.ReadyReplicas, replicas(d))
			}
		}
		hubs, err := w.API.AppsV1().StatefulSets(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, h := range hubs.Items {
			if h.Status.ReadyReplicas < 1 {
				return fmt.Errorf("the StatefulSet %s has no pod that is ready", h.Name)
			}
		}
		sets, err := w.API.AppsV1().DaemonSets(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, d := range sets.Items {
			if d.Status.NumberReady < int32(len(w.Nodes)) {
				return fmt.Errorf("the DaemonSet %s has %d of %d pods", d.Name, d.Status.NumberReady, len(w.Nodes))
			}
		}
		return nil
	})
}

func replicas(d appsv1.Deployment) int32 {
	if d.Spec.Replicas == nil {
		return 1
	}
	return *d.Spec.Replicas
}
