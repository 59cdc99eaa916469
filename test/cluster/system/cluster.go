//go:build linux

package system

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"plumbline/internal/testkit/child"
	"plumbline/internal/testkit/postgres"
	"plumbline/test/cluster/isolation"
	"plumbline/test/cluster/supply"
)

// Options of a cluster.
type Options struct {
	Folder   string        // for everything it keeps: certificates, data, logs
	Kit      supply.Kit    // the programs
	Helm     string        // one more, which is not in the kit; only where there are real nodes
	Nodes    []string      // real ones; they need root. None: KWOK's only
	Images   []string      // archives that every real node gets
	Cgroup   string        // prefix of the nodes' cgroups
	Scrape   time.Duration // Prometheus' interval
	Progress io.Writer
}

// Cluster is one that runs.
type Cluster struct {
	Options
	API      kubernetes.Interface
	Objects  dynamic.Interface
	Database *postgres.Server // reached from pods through DatabaseAddress
	Took     time.Duration    // to start

	pki    *authority
	mapper *resources
	mutex  sync.Mutex
	parts  map[string]*part
}

// part is one process. It can be killed and started again.
type part struct {
	name    string
	command func() *exec.Cmd
	ready   func(context.Context) error // nil: nothing to wait for
	process *child.Process
}

// Start starts everything and returns when the nodes are ready.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	begin := time.Now()
	c := &Cluster{Options: o, parts: map[string]*part{}}
	if err := c.prepare(); err != nil {
		return nil, err
	}
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return c.startControlPlane(ctx) })
	all.Go(func() error { return c.startOutside(ctx) })
	for i := range o.Nodes {
		all.Go(func() error { return c.StartNode(ctx, o.Nodes[i]) })
	}
	if err := all.Wait(); err != nil {
		return nil, fmt.Errorf("%w (logs in %s)", err, c.Logs())
	}
	c.Took = time.Since(begin)
	return c, nil
}

// Logs is the folder with the logs of all parts.
func (c *Cluster) Logs() string { return filepath.Join(c.Folder, "logs") }

// Kubeconfig is the administrator's.
func (c *Cluster) Kubeconfig() string { return c.pki.file("admin.kubeconfig") }

func (c *Cluster) prepare() error {
	for _, d := range []string{c.Logs(), c.data("")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	addresses := []string{Machine}
	for i := range c.Nodes {
		addresses = append(addresses, nodeAddress(i))
	}
	if err := isolation.Network(addresses...); err != nil {
		return err
	}
	if err := c.useOwnNames(); err != nil {
		return err
	}
	var err error
	if c.pki, err = newAuthority(filepath.Join(c.Folder, "pki")); err != nil {
		return err
	}
	if err := c.pki.issueAll(c.Nodes); err != nil {
		return err
	}
	return c.connect()
}

// data is a folder for one part's data.
func (c *Cluster) data(name string) string { return filepath.Join(c.Folder, "data", name) }

// run starts a part that is one program and waits until it is ready.
func (c *Cluster) run(ctx context.Context, name string, ready func(context.Context) error, program string, args ...string) error {
	return c.runPart(ctx, &part{name: name, ready: ready, command: func() *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), "KUBECONFIG=")
		return cmd
	}})
}

func (c *Cluster) runPart(ctx context.Context, p *part) error {
	process, err := child.StartCommand(c.Logs(), p.command())
	if err != nil {
		return err
	}
	p.process = process
	c.mutex.Lock()
	c.parts[p.name] = p
	c.mutex.Unlock()
	if p.ready == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := process.Answers(ctx, func() error { return p.ready(ctx) }); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	return nil
}

// Run starts a program of a case's own as a part and waits until this URL answers.
func (c *Cluster) Run(ctx context.Context, name, url, program string, args ...string) error {
	return c.run(ctx, name, answers(url), program, args...)
}

// PeakMemory is the most memory a part ever had resident, in MB.
func (c *Cluster) PeakMemory(name string) (float64, error) { return c.part(name).process.PeakMemory() }

// Runs tells whether a part was started and has not ended.
func (c *Cluster) Runs(name string) bool {
	p := c.part(name)
	if p == nil {
		return false
	}
	select {
	case <-p.process.Ended():
		return false
	default:
		return true
	}
}

// Kill ends a part at once, as a crash would.
func (c *Cluster) Kill(name string) error { return c.part(name).process.Kill() }

// Restart starts a part again that was killed, and waits until it is ready.
func (c *Cluster) Restart(ctx context.Context, name string) error {
	return c.runPart(ctx, c.part(name))
}

func (c *Cluster) part(name string) *part {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.parts[name]
}
