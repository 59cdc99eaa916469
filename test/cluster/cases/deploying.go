//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumbline/test/cluster/system"
)

// deploying takes an installation through its life.
func deploying(ctx context.Context, w *World) (err error) {
	d, err := w.deployment("deployed", "--registry="+system.RegistryAddress+"/team", "--platform=linux/"+runtime.GOARCH,
		"--binary=linux/"+runtime.GOARCH+"="+w.Plumbline, "--base="+w.Kit.Base(), "--image-model=full,lite")
	if err != nil {
		return err
	}
	end, err := d.prepare(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end(context.WithoutCancel(ctx))) }()
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"from nothing", d.fromNothing}, {"a second time", d.secondTime}, {"another's field", d.contested}, {"over a broken one", d.overBroken}, {"an upgrade", d.upgrade},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

// prepare gives database, volume and registry, and what takes all of it back.
func (d *deployment) prepare(ctx context.Context) (end func(context.Context) error, err error) {
	if err := d.prepareStorage(ctx); err != nil {
		return nil, err
	}
	server := &http.Server{Addr: system.RegistryAddress, Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0))), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.ListenAndServe() }() // ends with Close
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
		defer cancel()
		out, err := d.run(ctx, "stop", "--namespace="+d.namespace, "--yes", "--delete-data")
		if err != nil {
			err = fmt.Errorf("plumbline stop: %w: %s", err, out)
		}
		return errors.Join(err, d.nothingMade(ctx), server.Close(), d.API.CoreV1().PersistentVolumes().Delete(ctx, d.namespace, metav1.DeleteOptions{}))
	}, nil
}

// prepareStorage gives database and volume.
func (d *deployment) prepareStorage(ctx context.Context) error {
	d.database = d.namespace
	if _, err := d.Database.Query("postgres", "CREATE DATABASE "+d.database); err != nil {
		return err
	}
	folder := filepath.Join(d.Folder, d.namespace)
	text := strings.NewReplacer("name: hub", "name: "+d.namespace, "by-hand", d.namespace).Replace(volume)
	return errors.Join(os.MkdirAll(folder, 0o700), os.Chown(folder, imageUser, imageUser), d.Apply(ctx, fmt.Sprintf(text, folder)))
}

// fromNothing: image into the registry, objects, ready, a picture, a row.
func (d *deployment) fromNothing(ctx context.Context) error {
	began := time.Now()
	out, err := d.deploy(ctx)
	if err != nil {
		return err
	}
	d.note("from nothing to ready, with the image built, pushed and pulled: %.1f s", time.Since(began).Seconds())
	for _, text := range []string{"MB were new to the registry", "made ScaledJob plumbline-work", "✓ StatefulSet", "GPU samples of", "Plumbline is ready"} {
		if !strings.Contains(out, text) {
			return fmt.Errorf("it does not say %q, but: %s", text, out)
		}
	}
	return d.pictures(ctx, 1)
}

// pictures are published to the broker inside, and must become rows.
func (d *deployment) pictures(ctx context.Context, n int) error {
	device := d.device()
	if err := d.publishInside(ctx, device, n); err != nil {
		return err
	}
	return d.awaitRecorded(ctx, device, n)
}

// device is a new camera's name.
func (d *deployment) device() string { return fmt.Sprintf("inside%d", d.devices.Add(1)) }

// publishInside sends n pictures to the hub's own broker.
func (d *deployment) publishInside(ctx context.Context, device string, n int) error {
	for i := range n {
		out, err := exec.CommandContext(ctx, "mosquitto_pub", "-h", "plumbline-hub-mqtt."+d.namespace+".svc.cluster.local", "-q", "1", "-t", "images/"+device, "-f", pictureFile(i)).CombinedOutput()
		if err != nil {
			return fmt.Errorf("mosquitto_pub: %w: %s", err, out)
		}
	}
	return nil
}

// recorded is how many rows a device has.
func (d *deployment) recorded(device string) (int, error) {
	out, err := d.Database.Query(d.database, fmt.Sprintf("SELECT count(*) FROM posture_log WHERE pi_id = '%s'", device))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(out))
}

func (d *deployment) awaitRecorded(ctx context.Context, device string, n int) error {
	err := system.Await(ctx, 2*slow, fmt.Sprintf("%d rows of %s", n, device), func(context.Context) error {
		there, err := d.recorded(device)
		if err == nil && there != n {
			err = fmt.Errorf("there are %d", there)
		}
		return err
	})
	if err != nil {
		return err
	}
	return errors.Join(d.analysed(d.database, device, n), d.awaitAccount(ctx, d.namespace, "the ledger balances, and nothing waits", func(a account) bool {
		return a.Balanced && a.Waiting == 0 && a.Leased == 0 && a.Dead == 0
	}))
}

