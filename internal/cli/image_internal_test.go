package cli

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"plumbline/internal/cluster/image"
	"plumbline/internal/config"
)

func TestAnImageThatIsTooLargeIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		image image.Summary
		want  string
	}{
		"within":             {image.Summary{Size: 80_000_000, Debug: true}, ""},
		"debugging data":     {image.Summary{Size: 81_700_000, Debug: true}, "`make dist`"},
		"large for its base": {image.Summary{Size: 81_700_000}, "a smaller --base"},
		"for GPUs":           {image.Summary{Size: 2_000_000_000, GPU: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tooLarge(c.image); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("says %q, want %q", got, c.want)
			}
		})
	}
}

// folderOf is one where make dist has left programs of these versions, by architecture.
func folderOf(t *testing.T, versions map[string]string) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	for arch, version := range versions {
		source := filepath.Join(dir, "source-"+arch)
		files := map[string]string{"go.mod": "module plumbline\n\ngo 1.26\n", "main.go": "package main\n\nvar version = \"development\"\n\nfunc main() { println(version) }\n"}
		for name, text := range files {
			if err := os.MkdirAll(source, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(source, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=[plumbline:"+version+"]", "-o", filepath.Join(dir, "dist", "plumbline-linux-"+arch), ".")
		build.Dir, build.Env = source, append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=1", "GOFLAGS=-buildvcs=false")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("building a program: %v\n%s", err, out)
		}
	}
}

// What make dist left at an earlier version does not go out under the name of this one.
func TestAnImageIsOfThisVersion(t *testing.T) {
	p := &Process{Version: "v2", Stderr: io.Discard}
	folderOf(t, map[string]string{"amd64": "v2", "arm64": "v1"})
	if _, err := imageVariants(p, config.ImageBuild{}); err == nil || !strings.Contains(err.Error(), "dist/plumbline-linux-arm64 is v1") || !strings.Contains(err.Error(), "is v2: `make dist`") {
		t.Errorf("an old program is taken: %v", err)
	}
	variants, err := imageVariants(p, config.ImageBuild{Platform: []string{"linux/amd64"}})
	if err != nil || len(variants) != 1 {
		t.Errorf("%v, %v", variants, err)
	}
}

// Deploy and doctor know before the push which nodes there is no program for.
func TestWhatWillBePackedIsKnownBefore(t *testing.T) {
	l := look{push: "127.0.0.1:1/plumbline:v2", version: "v2"}
	folderOf(t, map[string]string{runtime.GOARCH: "v2"})
	r := l.registry(t.Context())
	if r.Unbuilt != nil || !slices.Equal(r.Platforms, []string{"linux/" + runtime.GOARCH}) || r.Problem == nil || r.Trouble != "unreachable" {
		t.Errorf("%+v", r)
	}
	l.version = "v3"
	if r := l.registry(t.Context()); r.Unbuilt == nil || !strings.Contains(r.Unbuilt.Error(), "is v2") {
		t.Errorf("%+v", r)
	}
}

func TestTheVersionIsReadFromItsStamp(t *testing.T) {
	for stamp, want := range map[string]string{"[plumbline:v1.2.3-4-gabc+dirty]": "v1.2.3-4-gabc+dirty", "development": "development", "v2": "v2"} {
		if got := Unstamped(stamp); got != want {
			t.Errorf("%s: %s", stamp, got)
		}
	}
}
