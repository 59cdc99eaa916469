//go:build linux

package cases

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// picture writes down what the cluster looks like after a failure, for whoever asks why, and says where.
func (w *World) picture(ctx context.Context, name string) string {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var b strings.Builder
	for _, args := range [][]string{
		{"get", "nodes,scaledjobs,jobs,pods", "-A", "-o", "wide"}, {"get", "events", "-A", "--sort-by=.lastTimestamp"},
		{"get", "scaledjobs,triggerauthentications", "-A", "-o", "yaml"},
	} {
		fmt.Fprintf(&b, "$ kubectl %s\n", strings.Join(args, " "))
		out, err := exec.CommandContext(ctx, w.Kit.Program("kubectl"), append([]string{"--kubeconfig", w.Kubeconfig()}, args...)...).CombinedOutput()
		b.Write(out)
		if err != nil {
			fmt.Fprintln(&b, err)
		}
	}
	statuses, err := w.statuses(ctx)
	fmt.Fprintf(&b, "what the controllers in %s say (%v):\n", Namespace, err)
	for pod, s := range statuses {
		fmt.Fprintf(&b, "%s: %s\n", pod, s.text)
	}
	file := filepath.Join(w.Logs(), "failed-"+strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), "-"), "-")+".txt")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		return ""
	}
	return file
}
