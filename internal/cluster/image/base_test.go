package image_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"plumbline/internal/cluster/image"
)

// native is this machine's platform, for what a C compiler makes.
func native(t *testing.T) image.Platform {
	t.Helper()
	p, err := image.ParsePlatform("linux/" + runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// compile makes a shared library that calls itself soname and defines one version.
func compile(t *testing.T, dir, file, soname, version string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	src, script, out := filepath.Join(t.TempDir(), "x.c"), filepath.Join(t.TempDir(), "x.map"), filepath.Join(dir, file)
	write(t, src, "int x(void) { return 0; }\n")
	write(t, script, version+" { global: x; local: *; };\n")
	cc := exec.Command("gcc", "-shared", "-nostdlib", "-o", out, src, "-Wl,-soname,"+soname, "-Wl,--version-script="+script)
	if text, err := cc.CombinedOutput(); err != nil {
		t.Fatalf("compiling a library: %v\n%s", err, text)
	}
	return out
}

// asker makes a plumbline that asks for a library's version, as one that is linked with C does.
func asker(t *testing.T, library string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module plumbline\n\ngo 1.26\n")
	write(t, filepath.Join(dir, "main.go"), "package main\n\n// #cgo LDFLAGS: "+library+"\n// int x(void);\nimport \"C\"\n\nfunc main() { C.x() }\n")
	build := exec.Command("go", "build", "-ldflags", "-linkmode=external", "-o", "plumbline", ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=1", "GOFLAGS=", "CGO_LDFLAGS_ALLOW=.*")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building a program: %v\n%s", err, out)
	}
	return filepath.Join(dir, "plumbline")
}

func TestEveryKindOfBaseIsTaken(t *testing.T) {
	address := serve(t, quiet())
	o := options(t)
	from := build(t, o) // any image with the right libraries can be a base
	dir := t.TempDir()
	layoutDir, ociTar, dockerTar := filepath.Join(dir, "layout"), filepath.Join(dir, "oci.tar"), filepath.Join(dir, "docker.tar")
	if err := from.WriteLayout(layoutDir, "base:1"); err != nil {
		t.Fatal(err)
	}
	if err := from.WriteTarball(t.Context(), ociTar, "base:1"); err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(dockerTar, tag(t, "base:1"), images(t, layoutDir)[string(native(t))]); err != nil {
		t.Fatal(err)
	}
	if _, err := from.Push(t.Context(), address+"/base:1", nil); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		base  string
		named bool
	}{
		"registry": {address + "/base:1", true}, "layout": {layoutDir, false}, "tar of a layout": {ociTar, false}, "docker save": {dockerTar, false},
	} {
		t.Run(name, func(t *testing.T) {
			o := o
			o.Variants = nil
			for _, v := range options(t).Variants {
				if v.Base = c.base; name != "docker save" || v.Platform == native(t) {
					o.Variants = append(o.Variants, v)
				}
			}
			out := filepath.Join(t.TempDir(), "out")
			if err := build(t, o).WriteLayout(out, "plumbline:1"); err != nil {
				t.Fatal(err)
			}
			all := images(t, out)
			if len(all) != len(o.Variants) {
				t.Errorf("%d images", len(all))
			}
			for _, img := range all {
				if labels(t, img)["org.opencontainers.image.base.name"] != map[bool]string{true: c.base}[c.named] {
					t.Errorf("labels %v", labels(t, img))
				}
			}
		})
	}
}

func labels(t *testing.T, img v1.Image) map[string]string {
	t.Helper()
	c, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return c.Config.Labels
}

