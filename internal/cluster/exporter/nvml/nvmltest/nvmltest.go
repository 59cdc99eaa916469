// Package nvmltest makes a stand-in for NVIDIA's management library, for tests on machines without a GPU: a shared library
// with the same C interface, which answers with the figures of a file. It needs a C compiler and is no place for production code.
package nvmltest

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed testdata/fake.c
var source string

// GPU is what the stand-in answers for one. A negative figure is the code of the error to answer with, such as -3 for Not Supported.
type GPU struct {
	Name        string
	Percent     int
	Used, Total int64
}

// Library is a stand-in.
type Library struct {
	Path        string // of the shared library
	Environment string // what a process that loads it needs: NAME=value
	figures     string
	t           testing.TB
}

// New compiles a stand-in and shows these GPUs. The test's own process may load it, too.
func New(t testing.TB, gpus ...GPU) *Library {
	t.Helper()
	folder := t.TempDir()
	l := &Library{Path: filepath.Join(folder, "libnvidia-ml.so.1"), figures: filepath.Join(folder, "gpus"), t: t}
	build := exec.Command("cc", "-shared", "-fPIC", "-x", "c", "-o", l.Path, "-")
	build.Stdin = strings.NewReader(source)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("compiling a stand-in for NVML: %v\n%s", err, out)
	}
	l.Environment = "FAKE_NVML=" + l.figures
	t.Setenv("FAKE_NVML", l.figures)
	l.Show(gpus...)
	return l
}

// Show changes what it answers from now on.
func (l *Library) Show(gpus ...GPU) {
	l.t.Helper()
	var text strings.Builder
	for _, g := range gpus {
		fmt.Fprintln(&text, g.Percent, g.Used, g.Total, g.Name)
	}
	if err := os.WriteFile(l.figures+".new", []byte(text.String()), 0o600); err != nil {
		l.t.Fatal(err)
	}
	if err := os.Rename(l.figures+".new", l.figures); err != nil {
		l.t.Fatal(err)
	}
}

// Unload makes it answer as where the driver's module is not loaded.
func (l *Library) Unload() {
	if err := os.Remove(l.figures); err != nil {
		l.t.Fatal(err)
	}
}
