//go:build linux

package supply

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// Helm gives helm, built from the version that the module in this folder pins, and kept. It is none of the kit's programs, all of which
// are built anew when one changes: the module is that of the tests which render the chart, so that there is one Helm for both.
func (k Kit) Helm(ctx context.Context, module string, progress io.Writer) (string, error) {
	hash, err := hashOfModule(module)
	if err != nil {
		return "", err
	}
	all := k.Module("helm")
	w := &workshop{folder: filepath.Join(all, hash), recipes: filepath.Dir(module), progress: progress}
	if err := os.MkdirAll(filepath.Join(w.folder, "bin"), 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(ctx, w.folder+".lock", progress)
	if err != nil {
		return "", err
	}
	defer unlock()
	if !w.has("bin/helm") {
		fmt.Fprintln(progress, "building helm, once …")
		within, cancel := context.WithTimeout(ctx, cold)
		defer cancel()
		if err := w.build(within, program{"helm", filepath.Base(module), "helm.sh/helm/v4/cmd/helm", nil}); err != nil {
			return "", err
		}
	}
	sweep(all, hash)
	return filepath.Join(w.folder, "bin", "helm"), nil
}

// hashOfModule is over what decides what is built from a module's dependencies.
func hashOfModule(folder string) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, runtime.GOARCH, runtime.Version())
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return "", fmt.Errorf("%w: run this in the repository's root", err)
		}
		fmt.Fprintf(h, "%s %x\n", name, sha256.Sum256(content))
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:6]), nil
}
