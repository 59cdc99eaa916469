//go:build linux

package supply

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// workshop makes what is missing in one folder. Each thing is made beside its place and then moved there, so that what is in
// place is whole and an interrupted run goes on where it ended.
type workshop struct {
	folder, recipes string
	progress        io.Writer
}

func (w *workshop) makeAll(ctx context.Context) error {
	missing := 0
	for _, p := range programs {
		if !w.has("bin/" + p.name) {
			missing++
		}
	}
	if missing > 0 {
		fmt.Fprintf(w.progress, "building what the cluster under test is made of, once, into %s: some fifteen minutes on two idle cores; a build that is interrupted goes on where it ended\n", w.folder)
	}
	for _, p := range programs {
		if w.has("bin/" + p.name) {
			continue
		}
		fmt.Fprintf(w.progress, "building %s (%d to go) …\n", p.name, missing)
		missing--
		start := time.Now()
		if err := w.build(ctx, p); err != nil {
			return err
		}
		fmt.Fprintf(w.progress, "building %s took %s\n", p.name, time.Since(start).Round(time.Second))
	}
	for _, f := range files {
		if err := w.copyOut(ctx, f.recipe, f.module, f.from, f.to); err != nil {
			return err
		}
	}
	for _, p := range packages {
		if err := w.unpack(ctx, p.to, p.names); err != nil {
			return err
		}
	}
	return nil
}

func (w *workshop) has(name string) bool {
	_, err := os.Stat(filepath.Join(w.folder, name))
	return err == nil
}

func (w *workshop) build(ctx context.Context, p program) error {
	flags := "-s -w"
	for _, s := range p.stamps {
		flags += " -X " + s
	}
	defer w.tell("building " + p.name)()
	place := filepath.Join(w.folder, "bin", p.name)
	err := w.goIn(ctx, p.recipe, nil, "build", "-trimpath", "-ldflags", flags, "-o", place+".new", p.source)
	if err != nil {
		return fmt.Errorf("building %s: %w", p.name, err)
	}
	return os.Rename(place+".new", place)
}

// tell says every minute that something still goes on, until what it returns is called.
func (w *workshop) tell(what string) (end func()) {
	ended, start := make(chan struct{}), time.Now()
	go func() {
		again := time.NewTicker(time.Minute)
		defer again.Stop()
		for {
			select {
			case <-again.C:
				fmt.Fprintf(w.progress, "%s … %s so far\n", what, time.Since(start).Round(time.Second))
			case <-ended:
				return
			}
		}
	}()
	return func() { close(ended) }
}

// goIn runs go in a recipe's folder. The programs are static, whatever the caller's cgo: they run in other mounts.
func (w *workshop) goIn(ctx context.Context, recipe string, out *bytes.Buffer, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(w.recipes, recipe)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly -buildvcs=false")
	return run(cmd, out)
}

// run runs a command; its error holds the end of what the command complained of.
func run(cmd *exec.Cmd, out *bytes.Buffer) error {
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	if out != nil {
		cmd.Stdout = out
	}
	if err := cmd.Run(); err != nil {
		text := complaints.String()
		if len(text) > 2000 {
			text = "…" + text[len(text)-2000:]
		}
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(text))
	}
	return nil
}

// copyOut copies a folder of a module.
func (w *workshop) copyOut(ctx context.Context, recipe, module, from, to string) error {
	if w.has(to) {
		return nil
	}
	var dir bytes.Buffer
	if err := w.goIn(ctx, recipe, &dir, "list", "-m", "-f", "{{.Dir}}", module); err != nil {
		return err
	}
	place := filepath.Join(w.folder, to)
	if err := errors.Join(os.RemoveAll(place+".new"), os.MkdirAll(filepath.Dir(place), 0o755)); err != nil {
		return err
	}
	if err := os.CopyFS(place+".new", os.DirFS(filepath.Join(strings.TrimSpace(dir.String()), from))); err != nil {
		return fmt.Errorf("copying %s of %s: %w", from, module, err)
	}
	return os.Rename(place+".new", place)
}

// unpack downloads Debian's packages and unpacks them into one folder.
func (w *workshop) unpack(ctx context.Context, to string, names []string) error {
	if w.has(to) {
		return nil
	}
	fmt.Fprintf(w.progress, "downloading %s …\n", strings.Join(names, ", "))
	work := filepath.Join(w.folder, to+".new")
	debs := filepath.Join(work, "debs")
	if err := errors.Join(os.RemoveAll(work), os.MkdirAll(debs, 0o755)); err != nil {
		return err
	}
	os.Chmod(debs, 0o777) //nolint:errcheck // apt-get as root gives up its rights for downloading, where it may write
	if err := download(ctx, debs, names); err != nil {
		return fmt.Errorf("downloading Debian's packages (this needs Debian or a relative of it): %w", err)
	}
	found, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil || len(found) < len(names) {
		return fmt.Errorf("apt-get downloaded %d of %d packages", len(found), len(names))
	}
	for _, deb := range found {
		if err := run(exec.CommandContext(ctx, "dpkg-deb", "-x", deb, work), nil); err != nil {
			return err
		}
	}
	return errors.Join(os.RemoveAll(debs), os.Rename(work, filepath.Join(w.folder, to)))
}

// download tries again with fresh lists where the machine's are missing or old.
func download(ctx context.Context, folder string, names []string) error {
	get := func() error {
		cmd := exec.CommandContext(ctx, "apt-get", append([]string{"download", "-q"}, names...)...)
		cmd.Dir = folder
		return run(cmd, &bytes.Buffer{})
	}
	err := get()
	if err == nil || os.Geteuid() != 0 {
		return err
	}
	if err := run(exec.CommandContext(ctx, "apt-get", "update", "-qq"), nil); err != nil {
		return err
	}
	return get()
}
