//go:build unix

package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// docker stands for the program: it writes down what it is asked for. It has containers of versions 1 and 2, of each one of compose's,
// and images of both, that of compose's version 1 under two names.
const docker = `#!/bin/sh
echo "$*" >> "$(dirname "$0")/asked"
case "$*" in
ps*) printf 'c1\tplumbline:1\t\t1\nc2\tplumbline:1\thome\t1\nc3\tplumbline:2\t\t2\nc4\tplumbline:2\thome\t2\n' ;;
images*image.version=2*) printf 'sha256:i2\tplumbline:2\nsha256:i2\tteam/plumbline:2\n' ;;
images*) printf 'sha256:i1\tplumbline:1\nsha256:i1\tplumbline:compose\nsha256:i2\tplumbline:2\nsha256:i2\tteam/plumbline:2\nsha256:i0\t<none>:<none>\nsha256:i3\tteam/plumbline:0\nsha256:i4\tplumbline:busy\n' ;;
"inspect --format {{.Image}} c2") echo sha256:i1 ;;
"image inspect"*plumbline:2) echo 2 ;;
"image inspect"*) echo "no such image" >&2; exit 1 ;;
"rmi plumbline:busy") echo "image is in use" >&2; exit 1 ;;
esac
`

func newDocker(t *testing.T) (e engine, said func() []string, asked func() []string) {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "docker")
	if err := os.WriteFile(program, []byte(docker), 0o700); err != nil {
		t.Fatal(err)
	}
	var all []string
	e = engine{program: program, say: func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }}
	return e, func() []string { return all }, func() (lines []string) {
		text, err := os.ReadFile(filepath.Join(dir, "asked"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
}

// What carries our label goes, by name, but for the version that is deployed; what compose runs stays with its image.
func TestWhatIsOnThisMachine(t *testing.T) {
	e, said, asked := newDocker(t)
	if err := e.clear(t.Context(), "2"); err != nil {
		t.Fatal(err)
	}
	want := []string{"stop -t 30 c1", "rm c1", "rmi sha256:i0", "rmi team/plumbline:0", "rmi plumbline:busy"}
	var got []string
	for _, line := range asked() {
		switch command, _, _ := strings.Cut(line, " "); command {
		case "ps", "images":
			if !strings.Contains(line, "--filter label=org.opencontainers.image.title=plumbline") {
				t.Errorf("%q looks at everything", line)
			}
		case "inspect":
		default:
			got = append(got, line)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantSaid := []string{
		"removing the container c1 of plumbline:1 from this machine", "left alone: container c2 of plumbline:1, which compose runs as home",
		"left alone: image plumbline:1, which is in use", "left alone: image plumbline:compose, which is in use",
		"removed the image <none>:<none> from this machine", "removed the image team/plumbline:0 from this machine", "left alone: image plumbline:busy, which is in use",
	}
	if diff := cmp.Diff(wantSaid, said()); diff != "" {
		t.Error(diff)
	}
}

func TestWhichVersionIsDeployed(t *testing.T) {
	e, _, _ := newDocker(t)
	for name, c := range map[string]struct{ image, want string }{
		"built":     {"", "own"},
		"here":      {"plumbline:2", "2"},
		"elsewhere": {"plumbline:9", "own"},
	} {
		if got := e.deployedVersion(t.Context(), c.image, "own"); got != c.want {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
}
