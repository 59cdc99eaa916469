//go:build linux

package cases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumbline/test/cluster/system"
)

// Namespace is where Plumbline is installed.
const Namespace = "plumbline"

// database is that of the rows.
const database = "plumbline"

// slow is how long what needs many steps may take on a busy machine: a lease of 15 s that must end, KEDA's poll, a pod's start.
// How long it took is measured, and asserted nowhere but where a limit is promised.
const slow = 2 * time.Minute

// World is the cluster with Plumbline installed, and what the running case noted.
type World struct {
	*system.Cluster
	Plumbline string        // the binary under test
	Installed time.Duration // that took
	loads     *loads
	devices   *atomic.Int64 // cameras that have published
	installed bool          // the case plays with what is installed
	notes     []string
	mark      int64 // where the audit log stood when the case began
}

// New installs Plumbline.
func New(ctx context.Context, c *system.Cluster, plumbline string) (*World, error) {
	w := &World{Cluster: c, Plumbline: plumbline, devices: new(atomic.Int64)}
	var err error
	if w.loads, err = serveLoads(system.LoadsAddress); err != nil {
		return nil, err
	}
	if len(c.Nodes) > 0 {
		if err := w.install(ctx); err != nil {
			return nil, fmt.Errorf("installing Plumbline: %w", err)
		}
	}
	return w, nil
}

// queue is what the hub says of captures that are not recorded.
type queue struct{ Waiting, Leased int }

func (w *World) queue(ctx context.Context) (q queue, err error) {
	text, err := w.askHub(ctx, "/api/v1/queue")
	if err == nil {
		err = json.Unmarshal(text, &q)
	}
	return q, err
}

// askHub gets a page of the hub's, as one who has its token.
func (w *World) askHub(ctx context.Context, path string) ([]byte, error) {
	token, err := os.ReadFile(w.tokenFile())
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, hubURL+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking the hub for %s: %s", path, response.Status)
	}
	return io.ReadAll(response.Body)
}

func (w *World) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

// publish sends pictures as a camera does, with the acknowledgement awaited, and returns the device's name: the rows' pi_id.
func (w *World) publish(ctx context.Context, n int) (device string, err error) {
	device = fmt.Sprintf("cam%d", w.devices.Add(1))
	host, port, _ := strings.Cut(system.BrokerAddress, ":")
	for i := range n {
		cmd := exec.CommandContext(ctx, "mosquitto_pub", "-h", host, "-p", port, "-q", "1", "-t", "images/"+device, "-f", pictureFile(i))
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("mosquitto_pub: %w: %s", err, out)
		}
	}
	return device, nil
}

// rows are how many rows of a device each node has processed.
func (w *World) rows(device string) (map[string]int, error) {
	out, err := w.Database.Query(database, fmt.Sprintf("SELECT processed_by, count(*) FROM posture_log WHERE pi_id = '%s' GROUP BY 1", device))
	if err != nil {
		return nil, err
	}
	all := map[string]int{}
	for line := range strings.Lines(out) {
		node, count, _ := strings.Cut(strings.TrimSpace(line), "|")
		if all[node], err = strconv.Atoi(count); err != nil {
			return nil, fmt.Errorf("psql gave %q", line)
		}
	}
	return all, nil
}

// awaitRows waits until a device has so many rows, sees that they say what is known of the pictures, and returns who processed them.
func (w *World) awaitRows(ctx context.Context, limit time.Duration, device string, n int) (by map[string]int, err error) {
	err = system.Await(ctx, limit, fmt.Sprintf("%d rows of %s", n, device), func(context.Context) error {
		if by, err = w.rows(device); err != nil {
			return err
		}
		if total := sum(by); total != n {
			return fmt.Errorf("there are %d rows", total)
		}
		return nil
	})
	if err == nil {
		err = w.analysed(database, device, n)
	}
	return by, err
}

func sum(counts map[string]int) (total int) {
	for _, n := range counts {
		total += n
	}
	return total
}

// jobs are those that KEDA made for the ScaledJob.
func (w *World) jobs(ctx context.Context) ([]batchv1.Job, error) {
	list, err := w.API.BatchV1().Jobs(Namespace).List(ctx, metav1.ListOptions{LabelSelector: ownedBy(scaledJob)})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// pods are those of the ScaledJob's Jobs.
func (w *World) pods(ctx context.Context) ([]corev1.Pod, error) {
	list, err := w.API.CoreV1().Pods(Namespace).List(ctx, metav1.ListOptions{LabelSelector: ownedBy(scaledJob)})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

func ownedBy(name string) string { return "scaledjob.keda.sh/name=" + name }

// unfinished says how many Jobs are neither complete nor given up: those whose pod failed and that wait before they make another
// are among them.
func unfinished(jobs []batchv1.Job) (n int) {
	for _, j := range jobs {
		over := slices.ContainsFunc(j.Status.Conditions, func(c batchv1.JobCondition) bool {
			return (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue
		})
		if !over {
			n++
		}
	}
	return n
}

// backToZero waits until no Job is unfinished.
func (w *World) backToZero(ctx context.Context) error {
	return system.Await(ctx, slow, "no worker is left", func(ctx context.Context) error {
		jobs, err := w.jobs(ctx)
		if err != nil {
			return err
		}
		if n := unfinished(jobs); n > 0 {
			return fmt.Errorf("%d Jobs are unfinished", n)
		}
		return nil
	})
}

// calm is how each case finds the cluster: every node there, ready and little loaded, nothing waiting, no worker.
func (w *World) calm(ctx context.Context) error {
	if !w.installed {
		return nil
	}
	for _, node := range w.Nodes {
		w.loads.forget(node)
		if err := errors.Join(w.SetLoad(node, 0.1), w.cordon(ctx, node, false)); err != nil {
			return err
		}
	}
	if err := w.Ready(ctx, w.Nodes...); err != nil {
		return err
	}
	if err := w.backToZero(ctx); err != nil {
		return err
	}
	return w.allKnown(ctx, 0.1)
}

// stillHolds is what must be true after every case: nothing done by us, in whatever namespace, that must not be; and where a hub
// is installed everything recorded, no worker left, nothing missing in the ledger.
func (w *World) stillHolds(ctx context.Context) (err error) {
	if w.installed {
		err = w.backToZero(ctx)
	}
	acts, wrong := w.acts()
	err = errors.Join(err, wrong)
	if wrong := trespasses(acts); len(wrong) > 0 {
		err = errors.Join(err, fmt.Errorf("what must never happen was done: %s", strings.Join(wrong, "; ")))
	}
	if err == nil && w.installed {
		err = w.ledgerBalances(ctx)
	}
	return err
}

func (w *World) ledgerBalances(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, w.Plumbline, "ledger", "--http", hubURL, "--http-token-file", w.tokenFile())
	cmd.Env = append(os.Environ(), "HOME="+w.Folder)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the ledger does not balance: %w: %s", err, out)
	}
	return nil
}
