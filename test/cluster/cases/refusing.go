//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/manifest"
	"plumbline/test/cluster/system"
)

// deployment is an installation that a case makes by `plumbline deploy`, in a namespace of its own.
type deployment struct {
	*World
	namespace  string
	kubeconfig string
	client     *kube.Client
	settings   []string
	database   string // empty: rows are not looked at
}

func (w *World) deployment(namespace string, settings ...string) (*deployment, error) {
	return w.deploymentOn(w.Kubeconfig(), namespace, settings...)
}

func (w *World) deploymentOn(kubeconfig, namespace string, settings ...string) (*deployment, error) {
	client, err := kube.Connect(kube.Options{Kubeconfig: kubeconfig, Namespace: namespace})
	return &deployment{World: w, namespace: namespace, kubeconfig: kubeconfig, client: client, settings: append([]string{
		"--namespace=" + namespace, "--prometheus=" + system.PrometheusURL, "--mqtt-anonymous", "--storage=1Gi", "--storage-class=" + namespace, "--sysfs=" + system.NodeSysfs,
		"--export-nodes=" + system.RealLabel + "=" + system.RealValue, "--polling-interval=1s", "--worker-arg=--exit-when-idle=" + workerIdle.String(), "--worker-cpu=100m",
		"--control-arg=--load-every=" + loadEvery.String(), "--control-arg=--load-window=" + loadWindow.String(), "--control-arg=--sample-max-age=" + maxAge.String(),
		"--insecure-registry", "--no-watch", "--keep-local", "--timeout=2m", "--sample-wait=20s",
	}, settings...)}, err
}

// run runs a command of the binary under test, and gives all that it said.
func (d *deployment) run(ctx context.Context, command string, args ...string) (string, error) {
	out, err := d.command(ctx, command, args...).CombinedOutput()
	return string(out), err
}

// printed gives only what it printed: objects, for kubectl.
func (d *deployment) printed(ctx context.Context, command string, args ...string) (string, error) {
	out, err := d.command(ctx, command, args...).Output()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		err = fmt.Errorf("plumbline %s %s: %w: %s", command, strings.Join(args, " "), err, ended.Stderr)
	}
	return string(out), err
}

func (d *deployment) command(ctx context.Context, command string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.Plumbline, append([]string{command}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+d.Folder, "KUBECONFIG="+d.kubeconfig)
	if d.database != "" {
		cmd.Env = append(cmd.Env, "DATABASE_URL="+d.DatabaseURL(d.database))
	}
	return cmd
}

// refused must end with an error that says all of this.
func (d *deployment) refused(ctx context.Context, says []string, further ...string) error {
	out, err := d.run(ctx, "deploy", slices.Concat(d.settings, further)...)
	if err == nil {
		return fmt.Errorf("plumbline deploy %s went well: %s", strings.Join(further, " "), out)
	}
	for _, text := range says {
		if !strings.Contains(out, text) {
			return fmt.Errorf("plumbline deploy %s does not say %q, but: %s", strings.Join(further, " "), text, out)
		}
	}
	return nil
}

// versions are those of all objects that were made.
func (d *deployment) versions(ctx context.Context) (map[kube.Ref]string, error) {
	made, err := d.client.Made(ctx, kube.Marks{Namespace: d.namespace, Namespaced: manifest.Selector, Everywhere: manifest.SelectorEverywhere(d.namespace)})
	all := map[kube.Ref]string{}
	for _, o := range made {
		all[o.Ref()] = o.Version()
	}
	return all, err
}

func (d *deployment) nothingMade(ctx context.Context) error {
	made, err := d.versions(ctx)
	if err == nil && len(made) > 0 {
		err = fmt.Errorf("something was made: %v", made)
	}
	return err
}

// refusals need no node: nothing is ever made. The API server looks at every object all the same, by --diff.
func refusals(ctx context.Context, w *World) (err error) {
	d, err := w.deployment("refused")
	if err != nil {
		return err
	}
	accounts := w.API.CoreV1().ServiceAccounts("default")
	if _, err := accounts.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "limited"}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, accounts.Delete(context.WithoutCancel(ctx), "limited", metav1.DeleteOptions{}))
	}()
	limited, err := w.KubeconfigOf(ctx, "default", "limited")
	if err != nil {
		return err
	}
	image := "--image=" + system.RegistryAddress + "/team/plumbline@sha256:" + strings.Repeat("0", 64)
	for name, c := range map[string]struct{ args, says []string }{
		"wrong context":      {[]string{image, "--context=other"}, []string{`no context "other"`, "choose one with --context"}},
		"no such kubeconfig": {[]string{image, "--kubeconfig=/nowhere"}, []string{"/nowhere", "no such file"}},
		"registry down": {[]string{"--registry=" + system.Machine + ":5001/team", "--platform=linux/" + runtime.GOARCH, "--binary=linux/" + runtime.GOARCH + "=" + w.Plumbline, "--base=" + w.Kit.Base()},
			[]string{system.Machine + ":5001", "cannot be reached", "Nothing was changed"}},
		"no rights": {[]string{image, "--image-pull-policy=Never", "--kubeconfig=" + limited}, []string{"this user lacks", "\n                 get, list, create, patch, delete namespaces\n", "Nothing was changed"}},
	} {
		if err := errors.Join(d.refused(ctx, c.says, c.args...), d.nothingMade(ctx)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return d.validated(ctx, image)
}

// validated has every object looked at by the real API server, in several ways of deploying.
func (d *deployment) validated(ctx context.Context, image string) error {
	for _, further := range [][]string{{}, {"--placement=patch", "--runtime-class=nvidia", "--worker-group=44"}, {"--no-scaler-tls", "--mqtt-service=NodePort", "--placement=none"}} {
		out, err := d.run(ctx, "deploy", slices.Concat(d.settings, []string{image, "--image-pull-policy=Never", "--diff"}, further)...)
		var ended *exec.ExitError
		if !errors.As(err, &ended) || ended.ExitCode() != 1 || !strings.Contains(out, "+kind: StatefulSet") || !strings.Contains(out, "+kind: ScaledJob") {
			return fmt.Errorf("--diff %v: %w: %s", further, err, out)
		}
		if strings.Contains(out, "BEGIN") || !strings.Contains(out, "(hidden: as it would be)") {
			return fmt.Errorf("--diff %v shows Secrets: %s", further, out)
		}
	}
	return d.nothingMade(ctx)
}
