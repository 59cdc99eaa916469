//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/manifest"
	"plumbline/test/cluster/system"
)

// upgradePictures are worth some seconds of two workers' time; the newer version is there sooner.
const upgradePictures = 150

// upgrade: a newer version is deployed while pictures are in hand and wait. All that runs Plumbline gets its image, the hub begins anew;
// no worker that runs is ended, and each picture becomes a row.
func (d *deployment) upgrade(ctx context.Context) error {
	newer, err := d.newer(ctx, "v99.0.0")
	if err != nil {
		return err
	}
	before, err := d.images(ctx)
	if err != nil {
		return err
	}
	if err := d.whileWorking(ctx, upgradePictures, func(ctx context.Context, device string) error { return d.replacedBy(ctx, newer, before, device) }); err != nil {
		return err
	}
	after, err := d.images(ctx)
	if err != nil {
		return err
	}
	for ref, image := range after {
		if image == before[ref] {
			return fmt.Errorf("%s still has the image %s", ref, image)
		}
	}
	if len(after) != 5 { // StatefulSet and pod of the hub, Deployment, DaemonSet, ScaledJob
		return fmt.Errorf("images of what runs Plumbline: %v", after)
	}
	return nil
}

// newer builds the binary again, as a later version, pushes its image, and is to deploy that.
func (d *deployment) newer(ctx context.Context, version string) (*deployment, error) {
	program, image := filepath.Join(d.Folder, "plumbline-"+version), system.RegistryAddress+"/team/plumbline:"+version
	build := exec.CommandContext(ctx, "bash", "-c", `. scripts/cgo.sh && exec go build -ldflags "-X main.version=$1" -o "$2" .`, "bash", version, program)
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building a later version: %w: %s", err, out)
	}
	world := *d.World
	world.Plumbline = program
	newer, err := world.deployment(d.namespace, "--image="+image)
	if err != nil {
		return nil, err
	}
	newer.database = d.database
	if out, err := newer.run(ctx, "image", append(newer.building(), "--push="+image, "--insecure-registry")...); err != nil {
		return nil, fmt.Errorf("plumbline image: %w: %s", err, out)
	}
	return newer, nil
}

// images are those of all that runs Plumbline, and of the hub's pod.
func (d *deployment) images(ctx context.Context) (map[kube.Ref]string, error) {
	made, err := d.client.Made(ctx, kube.Marks{Namespace: d.namespace, Namespaced: manifest.Selector, Everywhere: manifest.SelectorEverywhere(d.namespace)})
	if err != nil {
		return nil, err
	}
	all := map[kube.Ref]string{}
	for _, o := range made {
		for _, path := range [][]string{{"template"}, {"jobTargetRef", "template"}} {
			for _, c := range o.List(append(append([]string{"spec"}, path...), "spec", "containers")...) {
				if !o.Owned() {
					all[o.Ref()] = c.Text("image")
				}
			}
		}
	}
	hub, err := d.API.CoreV1().Pods(d.namespace).Get(ctx, "plumbline-hub-0", metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	all[kube.Ref{Kind: "Pod", Namespace: d.namespace, Name: hub.Name}] = hub.Spec.Containers[0].Image
	return all, nil
}

// replacedBy deploys the newer version over that with these images, and notes how much of a device's work was done by then.
func (d *deployment) replacedBy(ctx context.Context, newer *deployment, images map[kube.Ref]string, device string) error {
	ended := make(chan error, 1)
	go func() {
		_, err := newer.deploy(ctx)
		ended <- err
	}()
	err := system.Await(ctx, slow, "the hub gets its image", func(ctx context.Context) error {
		hub, err := d.API.AppsV1().StatefulSets(d.namespace).Get(ctx, "plumbline-hub", metav1.GetOptions{})
		if err == nil && hub.Spec.Template.Spec.Containers[0].Image == images[kube.Ref{Kind: "StatefulSet", Namespace: d.namespace, Name: hub.Name}] {
			err = errOngoing
		}
		return err
	})
	recorded, counted := d.recorded(device)
	if err := errors.Join(err, counted, <-ended); err != nil {
		return err
	}
	d.note("when a newer version replaced the hub, %d of %d pictures were rows", recorded, upgradePictures)
	return nil
}
