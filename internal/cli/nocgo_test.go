//go:build !cgo

package cli_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWithoutCgo: a build for clusters' other roles starts, and says plainly that it cannot analyse.
func TestWithoutCgo(t *testing.T) {
	build := filepath.Join(t.TempDir(), "plumbline")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", build, "plumbline").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), build, "version").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), build, "analyze", "picture.jpg").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "without cgo") || !strings.Contains(string(out), "cannot analyse") {
		t.Errorf("analyze: %v: %s", err, out)
	}
}
