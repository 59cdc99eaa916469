//go:build linux

package cases

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"plumbline/test/cluster/system"
)

// What a killed leader costs: its Lease runs out after five seconds, which the other replica sees within another. The rest is for
// a machine that is slow.
const (
	nextLead = 5*time.Second + 10*time.Second
	nextRow  = nextLead + 30*time.Second
)

// controllerKilled: the process that leads is killed and has no time to give its Lease back, and whenever kubelet starts it again,
// until the picture that came meanwhile has its row: so it is the other replica that waits for the Lease's end, leads and places.
func controllerKilled(ctx context.Context, w *World) error {
	name, err := w.leader(ctx)
	if err != nil {
		return err
	}
	pod, err := w.API.CoreV1().Pods(Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	revive, err := keepDead(ctx, pod)
	if err != nil {
		return err
	}
	defer revive()
	killed := time.Now()
	device, err := w.publish(ctx, 1)
	if err != nil {
		return err
	}
	if err := w.awaitNextLeader(ctx, name); err != nil {
		return err
	}
	w.note("the leader killed, to the next one's lead: %.1f s", time.Since(killed).Seconds())
	if _, err := w.awaitRows(ctx, nextRow-time.Since(killed), device, 1); err != nil {
		return err
	}
	w.note("to the row of a picture that came then: %.1f s", time.Since(killed).Seconds())
	revive()
	// kubelet waits ever longer before it starts again what died so often; another pod starts at once.
	if err := w.API.CoreV1().Pods(Namespace).Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)}); err != nil {
		return err
	}
	return w.awaitInstalled(ctx)
}

// awaitNextLeader waits until the Lease is another pod's, without having been given back.
func (w *World) awaitNextLeader(ctx context.Context, killed string) error {
	var givenBack error
	err := system.Await(ctx, nextLead, "another controller than "+killed+" leads", func(ctx context.Context) error {
		lease, err := w.API.CoordinationV1().Leases(Namespace).Get(ctx, placementLease, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" {
			givenBack = errors.New("expected: who is killed holds the Lease until that runs out; seen: it was given back")
			return nil
		}
		holder, _, _ := strings.Cut(*lease.Spec.HolderIdentity, "_")
		if holder == killed {
			return fmt.Errorf("the Lease is %s's", *lease.Spec.HolderIdentity)
		}
		return nil
	})
	return errors.Join(givenBack, err)
}

// keepDead kills what runs in a pod, at once and each time that kubelet starts it again, until it is to be revived.
func keepDead(ctx context.Context, p *corev1.Pod) (revive func(), err error) {
	if killAll(p.UID) == 0 {
		return nil, fmt.Errorf("no process of %s was found", p.Name)
	}
	ctx, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for wait(ctx, 100*time.Millisecond) == nil {
			killAll(p.UID)
		}
	}()
	return func() { end(); <-ended }, nil
}

// killAll kills the processes of a pod's containers and says how many there were.
func killAll(pod types.UID) int { return signalAll(pod, unix.SIGKILL) }

// signalAll sends a signal to Plumbline's processes in a pod, from outside, and says how many there were. The pause program, which
// is the pod itself, is left alone: without it kubelet would make a pod of another address.
func signalAll(pod types.UID, signal unix.Signal) (reached int) {
	files, _ := filepath.Glob("/proc/[0-9]*/cgroup")
	for _, file := range files {
		cgroups, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(cgroups), string(pod)) {
			continue
		}
		folder := filepath.Dir(file)
		name, err := os.ReadFile(filepath.Join(folder, "comm"))
		id, wrong := strconv.Atoi(filepath.Base(folder))
		if err == nil && wrong == nil && strings.TrimSpace(string(name)) == "plumbline" && unix.Kill(id, signal) == nil {
			reached++
		}
	}
	return reached
}
