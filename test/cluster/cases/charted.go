//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumbline/internal/cluster/kube"
	"plumbline/test/cluster/system"
)

// charted: the chart by helm itself, with Secrets by kubectl: installed until it is ready, a picture becomes a row, an upgrade changes what
// it names and ends no worker, and uninstalled only volume and Secrets are left, which stop removes.
func charted(ctx context.Context, w *World) error {
	return w.byOthers(ctx, "charted", "helm", func(ctx context.Context, d *deployment, folder string, before map[string]string) error {
		release := []string{"plumbline", folder, "--namespace=" + d.namespace, "--wait", "--timeout=4m"}
		began := time.Now()
		if err := d.helm(ctx, append([]string{"install"}, release...)...); err != nil {
			return err
		}
		d.note("helm install until all is ready: %.1f s", time.Since(began).Seconds())
		if err := d.pictures(ctx, 1); err != nil {
			return err
		}
		if err := d.whileWorking(ctx, 60, func(ctx context.Context, _ string) error {
			return d.onlyChanges(ctx, "ScaledJob", func() error {
				return d.helm(ctx, append([]string{"upgrade", "--reset-then-reuse-values", "--set=worker.cpu=120m,worker.maxReplicas=9"}, release...)...)
			})
		}); err != nil {
			return fmt.Errorf("an upgrade: %w", err)
		}
		if err := d.helmsOwn(ctx); err != nil {
			return err
		}
		if err := d.noWorker(ctx); err != nil {
			return err
		}
		if err := d.helm(ctx, "uninstall", "plumbline", "--namespace="+d.namespace, "--wait", "--timeout=2m"); err != nil {
			return err
		}
		if err := d.volumeAndSecrets(ctx, before); err != nil {
			return fmt.Errorf("after helm uninstall: %w", err)
		}
		return d.stopSays(ctx, "Stopped:", "--delete-data")
	})
}

// helmsOwn sees that neither stop nor deploy touches what helm runs.
func (d *deployment) helmsOwn(ctx context.Context) error {
	return d.onlyChanges(ctx, "", func() error {
		out, err := d.run(ctx, "stop", "--namespace="+d.namespace, "--yes", "--delete-data")
		if err == nil || !strings.Contains(out, "helm uninstall plumbline --namespace "+d.namespace) {
			return fmt.Errorf("plumbline stop does not leave helm's to helm: %w: %s", err, out)
		}
		return d.refused(ctx, []string{"Plumbline did not make it", "Nothing was changed"})
	})
}

// based: the kustomize base by kubectl itself. The namespace is in it, and so everything goes with it.
func based(ctx context.Context, w *World) error {
	return w.byOthers(ctx, "based", "kustomize", func(ctx context.Context, d *deployment, folder string, _ map[string]string) error {
		began := time.Now()
		if err := errors.Join(d.Kubectl(ctx, d.kubeconfig, "", "apply", "-k", folder), d.awaitReady(ctx, d.namespace)); err != nil {
			return err
		}
		d.note("kubectl apply -k until all is ready: %.1f s", time.Since(began).Seconds())
		if err := d.pictures(ctx, 1); err != nil {
			return err
		}
		if err := d.noWorker(ctx); err != nil {
			return err
		}
		began = time.Now()
		err := d.Kubectl(ctx, d.kubeconfig, "", "delete", "-k", folder, "--timeout=3m")
		d.note("kubectl delete -k: %.1f s", time.Since(began).Seconds())
		return err
	})
}

// byOthers writes what others are to apply, makes the Secrets, lets them, and compares the cluster with what it was.
func (w *World) byOthers(ctx context.Context, namespace, kind string, act func(ctx context.Context, d *deployment, folder string, before map[string]string) error) (err error) {
	d, err := w.deployment(namespace, "--image="+system.PlumblineImage, "--image-pull-policy=Never")
	if err != nil {
		return err
	}
	if err := d.prepareStorage(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.forget(context.WithoutCancel(ctx))) }()
	before, err := w.Everything(ctx)
	if err != nil {
		return err
	}
	folder := filepath.Join(d.Folder, kind+"-"+namespace)
	if out, err := d.run(ctx, "deploy", append(d.settings, "--output="+kind+":"+folder)...); err != nil {
		return fmt.Errorf("plumbline deploy --output: %w: %s", err, out)
	}
	if err := errors.Join(d.applySecrets(ctx), act(ctx, d, folder, before)); err != nil {
		return err
	}
	return (&visit{World: w, before: before}).left(ctx)
}

