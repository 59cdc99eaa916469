package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// WriteFiles puts what an image adds to its base into a folder, as DIR/ARCH/usr/local/…, for a Dockerfile to copy. Bases are not
// looked at, so the list of components names none.
func WriteFiles(ctx context.Context, o Options, dir string) error {
	if err := errors.Join(o.check(), sameBuild(o.Variants)); err != nil {
		return err
	}
	b := &builder{Options: o}
	b.Models = slices.SortedFunc(slices.Values(o.Models), func(x, y File) int { return strings.Compare(x.Name, y.Name) })
	for _, v := range o.Variants {
		if err := b.writeFiles(ctx, v, filepath.Join(dir, v.Platform.Arch())); err != nil {
			return fmt.Errorf("writing the files of %s: %w", v.Platform, err)
		}
	}
	return nil
}

func (b *builder) writeFiles(ctx context.Context, v Variant, dir string) error {
	info, err := readBinary(v)
	if err != nil {
		return err
	}
	sbom, err := b.sbom(ctx, v, info, base{})
	if err != nil {
		return err
	}
	entries, err := binaryEntries(v.Binary, sbom)
	if err != nil {
		return err
	}
	if v.Library != "" {
		library, err := libraryEntries(v.Library)
		if err != nil {
			return err
		}
		entries = append(entries, library...)
	}
	if err := os.RemoveAll(filepath.Join(dir, "usr")); err != nil { // of an earlier time
		return err
	}
	for _, e := range append(entries, b.modelEntries()...) {
		if err := e.writeTo(ctx, dir); err != nil {
			return err
		}
	}
	return nil
}

func (e entry) writeTo(ctx context.Context, dir string) error {
	path := filepath.Join(dir, filepath.FromSlash(e.path))
	if e.open == nil {
		return os.MkdirAll(path, 0o755) //nolint:gosec // as in the image
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // likewise
		return err
	}
	from, err := e.open()
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, e.mode.Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(to, while{ctx, from})
	return errors.Join(err, to.Chmod(e.mode.Perm()), to.Close())
}
