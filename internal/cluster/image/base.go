package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// base is what a platform's image stands on.
type base struct {
	v1.Image
	name   string // as the user wrote it
	remote bool   // it lies in a registry, so that name and digest find it again
}

// openBase finds the base of a platform: a path that exists, else a reference into a registry.
func (b *builder) openBase(ctx context.Context, source string, p Platform) (base, error) {
	info, err := os.Stat(source)
	var img v1.Image
	switch {
	case err != nil && isPath(source):
		return base{}, misuse{fmt.Errorf("the base image: %w", err)}
	case err != nil:
		if img, err = b.remoteBase(ctx, source, p); err != nil {
			return base{}, err
		}
		return base{img, source, true}, nil
	case !info.IsDir():
		img, err = b.tarballBase(ctx, source, p)
	default:
		img, err = b.folderBase(ctx, source, p)
	}
	if err != nil {
		return base{}, fmt.Errorf("reading the base image %s: %w", source, err)
	}
	if err := isFor(img, p); err != nil {
		return base{}, fmt.Errorf("the base image %s %w", source, err)
	}
	return base{img, filepath.Base(source), false}, nil
}

// isPath tells what can only be meant for a file or folder: no reference begins so.
func isPath(source string) bool {
	return filepath.IsAbs(source) || strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../") || source == "." || source == ".."
}

func (b *builder) remoteBase(ctx context.Context, source string, p Platform) (v1.Image, error) {
	ref, err := parseReference(source, b.Insecure)
	if err != nil {
		return nil, misuse{fmt.Errorf("the base image %q is neither a file or folder that exists nor a reference into a registry: %w", source, err)}
	}
	described, err := remote.Get(ref, b.remoteOptions(ctx, nil)...)
	if err != nil {
		return nil, fmt.Errorf("the base image %s cannot be had: %w; name another with --base: a reference, an OCI layout, an image's tarball or a root filesystem", source, explain(err, ref.Context().RegistryStr(), false))
	}
	if described.MediaType.IsIndex() {
		index, err := described.ImageIndex()
		if err != nil {
			return nil, fmt.Errorf("reading the base image %s: %w", source, err)
		}
		img, err := choose(index, p)
		if err != nil {
			return nil, fmt.Errorf("the base image %s %w", source, err)
		}
		return img, nil
	}
	img, err := described.Image()
	if err == nil {
		err = isFor(img, p)
	}
	if err != nil {
		return nil, fmt.Errorf("the base image %s %w", source, err)
	}
	return img, nil
}

// folderBase reads an OCI layout, else takes the folder for a root filesystem, as debootstrap makes them.
func (b *builder) folderBase(ctx context.Context, dir string, p Platform) (v1.Image, error) {
	if _, err := os.Stat(filepath.Join(dir, "oci-layout")); err == nil {
		index, err := layout.ImageIndexFromPath(dir)
		if err != nil {
			return nil, err
		}
		return choose(index, p)
	}
	entries, err := tree(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, errors.New("the folder is empty")
	}
	layer, err := writeLayer(ctx, b.temp, entries)
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", p.Arch()
	return mutate.ConfigFile(img, config)
}

// tarballBase reads what docker save writes, or the tar of an OCI layout.
func (b *builder) tarballBase(ctx context.Context, path string, p Platform) (v1.Image, error) {
	isLayout, err := holdsLayout(path)
	if err != nil {
		return nil, fmt.Errorf("it is no tarball of an image (save it uncompressed): %w", err)
	}
	if !isLayout {
		return tarball.ImageFromPath(path, nil)
	}
	dir, err := os.MkdirTemp(b.temp, "layout-*")
	if err != nil {
		return nil, err
	}
	if err := untar(ctx, path, dir); err != nil {
		return nil, err
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	return choose(index, p)
}

func holdsLayout(path string) (found bool, err error) {
	err = eachInTar(path, func(h *tar.Header, _ io.Reader) error {
		found = found || filepath.Clean(h.Name) == "oci-layout"
		return nil
	})
	return found, err
}

func eachInTar(path string, do func(*tar.Header, io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return eachEntry(f, do)
}

func eachEntry(r io.Reader, do func(*tar.Header, io.Reader) error) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := do(h, t); err != nil {
			return err
		}
	}
}

// untar writes the files of a layout; the root keeps names such as ../x inside.
func untar(ctx context.Context, path, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // a handle on a folder: nothing is pending
	return eachInTar(path, func(h *tar.Header, from io.Reader) error {
		if h.Typeflag != tar.TypeReg {
			return nil
		}
		if err := root.MkdirAll(filepath.Dir(h.Name), 0o700); err != nil {
			return err
		}
		f, err := root.Create(h.Name)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, while{ctx, from})
		return errors.Join(err, f.Close())
	})
}

// choose finds a platform's image in an index, and in indexes inside it.
func choose(index v1.ImageIndex, p Platform) (v1.Image, error) {
	found, has, err := search(index, p)
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		return nil, fmt.Errorf("has no image for %s, only for %s", p, strings.Join(has, ", "))
	}
	return found, nil
}

func search(index v1.ImageIndex, p Platform) (found v1.Image, has []string, err error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, nil, err
	}
	for _, d := range manifest.Manifests {
		switch {
		case d.MediaType.IsIndex():
			inner, err := index.ImageIndex(d.Digest)
			if err != nil {
				return nil, nil, err
			}
			img, more, err := search(inner, p)
			if img != nil || err != nil {
				return img, nil, err
			}
			has = append(has, more...)
		case d.MediaType.IsImage():
			img, err := index.Image(d.Digest)
			if err != nil {
				return nil, nil, err
			}
			platform, err := platformOf(d, img)
			if err != nil {
				return nil, nil, err
			}
			if platform == string(p) {
				return img, nil, nil
			}
			has = append(has, platform)
		}
	}
	return nil, has, nil
}

// platformOf is what the index says, else what the image itself does.
func platformOf(d v1.Descriptor, img v1.Image) (string, error) {
	if d.Platform != nil {
		return d.Platform.OS + "/" + d.Platform.Architecture, nil
	}
	config, err := img.ConfigFile()
	if err != nil {
		return "", err
	}
	return config.OS + "/" + config.Architecture, nil
}

func isFor(img v1.Image, p Platform) error {
	config, err := img.ConfigFile()
	if err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	if config.OS != "linux" || config.Architecture != p.Arch() {
		return fmt.Errorf("is for %s/%s, not for %s", config.OS, config.Architecture, p)
	}
	return nil
}

func parseReference(s string, insecure bool) (name.Reference, error) {
	options := []name.Option{}
	if insecure {
		options = append(options, name.Insecure)
	}
	return name.ParseReference(s, options...)
}
