package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"plumbline/internal/cluster/image"
)

const source = `package main

func main() { println("MARK") }
`

// binary builds a small program that calls itself plumbline; mark makes it another one.
func binary(t *testing.T, module, arch, mark string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module "+module+"\n\ngo 1.26\n")
	write(t, filepath.Join(dir, "main.go"), strings.ReplaceAll(source, "MARK", mark))
	path := filepath.Join(dir, "plumbline-linux-"+arch)
	build := exec.Command("go", "build", "-trimpath", "-o", path, ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building a program: %v\n%s", err, out)
	}
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rootfs is a root filesystem with Debian's libgcc_s and libstdc++, which is all that a program without cgo is held against; more are patterns of further files.
func rootfs(t *testing.T, arch string, more ...string) string {
	t.Helper()
	from, to := "../../../.tools/base/"+arch, t.TempDir()
	for _, pattern := range append(more, "lib/*/libgcc_s.so.1", "usr/lib/*/libstdc++.so.6.*") {
		found, err := filepath.Glob(filepath.Join(from, pattern))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s holds %q as %s: run `make deps-test`", from, found, pattern)
		}
		if err := os.MkdirAll(filepath.Join(to, "lib"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(found[0], filepath.Join(to, "lib", filepath.Base(found[0]))); err != nil {
			write(t, filepath.Join(to, "lib", filepath.Base(found[0])), string(read(t, found[0])))
		}
	}
	return to
}

func options(t *testing.T) image.Options {
	t.Helper()
	o := image.Options{
		Version:    "1.2.3",
		Models:     []image.File{{Name: "b.tflite", Content: []byte("second")}, {Name: "a.tflite", Content: []byte("first")}},
		Components: []image.Component{{Name: "ONNX Runtime", Version: "1.30.0", Licence: "MIT"}},
	}
	for _, p := range image.Platforms() {
		o.Variants = append(o.Variants, image.Variant{Platform: p, Base: rootfs(t, p.Arch()), Binary: binary(t, "plumbline", p.Arch(), "one")})
	}
	return o
}

func build(t *testing.T, o image.Options) *image.Image {
	t.Helper()
	built, err := image.Build(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := built.Close(); err != nil {
			t.Error(err)
		}
	})
	return built
}

func digest(t *testing.T, built *image.Image) string {
	t.Helper()
	d, err := built.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// When, where and in which order files came to be changes nothing; what is in them does.
func TestTheSameInputsGiveTheSameBytes(t *testing.T) {
	o := options(t)
	first := build(t, o)
	one, two := filepath.Join(t.TempDir(), "one.tar"), filepath.Join(t.TempDir(), "two.tar")
	if err := first.WriteTarball(t.Context(), one, "plumbline:1"); err != nil {
		t.Fatal(err)
	}

	slices.Reverse(o.Models)
	for i, v := range o.Variants {
		moved := filepath.Join(t.TempDir(), "elsewhere")
		if err := os.CopyFS(filepath.Dir(moved), os.DirFS(filepath.Dir(v.Binary))); err != nil {
			t.Fatal(err)
		}
		o.Variants[i].Binary = filepath.Join(filepath.Dir(moved), filepath.Base(v.Binary))
		if err := errors.Join(os.Chmod(o.Variants[i].Binary, 0o700), os.Chtimes(o.Variants[i].Binary, time.Unix(1e9, 0), time.Unix(1e9, 0))); err != nil {
			t.Fatal(err)
		}
	}
	second := build(t, o)
	if digest(t, first) != digest(t, second) {
		t.Errorf("two digests of the same: %s and %s", digest(t, first), digest(t, second))
	}
	if err := second.WriteTarball(t.Context(), two, "plumbline:1"); err != nil {
		t.Fatal(err)
	}
	if a, b := read(t, one), read(t, two); !bytes.Equal(a, b) {
		t.Error("the tarballs differ")
	}

	o.Models[0].Content = []byte("other")
	if digest(t, build(t, o)) == digest(t, first) {
		t.Error("another model gives the same digest")
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// images opens an OCI layout by its platforms.
func images(t *testing.T, dir string) map[string]v1.Image {
	t.Helper()
	outer, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := outer.IndexManifest()
	if err != nil || len(m.Manifests) != 1 {
		t.Fatalf("the layout names %d images, want one index: %v", len(m.Manifests), err)
	}
	index, err := outer.ImageIndex(m.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if m, err = index.IndexManifest(); err != nil {
		t.Fatal(err)
	}
	found := map[string]v1.Image{}
	for _, d := range m.Manifests {
		if found[d.Platform.String()], err = index.Image(d.Digest); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// files are a flattened image's, by name.
func files(t *testing.T, img v1.Image) map[string]*tar.Header {
	t.Helper()
	r := mutate.Extract(img)
	defer r.Close()
	found, content := map[string]*tar.Header{}, tar.NewReader(r)
	for {
		h, err := content.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(h.Name, "plumbline") && h.Typeflag == tar.TypeReg {
			b, err := io.ReadAll(content)
			if err != nil {
				t.Fatal(err)
			}
			h.PAXRecords = map[string]string{"content": string(b)}
		}
		found[h.Name] = h
	}
}

func TestTheImageHoldsWhatAWorkerNeeds(t *testing.T) {
	o := options(t)
	dir := filepath.Join(t.TempDir(), "layout")
	if err := build(t, o).WriteLayout(dir, "plumbline:1"); err != nil {
		t.Fatal(err)
	}
	all := images(t, dir)
	for _, v := range o.Variants {
		img := all[string(v.Platform)]
		if img == nil {
			t.Fatalf("no image for %s", v.Platform)
		}
		config, err := img.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		c := config.Config
		if c.User != "65532:65532" || !slices.Equal(c.Entrypoint, []string{"/usr/local/bin/plumbline"}) || len(c.Cmd) > 0 {
			t.Errorf("%s runs %q %q as %s", v.Platform, c.Entrypoint, c.Cmd, c.User)
		}
		want := map[string]string{"version": "1.2.3", "title": "plumbline", "licenses": "MIT", "created": "1970-01-01T00:00:00Z"}
		for key, value := range want {
			if got := c.Labels["org.opencontainers.image."+key]; got != value {
				t.Errorf("%s: the label %s is %q", v.Platform, key, got)
			}
		}
		found := files(t, img)
		if h := found[image.BinaryPath]; h == nil || h.FileInfo().Mode() != 0o755 || h.PAXRecords["content"] != string(read(t, v.Binary)) {
			t.Errorf("%s: the binary is %+v", v.Platform, h)
		}
		if h := found[image.FilesDir+"/a.tflite"]; h == nil || h.FileInfo().Mode() != 0o644 || h.PAXRecords["content"] != "first" || h.Uid != 0 {
			t.Errorf("%s: a model is %+v", v.Platform, h)
		}
		checkSBOM(t, found[image.SBOMPath].PAXRecords["content"])
	}
}

func checkSBOM(t *testing.T, text string) {
	t.Helper()
	var d struct {
		SPDXVersion, DocumentNamespace string
		Packages                       []struct{ Name, VersionInfo, LicenseDeclared string }
		Relationships                  []struct{ SpdxElementID, RelatedSpdxElement string }
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	if d.SPDXVersion != "SPDX-2.3" || !strings.HasPrefix(d.DocumentNamespace, "urn:plumbline:sbom:sha256:") {
		t.Errorf("the document is %s, %s", d.SPDXVersion, d.DocumentNamespace)
	}
	licences := map[string]string{}
	for _, p := range d.Packages {
		licences[p.Name] = p.LicenseDeclared
		if p.Name == "plumbline" && p.VersionInfo != "1.2.3" {
			t.Errorf("plumbline has the version %s", p.VersionInfo)
		}
	}
	want := map[string]string{"plumbline": "MIT", "stdlib": "BSD-3-Clause", "ONNX Runtime": "MIT", "a.tflite": "Apache-2.0", "b.tflite": "Apache-2.0"}
	for name, licence := range want {
		if licences[name] != licence {
			t.Errorf("%s is listed under %q, want %q", name, licences[name], licence)
		}
	}
	if len(d.Relationships) != len(d.Packages) {
		t.Errorf("%d packages have %d relationships", len(d.Packages), len(d.Relationships))
	}
}

// One file is for docker load, which reads manifest.json, and for all that read OCI layouts.
func TestATarballIsReadByDockerToo(t *testing.T) {
	o := options(t)
	built := build(t, o)
	file := filepath.Join(t.TempDir(), "plumbline.tar")
	if err := built.WriteTarball(t.Context(), file, "plumbline:1"); err != nil {
		t.Fatal(err)
	}
	img, err := tarball.ImageFromPath(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "layout")
	if err := built.WriteLayout(dir, "plumbline:1"); err != nil {
		t.Fatal(err)
	}
	names := map[v1.Hash]bool{}
	for _, i := range images(t, dir) {
		name, err := i.ConfigName()
		if err != nil {
			t.Fatal(err)
		}
		names[name] = true
	}
	if !names[got] {
		t.Errorf("docker load would find the configuration %s, which is not among %v", got, names)
	}
	var index struct {
		Manifests []struct{ Annotations map[string]string }
	}
	if err := json.Unmarshal(read(t, filepath.Join(dir, "index.json")), &index); err != nil {
		t.Fatal(err)
	}
	full := strings.TrimPrefix(name.DefaultRegistry, "index.") + "/library/plumbline:1"
	want := map[string]string{"io.containerd.image.name": full, "org.opencontainers.image.ref.name": "1"}
	if diff := cmp.Diff(want, index.Manifests[0].Annotations); diff != "" {
		t.Error(diff)
	}
	if err := built.WriteLayout(dir, "plumbline:1"); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a folder that is in use: %v", err)
	}
}

// A library for GPUs comes with its providers, under the name that is looked for.
func TestALibraryComesWithItsProviders(t *testing.T) {
	o := options(t)
	o.Variants = o.Variants[:1]
	dir := t.TempDir()
	library := compile(t, dir, "libonnxruntime.so.1.30.0", "libonnxruntime.so.1", "VERS_1.30.0")
	for _, name := range []string{"libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so", "unrelated.so"} {
		write(t, filepath.Join(dir, name), name)
	}
	o.Variants[0].Library = library
	o.Variants[0].Platform = native(t)
	o.Variants[0].Base, o.Variants[0].Binary = rootfs(t, native(t).Arch()), binary(t, "plumbline", native(t).Arch(), "one")
	out := filepath.Join(t.TempDir(), "layout")
	if err := build(t, o).WriteLayout(out, "plumbline:1"); err != nil {
		t.Fatal(err)
	}
	found := files(t, images(t, out)[string(native(t))])
	for name, want := range map[string]bool{
		"libonnxruntime.so.1": true, "libonnxruntime_providers_cuda.so": true, "libonnxruntime_providers_shared.so": true, "unrelated.so": false,
	} {
		if (found[image.FilesDir+"/"+name] != nil) != want {
			t.Errorf("%s is there: %t", name, !want)
		}
	}
	if !strings.Contains(found[image.SBOMPath].PAXRecords["content"], "libonnxruntime.so.1.30.0") {
		t.Error("the list of components does not name the library")
	}
}

func TestACancelledBuildLeavesNothing(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	o := options(t)
	for i := range o.Variants {
		o.Variants[i].Base = "127.0.0.1:1/base:1"
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := image.Build(ctx, o); err == nil {
		t.Fatal("it was built")
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "plumbline-image-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Whoever wants an end in the middle of the packing gets one.
func TestABuildEndsWhileItPacks(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	o := options(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.Log = slog.New(onMessage{slog.DiscardHandler, "packing", cancel})
	if _, err := image.Build(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "plumbline-image-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// onMessage acts when a message is logged.
type onMessage struct {
	slog.Handler
	text string
	act  func()
}

// Enabled is always so.
func (onMessage) Enabled(context.Context, slog.Level) bool { return true }

// Handle looks at one record.
func (h onMessage) Handle(_ context.Context, r slog.Record) error {
	if r.Message == h.text {
		h.act()
	}
	return nil
}
