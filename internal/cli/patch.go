package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"plumbline/internal/cluster/prom"
	"plumbline/internal/config"
	"plumbline/internal/gpu"
)

type patchCommand struct {
	config.Patch `embed:""`
}

// Help shows examples.
func (patchCommand) Help() string {
	return `Writes the manifest of a ScaledJob with its pods' node affinity on one node, as patch_scaledjob.py did, and with a gradual
rollout, without which KEDA deletes the running Jobs when that is applied. The rest of the file stays as it is written. A
node that was named before, by its name or its host name, is replaced; other conditions stay.

In a cluster, "plumbline control --placement=patch --scaledjob NAME" does this again and again, and
"plumbline control" (--placement=gate) places each pod by itself, which is better.

Examples:
  plumbline patch posture-job.yaml --node orin-desktop | kubectl apply -f -
  plumbline patch posture-job.yaml --node orin-desktop --output patched-job.yaml
  plumbline patch posture-job.yaml --prometheus http://localhost:9090 \
    --gpu-load 'percent@agx-desktop:jetson_gpu_usage_percent{instance="192.168.1.135:9100"}' --output patched-job.yaml`
}

func (c *patchCommand) Run(ctx context.Context, p *Process) error {
	if err := c.Validate(); err != nil {
		return misused(err)
	}
	text, err := c.read(p.Stdin)
	if err != nil {
		return fmt.Errorf("reading the manifest: %w", err)
	}
	node := c.Node
	if node == "" {
		d, err := c.decide(ctx)
		if err != nil {
			return err
		}
		node = d.Node
		fmt.Fprintln(p.Stderr, d.Explain())
	}
	patched, err := pinManifest(text, node)
	if err != nil {
		return fmt.Errorf("patching %s: %w", c.File, err)
	}
	if c.Output == "" {
		_, err = p.Stdout.Write(patched)
		return err
	}
	if err := os.WriteFile(c.Output, patched, 0o644); err != nil {
		return fmt.Errorf("writing the patched manifest: %w", err)
	}
	return nil
}

// decide takes the least busy of the nodes that Prometheus tells of. It asks no cluster: whether one is ready and tolerated, the
// scheduler finds out.
func (c *patchCommand) decide(ctx context.Context) (gpu.Decision, error) {
	o, err := promOptions(c.Loads)
	if err != nil {
		return gpu.Decision{}, misused(err)
	}
	from, err := prom.New(o)
	if err != nil {
		return gpu.Decision{}, misused(fmt.Errorf("--prometheus: %w", err))
	}
	r, err := from.Read(ctx, nil)
	if err != nil {
		return gpu.Decision{}, err
	}
	s, rules := gpu.Snapshot{At: time.Now().UTC(), Samples: r.Samples}, gpu.DefaultRules()
	rules.Threshold, rules.MaxAge, rules.Slots = c.GPUThreshold, c.SampleMaxAge, 1
	if err := rules.Validate(); err != nil {
		return gpu.Decision{}, misused(err)
	}
	for _, m := range r.Samples {
		s.Nodes = append(s.Nodes, gpu.Node{Name: m.Node, Ready: true, GPU: true})
	}
	d := gpu.Decide(c.File, uint64(s.At.UnixNano()), s, rules)
	if d.Node == "" {
		return d, fmt.Errorf("no node can be chosen: %s", strings.Join(append([]string{d.Explain()}, r.Notes...), "; "))
	}
	return d, nil
}

func (c *patchCommand) read(stdin io.Reader) ([]byte, error) {
	if c.File == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(c.File)
}
