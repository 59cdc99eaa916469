//go:build linux

package system

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Kubectl runs kubectl on the cluster of a kubeconfig, as a person would, with this on its standard input.
func (c *Cluster) Kubectl(ctx context.Context, kubeconfig, input string, args ...string) error {
	cmd := exec.CommandContext(ctx, c.Kit.Program("kubectl"), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "HOME="+c.Folder)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
