package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"plumbline/internal/cluster/exporter"
	"plumbline/internal/config"
	"plumbline/internal/web"
)

type exportCommand struct {
	config.Export `embed:""`
}

// Help shows examples.
func (exportCommand) Help() string {
	return `Shows how busy this node's GPUs are, as Prometheus metrics: Jetsons' by sysfs, others' by NVIDIA's NVML. It needs no rights
beyond reading and never takes a GPU. A node without one stays up and exports none.

Examples:
  plumbline export                                          # http://127.0.0.1:9401/metrics
  plumbline export --http-listen :9401 --http-anonymous     # for a Prometheus elsewhere
  plumbline export --jetson-metric '*=jetson_orin1_gpu_usage_percent'`
}

func (c *exportCommand) Run(ctx context.Context, p *Process) error {
	o, err := c.options()
	if err == nil {
		err = folderIsThere(c.Sysfs)
	}
	if err != nil {
		return misused(err)
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	log := newLog(p, c.Logging)
	o.Log, o.Registerer = log.With("component", "exporter"), registry
	e, parts := exporter.New(o), stages{fail: end}
	address, err := healthListener{
		role: "exporter", listen: c.HTTPListen, tokenFile: c.HTTPTokenFile, anonymous: c.HTTPAnonymous, registry: registry, log: log,
		checks: []web.Check{{Name: "gpu", Ready: e.Ready, Degrades: true}},
	}.start(&parts)
	if err != nil {
		return errors.Join(err, parts.stop())
	}
	parts.start("measuring", e.Run)
	fmt.Fprintf(p.Stdout, "Plumbline %s exports the GPU load of node %s on http://%s/metrics.\n", p.Version, o.Node, address)
	<-ctx.Done()
	err = context.Cause(ctx)
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, parts.stop())
}

// folderIsThere is for the machine that exports, and not for one that deploys. What is in the folder, the exporter judges again and
// again: a mount may come late.
func folderIsThere(sysfs string) error {
	if info, err := os.Stat(sysfs); err != nil || !info.IsDir() {
		return fmt.Errorf("--sysfs: there is no folder %s", sysfs)
	}
	return nil
}

// options are what the settings say, of any machine: deploy looks at an exporter's, too.
func (c *exportCommand) options() (exporter.Options, error) {
	if err := c.Validate(); err != nil {
		return exporter.Options{}, err
	}
	o := exporter.Options{Node: c.Node, Sysfs: c.Sysfs, NVML: c.NVMLLibrary, Every: c.SampleEvery, Window: c.SampleWindow}
	if len(c.JetsonMetric) != 1 || c.JetsonMetric[0] != "none" {
		names, err := exporter.ParseNames(c.JetsonMetric)
		if err != nil {
			return o, fmt.Errorf("--jetson-metric: %w", err)
		}
		o.Names = names
	}
	if o.Node == "" {
		var err error
		if o.Node, err = os.Hostname(); err != nil {
			return o, fmt.Errorf("this machine's name cannot be read (give --node): %w", err)
		}
	}
	return o, nil
}
