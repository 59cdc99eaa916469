package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// entry is a file, folder or link of a layer. Owner and times are the same for all.
type entry struct {
	path string // in the image, without a leading slash
	mode fs.FileMode
	link string // target of a symbolic link
	size int64
	open func() (io.ReadCloser, error)
}

func folder(path string) entry { return entry{path: path + "/", mode: fs.ModeDir | 0o755} }

func content(path string, b []byte) entry {
	return entry{path: path, mode: 0o644, size: int64(len(b)), open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

func fileFrom(path, from string, mode fs.FileMode) (entry, error) {
	info, err := os.Stat(from)
	if err != nil {
		return entry{}, err
	}
	if !info.Mode().IsRegular() {
		return entry{}, fmt.Errorf("%s is no file", from)
	}
	return entry{path: path, mode: mode, size: info.Size(), open: func() (io.ReadCloser, error) { return os.Open(from) }}, nil
}

// writeLayer compresses the entries, in their order, into a file of the folder: once, since a digest needs all of it
// anyway and the libraries of a GPU are too large to hold. The layer is read only
// while the context lasts.
func writeLayer(ctx context.Context, dir string, entries []entry) (_ v1.Layer, err error) {
	f, err := os.CreateTemp(dir, "layer-*.tar.gz")
	if err != nil {
		return nil, err
	}
	z := gzip.NewWriter(f)
	t := tar.NewWriter(z)
	for _, e := range entries {
		if err = e.write(ctx, t); err != nil {
			break
		}
	}
	if err = errors.Join(err, t.Close(), z.Close(), f.Close()); err != nil {
		return nil, fmt.Errorf("packing a layer: %w", err)
	}
	opened := func() (io.ReadCloser, error) { return openWhile(ctx, f.Name()) }
	return tarball.LayerFromOpener(opened, tarball.WithMediaType(types.OCILayer))
}

func (e entry) write(ctx context.Context, t *tar.Writer) error {
	h := &tar.Header{Name: e.path, Mode: int64(e.mode.Perm()), Size: e.size, ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg, Format: tar.FormatPAX}
	switch {
	case e.mode.IsDir():
		h.Typeflag = tar.TypeDir
	case e.link != "":
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
	}
	if err := t.WriteHeader(h); err != nil || e.open == nil {
		return err
	}
	from, err := e.open()
	if err != nil {
		return err
	}
	defer from.Close()
	_, err = io.Copy(t, while{ctx, from})
	return err
}

// while reads until the context ends: to compress or hash a large file takes many seconds, which nobody who wants an end waits for.
type while struct {
	ctx  context.Context
	from io.Reader
}

// Read reads some.
func (w while) Read(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.from.Read(b)
}

func openWhile(ctx context.Context, name string) (io.ReadCloser, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{while{ctx, f}, f}, nil
}

// tree lists a root filesystem; fs.WalkDir sorts by name.
func tree(root string) ([]entry, error) {
	var entries []entry
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		e, err := treeEntry(root, path, d)
		if err == nil && e.path != "" {
			entries = append(entries, e)
		}
		return err
	})
	return entries, err
}

func treeEntry(root, path string, d fs.DirEntry) (entry, error) {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return entry{}, err
	}
	info, err := d.Info()
	if err != nil {
		return entry{}, err
	}
	name := filepath.ToSlash(rel)
	switch {
	case d.IsDir():
		return entry{path: name + "/", mode: fs.ModeDir | info.Mode().Perm()}, nil
	case info.Mode()&fs.ModeSymlink != 0:
		link, err := os.Readlink(path)
		return entry{path: name, mode: 0o777, link: link}, err
	case info.Mode().IsRegular():
		return fileFrom(name, path, info.Mode().Perm())
	}
	return entry{}, nil // devices and sockets are the runtime's
}
