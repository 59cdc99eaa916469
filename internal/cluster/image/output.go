package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// WriteLayout writes an OCI image layout into a folder, which must be empty or not there. The image is called ref in it.
func (i *Image) WriteLayout(dir, ref string) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("the folder %s is not empty: name a new one", dir)
	}
	if err := i.writeLayout(dir, ref); err != nil {
		return fmt.Errorf("writing the OCI layout %s: %w", dir, err)
	}
	return nil
}

func (i *Image) writeLayout(dir, ref string) error {
	full, tag, err := fullName(ref)
	if err != nil {
		return err
	}
	to, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	return to.AppendIndex(i.index, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": tag,  // what skopeo and podman call it
		"io.containerd.image.name":          full, // what ctr calls it
	}))
}

// fullName completes plumbline:1 by host and folder, as containerd writes them; tag is what follows the colon. Containerd
// leaves the default registry's "index." out.
func fullName(ref string) (full, tag string, err error) {
	parsed, err := name.NewTag(ref)
	if err != nil {
		return "", "", fmt.Errorf("the image's name: %w", err)
	}
	full = strings.Replace(parsed.Name(), name.DefaultRegistry, strings.TrimPrefix(name.DefaultRegistry, "index."), 1)
	return full, parsed.TagStr(), nil
}

// WriteTarball writes one file that `ctr images import`, podman, skopeo and `docker load` read: an OCI layout, and beside it the
// manifest.json of docker save, which can name one platform only: this machine's, else the first.
func (i *Image) WriteTarball(ctx context.Context, file, ref string) error {
	if err := i.writeTarball(ctx, file, ref); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}

func (i *Image) writeTarball(ctx context.Context, file, ref string) (err error) {
	dir, err := os.MkdirTemp(i.temp, "output-*")
	if err != nil {
		return err
	}
	if err := i.writeLayout(dir, ref); err != nil {
		return err
	}
	if err := i.writeDockerManifest(dir, ref); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".plumbline-image-*")
	if err != nil {
		return err
	}
	err = errors.Join(f.Chmod(0o644), tarFolder(ctx, f, dir), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func (i *Image) writeDockerManifest(dir, ref string) error {
	manifest, err := i.native().Manifest()
	if err != nil {
		return err
	}
	type dockerImage struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	blob := func(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }
	entry := dockerImage{Config: blob(manifest.Config.Digest), RepoTags: []string{ref}}
	for _, l := range manifest.Layers {
		entry.Layers = append(entry.Layers, blob(l.Digest))
	}
	b, err := json.Marshal([]dockerImage{entry})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "manifest.json"), b, 0o600)
}

// native is the image for this machine, else the first.
func (i *Image) native() v1.Image {
	k := slices.IndexFunc(i.variants, func(v built) bool { return v.Platform.Arch() == runtime.GOARCH })
	return i.variants[max(k, 0)].image
}

// tarFolder packs a folder's files, sorted and without what the machine adds.
func tarFolder(ctx context.Context, to *os.File, dir string) error {
	t := tar.NewWriter(to)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		e, err := fileFrom(filepath.ToSlash(rel), path, 0o644)
		if err != nil {
			return err
		}
		return e.write(ctx, t)
	})
	return errors.Join(err, t.Close())
}
