package cli_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"plumbline/internal/cli"
)

// TestMain lets the test binary be the real command: scripts and process tests start it under the name plumbline. What the
// environment says of the developer's own hub and database does not reach it.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "plumbline" {
		forgetSettings()
	}
	testscript.Main(m, map[string]func(){"plumbline": plumbline})
}

func forgetSettings() {
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if name == "DATABASE_URL" || strings.HasPrefix(name, "SUPABASE_") || strings.HasPrefix(name, "PLUMBLINE_") {
			os.Unsetenv(name)
		}
	}
}

func plumbline() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(cli.Main(ctx, cli.Process{Name: os.Args[0], Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Version: "test"}))
}

// cacheDir is where the tests' processes unpack and optimise the models, once for all of them.
func cacheDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("plumbline-test-cache-%d", os.Getuid()))
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/scripts",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PLUMBLINE_CACHE_DIR", cacheDir())
			people, err := filepath.Abs("../demo/people")
			e.Setenv("PEOPLE", people)
			e.Setenv("ARCH", runtime.GOARCH)
			e.Setenv("OTHER_ARCH", map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH])
			return err
		},
	})
}
