//go:build linux

package cases

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumbline/test/cluster/system"
)

// Names of what is installed, and settings of the controller that cases depend on.
const (
	scaledJob  = "plumbline-work"
	hubLabel   = "app=hub"
	maxAge     = 15 * time.Second
	loadWindow = 3 * time.Second
	hubURL     = "http://hub." + Namespace + ".svc.cluster.local:8080"
)

// install applies the manifests and waits until everything is there.
func (w *World) install(ctx context.Context) error {
	if _, err := w.Database.Query("postgres", "CREATE DATABASE "+database); err != nil {
		return err
	}
	for _, node := range w.Nodes {
		if err := w.SetLoad(node, 0.1); err != nil {
			return err
		}
	}
	shared := filepath.Join(w.Folder, "shared")
	if err := os.MkdirAll(shared, 0o777); err != nil {
		return err
	}
	if err := os.Chmod(shared, 0o777); err != nil {
		return err
	}
	if err := w.Apply(ctx, strings.ReplaceAll(rights, "NAMESPACE", Namespace)); err != nil {
		return err
	}
	if err := w.Apply(ctx, fmt.Sprintf(manifests, system.PlumblineImage, w.DatabaseURL(database), shared, system.PrometheusURL)); err != nil {
		return err
	}
	return w.awaitInstalled(ctx)
}

// awaitInstalled waits until every Deployment and DaemonSet has all its pods, and KEDA has taken the ScaledJob.
func (w *World) awaitInstalled(ctx context.Context) error {
	return system.Await(ctx, 2*slow, "Plumbline's pods are ready", func(ctx context.Context) error {
		deployments, err := w.API.AppsV1().Deployments(Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, d := range deployments.Items {
			if d.Status.ReadyReplicas < replicas(d) || d.Status.ObservedGeneration < d.Generation || d.Status.UpdatedReplicas < replicas(d) {
				return fmt.Errorf("the Deployment %s has %d of %d pods", d.Name, d.Status.ReadyReplicas, replicas(d))
			}
		}
		sets, err := w.API.AppsV1().DaemonSets(Namespace).List(ctx, metav1.ListOptions{})
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