// forget removes what a failure has left, and the volume.
func (d *deployment) forget(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	err := d.Kubectl(ctx, d.kubeconfig, "", "delete", "namespace", d.namespace, "--ignore-not-found")
	err = errors.Join(err, d.Kubectl(ctx, d.kubeconfig, "", "delete", "clusterrole,clusterrolebinding", controller+"-"+d.namespace, "--ignore-not-found"))
	return errors.Join(err, (&visit{World: d.World}).removeVolume(ctx, d.namespace))
}

// applySecrets does what the documentation says: plumbline deploy --secrets-only | kubectl apply -f -.
func (d *deployment) applySecrets(ctx context.Context) error {
	text, err := d.printed(ctx, "deploy", "--secrets-only", "--namespace="+d.namespace)
	if err != nil {
		return err
	}
	return d.Kubectl(ctx, d.kubeconfig, text, "apply", "-f", "-")
}

func (d *deployment) helm(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, d.Helm, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+d.kubeconfig, "HOME="+filepath.Join(d.Folder, "helm-home"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("helm %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// onlyChanges sees that something changes our objects of one kind, and no others; none where the kind is empty.
func (d *deployment) onlyChanges(ctx context.Context, kind string, do func() error) error {
	before, err := d.generations(ctx)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	after, err := d.generations(ctx)
	if err != nil {
		return err
	}
	for ref, generation := range after {
		if (before[ref] != generation) != (ref.Kind == kind) {
			return fmt.Errorf("expected to change: %q; %s was at %s and is at %s", kind, ref, before[ref], generation)
		}
	}
	if len(before) != len(after) {
		return fmt.Errorf("%d objects became %d", len(before), len(after))
	}
	return nil
}

// generations tell what somebody wanted otherwise, and not what became of it; of kinds that have none, their versions.
func (d *deployment) generations(ctx context.Context) (map[kube.Ref]string, error) {
	const parts = "app.kubernetes.io/part-of=plumbline"
	found, err := d.client.Made(ctx, kube.Marks{Namespace: d.namespace, Namespaced: parts, Everywhere: parts + ",app.kubernetes.io/instance=" + d.namespace})
	all := map[kube.Ref]string{}
	for _, o := range found {
		if all[o.Ref()] = o.Version(); o.Number("metadata", "generation") > 0 {
			all[o.Ref()] = fmt.Sprint("generation ", o.Number("metadata", "generation"))
		}
	}
	return all, err
}

// noWorker waits until none is left.
func (d *deployment) noWorker(ctx context.Context) error {
	return system.Await(ctx, slow, "no worker is left", func(ctx context.Context) error {
		list, err := d.API.BatchV1().Jobs(d.namespace).List(ctx, metav1.ListOptions{})
		if err == nil && unfinished(list.Items) > 0 {
			err = errOngoing
		}
		return err
	})
}

// volumeAndSecrets are all that helm leaves, with the namespace and what was made while it ran: none of that is of the chart.
func (d *deployment) volumeAndSecrets(ctx context.Context, before map[string]string) error {
	further := []string{
		"Namespace//" + d.namespace, "PersistentVolumeClaim/" + d.namespace + "/data-plumbline-hub-0",
		"ConfigMap/" + d.namespace + "/kube-root-ca.crt", "ServiceAccount/" + d.namespace + "/default",
		"Lease/" + d.namespace + "/plumbline-placement", // by which controllers agree who places
	}
	for _, name := range []string{"authority", "nats-token", "http-token", "database", "scaler", "scaler-keda"} {
		further = append(further, "Secret/"+d.namespace+"/plumbline-"+name)
	}
	return system.Await(ctx, slow, "only volume and Secrets are left", func(ctx context.Context) error {
		return (&visit{World: d.World, before: before}).left(ctx, further...)
	})
}
