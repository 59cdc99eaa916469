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

// docker stands for the program: it writes down what it is asked for, and has two containers, one of compose's, and three images.
const docker = `#!/bin/sh
echo "$*" >> "$(dirname "$0")/asked"
case "$1" in
ps) echo "c1 plumbline:1 "; echo "c2 plumbline:1 home" ;;
images) echo "i1 plumbline:1"; echo "i2 <none>:<none>"; echo "i3 team/plumbline:0" ;;
rmi) test "$2" != plumbline:1 || { echo "image is in use" >&2; exit 1; } ;;
esac
`

// What carries our label goes, by name; what compose runs stays with its image.
func TestWhatIsOnThisMachine(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "docker")
	if err := os.WriteFile(program, []byte(docker), 0o700); err != nil {
		t.Fatal(err)
	}
	var said []string
	e := engine{program: program, say: func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }}
	if err := e.clear(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked, err := os.ReadFile(filepath.Join(dir, "asked"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"stop --time 30 c1", "rm c1", "rmi plumbline:1", "rmi i2", "rmi team/plumbline:0"}
	var got []string
	for line := range strings.Lines(string(asked)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "ps") || strings.HasPrefix(line, "images") {
			if !strings.Contains(line, "--filter label=org.opencontainers.image.title=plumbline") {
				t.Errorf("%q looks at everything", line)
			}
			continue
		}
		got = append(got, line)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantSaid := []string{
		"removing the container c1 of plumbline:1 from this machine", "left alone: container c2 of plumbline:1, which compose runs as home",
		"left alone: image plumbline:1, which is in use", "removed the image <none>:<none> from this machine", "removed the image team/plumbline:0 from this machine",
	}
	if diff := cmp.Diff(wantSaid, said); diff != "" {
		t.Error(diff)
	}
}