// secondTime changes nothing, and --diff says so beforehand.
func (d *deployment) secondTime(ctx context.Context) error {
	before, err := d.versions(ctx)
	if err != nil {
		return err
	}
	if out, err := d.deploy(ctx, "--diff"); err != nil {
		return fmt.Errorf("--diff: %w: %s", err, out)
	}
	out, err := d.deploy(ctx)
	if err != nil {
		return err
	}
	after, err := d.versions(ctx)
	if err != nil {
		return err
	}
	for ref, version := range after {
		if ref.Kind != "ScaledJob" && before[ref] != version { // KEDA writes into its status
			return fmt.Errorf("%s has changed: %s", ref, out)
		}
	}
	if len(before) != len(after) || !strings.Contains(out, "0 made, 0 changed") {
		return fmt.Errorf("%d objects became %d: %s", len(before), len(after), out)
	}
	return nil
}

// contested: what somebody else has set is not overwritten, unless that is asked for.
func (d *deployment) contested(ctx context.Context) error {
	_, err := d.API.AppsV1().Deployments(d.namespace).Patch(ctx, controller, types.MergePatchType, []byte(`{"spec":{"replicas":1}}`), metav1.PatchOptions{FieldManager: "somebody"})
	if err != nil {
		return err
	}
	if err := d.refused(ctx, []string{".spec.replicas (by somebody)", "--force-conflicts", "Nothing was changed"}); err != nil {
		return err
	}
	out, err := d.deploy(ctx, "--force-conflicts")
	if err == nil && !strings.Contains(out, "changed Deployment "+controller) {
		err = fmt.Errorf("it does not say that it changed the Deployment: %s", out)
	}
	return err
}

// neverReady lets the hub's pod end at once, for a reason that only the pod can see.
const neverReady = "--hub-arg=--http-token-file=/nowhere"

// overBroken: a hub that cannot start says why, objects are missing; another deploy mends it.
func (d *deployment) overBroken(ctx context.Context) error {
	if err := d.refused(ctx, []string{"StatefulSet plumbline-hub", "its log ends:", "/nowhere", "plumbline stop"}, neverReady, "--timeout=40s"); err != nil {
		return err
	}
	err := errors.Join(d.API.AppsV1().Deployments(d.namespace).Delete(ctx, controller, metav1.DeleteOptions{}),
		d.API.RbacV1().RoleBindings(d.namespace).Delete(ctx, controller, metav1.DeleteOptions{}))
	if err != nil {
		return err
	}
	if _, err := d.deploy(ctx); err != nil {
		return err
	}
	return d.pictures(ctx, 1)
}

// whileWorking publishes pictures, does something while workers have them in hand, and sees that each became a row and no worker was ended.
func (d *deployment) whileWorking(ctx context.Context, pictures int, do func(ctx context.Context, device string) error) error {
	device := d.device()
	if err := d.publishInside(ctx, device, pictures); err != nil {
		return err
	}
	running := map[types.UID]bool{}
	err := system.Await(ctx, slow, "a worker runs", func(ctx context.Context) error {
		pods, err := d.API.CoreV1().Pods(d.namespace).List(ctx, metav1.ListOptions{LabelSelector: ownedBy(scaledJob), FieldSelector: "status.phase=Running"})
		if err != nil {
			return err
		}
		for _, p := range pods.Items {
			running[p.UID] = true
		}
		if len(running) == 0 {
			return errOngoing
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := do(ctx, device); err != nil {
		return err
	}
	if err := d.awaitRecorded(ctx, device, pictures); err != nil {
		return err
	}
	pods, err := d.API.CoreV1().Pods(d.namespace).List(ctx, metav1.ListOptions{LabelSelector: ownedBy(scaledJob)})
	if err != nil {
		return err
	}
	for _, p := range pods.Items {
		delete(running, p.UID)
		if p.Status.Phase == "Failed" {
			return fmt.Errorf("the worker %s failed", p.Name)
		}
	}
	if len(running) > 0 {
		return fmt.Errorf("%d workers that ran are gone", len(running))
	}
	return nil
}

// deploy must end well.
func (d *deployment) deploy(ctx context.Context, further ...string) (string, error) {
	out, err := d.run(ctx, "deploy", slices.Concat(d.settings, further)...)
	if err != nil {
		return out, fmt.Errorf("plumbline deploy %s: %w: %s", strings.Join(further, " "), err, out)
	}
	return out, nil
}