func TestWhatCouldNotRunIsRefused(t *testing.T) {
	p := native(t)
	other := map[image.Platform]image.Platform{"linux/amd64": "linux/arm64", "linux/arm64": "linux/amd64"}[p]
	own, good := binary(t, "plumbline", p.Arch(), "one"), rootfs(t, p.Arch())

	old := rootfs(t, p.Arch(), "lib/*/libc.so.6", "lib/*/ld-linux*") // a base with an old library, whose file has the name of old packages
	compile(t, old+"/lib", "libx-2.4.so", "libx.so.6", "LIBX_2.4")
	asks := asker(t, compile(t, t.TempDir(), "libx.so.6", "libx.so.6", "LIBX_2.31"))
	without := t.TempDir()
	compile(t, without+"/lib", "libgcc_s.so.1", "libgcc_s.so.1", "GCC_3.0")
	text := filepath.Join(t.TempDir(), "text")
	write(t, text, "no image")

	for name, c := range map[string]struct {
		binary, base string
		want         []string
	}{
		"a binary of another platform": {binary(t, "plumbline", other.Arch(), "one"), good, []string{"is for " + string(other) + ", not for " + string(p)}},
		"another program":              {binary(t, "example.org/other", p.Arch(), "one"), good, []string{"is another program, example.org/other"}},
		"no program":                   {text, good, []string{"no binary for Linux"}},
		"no binary":                    {"missing", good, []string{"the binary", "no such file"}},
		"a base without libstdc++":     {own, without, []string{"has no libstdc++.so.6", "such as " + image.DefaultBase}},
		"a base of another platform":   {own, rootfs(t, other.Arch()), []string{"has no lib"}},
		"an old base":                  {asks, old, []string{"too old a libx.so.6: LIBX_2.31 is needed, and it ends at LIBX_2.4"}},
		"a base without glibc":         {asks, without, []string{"has no libc.so.6", "Alpine"}},
		"an empty folder":              {own, t.TempDir(), []string{"the folder is empty"}},
		"a file that is no image":      {own, text, []string{"no tarball of an image"}},
		"a registry that is away":      {own, "127.0.0.1:1/base:1", []string{"the base image 127.0.0.1:1/base:1 cannot be had", "127.0.0.1:1 cannot be reached", "--base"}},
		"a path that leads nowhere":    {own, "./nowhere", []string{"stat ./nowhere: no such file or directory"}},
		"no reference":                 {own, "No/Such/Folder", []string{"neither a file or folder that exists nor a reference"}},
	} {
		t.Run(name, func(t *testing.T) {
			built, err := image.Build(t.Context(), image.Options{Variants: []image.Variant{{Platform: p, Base: c.base, Binary: c.binary}}})
			if err == nil {
				built.Close()
				t.Fatal("it was built")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error %q lacks %q", err, want)
				}
			}
		})
	}
}

func TestABaseWithoutThePlatformIsRefused(t *testing.T) {
	o := options(t)
	only := o
	only.Variants = o.Variants[:1]
	dir := filepath.Join(t.TempDir(), "layout")
	if err := build(t, only).WriteLayout(dir, "base:1"); err != nil {
		t.Fatal(err)
	}
	o.Variants = o.Variants[1:]
	o.Variants[0].Base = dir
	_, err := image.Build(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "has no image for linux/arm64, only for linux/amd64") {
		t.Errorf("the error is %v", err)
	}
}

// What goes by one version is one build, as far as the binaries know it.
func TestBinariesOfDifferentBuildsAreRefused(t *testing.T) {
	o := image.Options{Variants: []image.Variant{
		{Platform: "linux/amd64", Binary: binary(t, "plumbline", "amd64", "one")}, {Platform: "linux/arm64", Binary: committed(t, "arm64")},
	}}
	var misuse interface{ Misused() bool }
	for what, err := range map[string]error{
		"image": func() error { _, err := image.Build(t.Context(), o); return err }(), "files": image.WriteFiles(t.Context(), o, t.TempDir()),
	} {
		if err == nil || !strings.Contains(err.Error(), "are of different builds: commit not known and ") || !errors.As(err, &misuse) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// committed is a binary that knows the commit it was built from.
func committed(t *testing.T, arch string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module plumbline\n\ngo 1.26\n")
	write(t, filepath.Join(dir, "main.go"), source)
	for _, command := range []string{
		"git init -q", "git add .", "git -c user.name=nobody -c user.email=nobody@example.org commit -q -m one", "go build -o plumbline .",
	} {
		words := strings.Fields(command)
		c := exec.Command(words[0], words[1:]...)
		c.Dir, c.Env = dir, append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=-buildvcs=true")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	return filepath.Join(dir, "plumbline")
}

// What is named after one version is that version: an old file that was left lying is not packed.
func TestABinaryOfAnotherVersionIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ module, mark, want string }{
		"the same":        {"plumbline", "[plumbline:v2-3-gabc+dirty]", ""},
		"an older one":    {"plumbline", "[plumbline:v1]", " is v1, and this program, which the image is named after, is v2-3-gabc+dirty: `make dist`"},
		"nobody knows":    {"plumbline", "one", "is of a version that cannot be told"},
		"another program": {"other", "[plumbline:v2-3-gabc+dirty]", "is another program"},
	} {
		t.Run(name, func(t *testing.T) {
			err := image.CheckVersion(image.Variant{Platform: "linux/arm64", Binary: binary(t, c.module, "arm64", c.mark)}, "v2-3-gabc+dirty")
			var misuse interface{ Misused() bool }
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, &misuse)):
				t.Errorf("the error is %v, want %q in it", err, c.want)
			}
		})
	}
}
