package cli

import (
	"fmt"
	"io"
	"os"

	"plumbline/internal/config"
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
  plumbline patch posture-job.yaml --node orin-desktop --output patched-job.yaml`
}

func (c *patchCommand) Run(p *Process) error {
	if err := c.Validate(); err != nil {
		return misused(err)
	}
	text, err := c.read(p.Stdin)
	if err != nil {
		return fmt.Errorf("reading the manifest: %w", err)
	}
	patched, err := pinManifest(text, c.Node)
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

func (c *patchCommand) read(stdin io.Reader) ([]byte, error) {
	if c.File == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(c.File)
}
