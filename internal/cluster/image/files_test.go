package image_test

import (
	"archive/tar"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/cluster/image"
)

// What a Dockerfile copies is what the image adds to its base; the list of components, which names the base, aside.
func TestWrittenFilesAreThoseOfTheImage(t *testing.T) {
	o, dir := options(t), t.TempDir()
	write(t, filepath.Join(dir, "elsewhere"), "is left alone")
	for range 2 { // again over what is there
		if err := image.WriteFiles(t.Context(), o, dir); err != nil {
			t.Fatal(err)
		}
	}
	layouts := filepath.Join(t.TempDir(), "layout")
	if err := build(t, o).WriteLayout(layouts, "plumbline:1"); err != nil {
		t.Fatal(err)
	}
	all := images(t, layouts)
	for _, p := range image.Platforms() {
		want := map[string]string{}
		for path, h := range files(t, all[string(p)]) {
			if strings.HasPrefix(path, "usr/local/") && h.Typeflag == tar.TypeReg {
				want[path] = h.FileInfo().Mode().String()
			}
		}
		got := map[string]string{}
		root := filepath.Join(dir, p.Arch())
		err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			rel, _ := filepath.Rel(root, path)
			got[filepath.ToSlash(rel)] = info.Mode().String()
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-image +written):\n%s", p, diff)
		}
		if sbom := string(read(t, filepath.Join(root, image.SBOMPath))); strings.Contains(sbom, "base image") || !strings.Contains(sbom, "a.tflite") {
			t.Errorf("%s: the list of components is %s", p, sbom)
		}
	}
}
