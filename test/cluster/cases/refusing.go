//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
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
	nobody, err := w.KubeconfigOfNobody()
	if err != nil {
		return err
	}
	image := "--image=" + system.RegistryAddress + "/team/plumbline@sha256:" + strings.Repeat("0", 64)
	for name, c := range map[string]struct{ args, says []string }{
		"wrong context":      {[]string{image, "--context=other"}, []string{`no context "other"`, "choose one with --context"}},
		"no such kubeconfig": {[]string{image, "--kubeconfig=/nowhere"}, []string{"/nowhere", "no such file"}},
		"unreachable server": {[]string{image, "--kubeconfig=" + nobody}, []string{"cannot be reached", "is it the right one (--kubeconfig, --context)", "Nothing was changed"}},
		"registry down": {d.through(system.Machine + ":5001"),
			[]string{system.Machine + ":5001", "cannot be reached", "Nothing was changed"}},
		"no rights": {[]string{image, "--image-pull-policy=Never", "--kubeconfig=" + limited}, []string{"this user lacks", "\n                 get, list, create, patch, delete namespaces\n", "Nothing was changed"}},
	} {
		if err := errors.Join(d.refused(ctx, c.says, c.args...), d.nothingMade(ctx)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := d.cutOff(ctx); err != nil {
		return fmt.Errorf("a registry that goes away in the middle of the push: %w", err)
	}
	return d.validated(ctx, image)
}

// building are the flags by which the image is built.
func (d *deployment) building() []string {
	platform := "linux/" + runtime.GOARCH
	return []string{"--platform=" + platform, "--binary=" + platform + "=" + d.Plumbline, "--base=" + d.Kit.Base(), "--image-model=full,lite"}
}

// through are those that push it to a registry, too.
func (d *deployment) through(registry string) []string {
	return append(d.building(), "--registry="+registry+"/team")
}

// cutOff: the registry goes away when it has a part of the layers. Nothing is made in the cluster, and the image has no name yet.
func (d *deployment) cutOff(ctx context.Context) error {
	const address = system.Machine + ":5002"
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	var left, named atomic.Int64
	left.Store(1 << 20)
	images, server := registry.New(registry.Logger(log.New(io.Discard, "", 0))), &http.Server{ReadHeaderTimeout: time.Minute}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") {
			named.Add(1)
		}
		r.Body = &cut{r.Body, &left, func() { _ = server.Close() }}
		images.ServeHTTP(w, r)
	})
	go func() { _ = server.Serve(listener) }() // ends with Close
	defer func() { _ = server.Close() }()
	err = d.refused(ctx, []string{"pushing " + address, "cannot be reached", "Nothing was changed"}, append(d.through(address), "--ignore-preflight")...)
	if err := errors.Join(err, d.nothingMade(ctx)); err != nil {
		return err
	}
	if left.Load() >= 0 || named.Load() > 0 {
		return fmt.Errorf("of the push %d bytes less than a MB came, and %d names", left.Load(), named.Load())
	}
	return nil
}

// cut is what comes in a request, until so much has come in all; then there is an end of everything.
type cut struct {
	io.ReadCloser
	left *atomic.Int64
	end  func()
}

// Read reads, or ends everything.
func (c *cut) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	if c.left.Add(int64(-n)) < 0 {
		c.end()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// validated has every object looked at by the real API server, in several ways of deploying: by deploy itself, and by kubectl as deploy
// --dry-run prints them. That needs a namespace that is there.
func (d *deployment) validated(ctx context.Context, image string) error {
	there, err := d.deployment(metav1.NamespaceDefault)
	if err != nil {
		return err
	}
	for _, further := range [][]string{{}, {"--placement=patch", "--runtime-class=nvidia", "--worker-group=44"}, {"--no-scaler-tls", "--mqtt-service=NodePort", "--placement=none"}} {
		out, err := d.run(ctx, "deploy", slices.Concat(d.settings, []string{image, "--image-pull-policy=Never", "--diff"}, further)...)
		var ended *exec.ExitError
		if !errors.As(err, &ended) || ended.ExitCode() != 1 || !strings.Contains(out, "+kind: StatefulSet") || !strings.Contains(out, "+kind: ScaledJob") {
			return fmt.Errorf("--diff %v: %w: %s", further, err, out)
		}
		if strings.Contains(out, "BEGIN") || !strings.Contains(out, "(hidden: as it would be)") {
			return fmt.Errorf("--diff %v shows Secrets: %s", further, out)
		}
		text, err := there.printed(ctx, "deploy", slices.Concat(there.settings, []string{image, "--image-pull-policy=Never", "--dry-run"}, further)...)
		if err != nil {
			return err
		}
		if err := d.Kubectl(ctx, d.kubeconfig, text, "apply", "--dry-run=server", "-f", "-"); err != nil {
			return fmt.Errorf("what deploy --dry-run %v prints: %w", further, err)
		}
	}
	return errors.Join(d.nothingMade(ctx), there.nothingMade(ctx))
}
