package image

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// libraryName is under which the binary looks for ONNX Runtime beside its models.
const libraryName = "libonnxruntime.so.1"

// Image is built, and lies in temporary files until it is closed.
type Image struct {
	options  Options
	index    v1.ImageIndex
	variants []built
	temp     string
}

// built is the image of one platform.
type built struct {
	Variant
	image v1.Image
	sbom  []byte
	size  int64
}

// LargestForCPUs is what an image without ONNX Runtime may have, compressed: new nodes pull it before their first picture.
const LargestForCPUs = 80_000_000

// Summary tells of one platform's image.
type Summary struct {
	Platform Platform
	Digest   string
	Binary   string
	Size     int64 // bytes to download, compressed
	GPU      bool  // it has a library for GPUs, which may be of any size
	Debug    bool  // its binary carries what only debuggers read
}

// builder makes the images of one run.
type builder struct {
	Options
	temp   string
	models v1.Layer
}

// Build makes the images. Close the result to remove its temporary files. What is built is read, for writing or pushing it, while the
// context lasts.
func Build(ctx context.Context, o Options) (_ *Image, err error) {
	if err := errors.Join(o.check(), sameBuild(o.Variants)); err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp("", "plumbline-image-*")
	if err != nil {
		return nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	i := &Image{options: o, temp: temp}
	defer func() {
		if err != nil {
			err = errors.Join(err, i.Close())
		}
	}()
	b := &builder{Options: o, temp: temp}
	b.Models = slices.SortedFunc(slices.Values(o.Models), func(x, y File) int { return strings.Compare(x.Name, y.Name) })
	if err := b.packModels(ctx); err != nil {
		return nil, err
	}
	for _, v := range o.Variants {
		one, err := b.build(ctx, v)
		if err != nil {
			return nil, err
		}
		i.variants = append(i.variants, one)
	}
	i.index = indexOf(i.variants)
	return i, nil
}

// Close removes the temporary files.
func (i *Image) Close() error { return os.RemoveAll(i.temp) }

// Digest names the index, and with it everything inside.
func (i *Image) Digest() (string, error) {
	d, err := i.index.Digest()
	return d.String(), err
}

// Summaries tell of the platforms, in the order in which they were asked for.
func (i *Image) Summaries() ([]Summary, error) {
	var list []Summary
	for _, v := range i.variants {
		d, err := v.image.Digest()
		if err != nil {
			return nil, err
		}
		list = append(list, Summary{v.Platform, d.String(), v.Binary, v.size, v.Library != "", debuggable(v.Binary)})
	}
	return list, nil
}

// packModels makes the layer that all platforms share.
func (b *builder) packModels(ctx context.Context) (err error) {
	if len(b.Models) == 0 {
		return nil
	}
	b.models, err = writeLayer(ctx, b.temp, b.modelEntries())
	return err
}

func (b *builder) modelEntries() []entry {
	entries := []entry{folder(FilesDir)}
	for _, f := range b.Models {
		entries = append(entries, content(FilesDir+"/"+f.Name, f.Content))
	}
	return entries
}

func (b *builder) build(ctx context.Context, v Variant) (built, error) {
	info, err := readBinary(v)
	if err != nil {
		return built{}, err
	}
	from, err := b.openBase(ctx, v.Base, v.Platform)
	if err != nil {
		return built{}, err
	}
	if err := wanted(ctx, v, from); err != nil {
		return built{}, err
	}
	b.Log.Info("packing", "platform", v.Platform, "binary", v.Binary, "base", v.Base)
	sbom, err := b.sbom(ctx, v, info, from)
	if err != nil {
		return built{}, err
	}
	layers, err := b.layers(ctx, v, sbom)
	if err != nil {
		return built{}, err
	}
	img, err := b.assemble(v, from, info, layers)
	if err != nil {
		return built{}, fmt.Errorf("assembling the image for %s: %w", v.Platform, err)
	}
	size, err := compressedSize(img)
	return built{v, img, sbom, size}, err
}

// readBinary sees that the binary is Plumbline, and for the platform.
func readBinary(v Variant) (*buildinfo.BuildInfo, error) {
	if err := (needs{}).read(v.Binary, v.Platform); err != nil {
		return nil, misuse{fmt.Errorf("the binary %w", err)}
	}
	info, err := buildinfo.ReadFile(v.Binary)
	if err != nil {
		return nil, misuse{fmt.Errorf("the binary %s was not built by Go: %w", v.Binary, err)}
	}
	if info.Main.Path != "plumbline" {
		return nil, misuse{fmt.Errorf("the binary %s is another program, %s", v.Binary, info.Path)}
	}
	return info, nil
}

// wanted sees that the base has the shared libraries that binary and library ask for.
func wanted(ctx context.Context, v Variant, from base) error {
	n := needs{}
	for _, l := range runtimeNeeds {
		n.want(l)
	}
	for _, file := range []string{v.Binary, v.Library} {
		if file == "" {
			continue
		}
		if err := n.read(file, v.Platform); err != nil {
			return err
		}
	}
	return n.check(ctx, from, v.Platform)
}

// layers are ours, those that change seldom first: library, models, binary.
func (b *builder) layers(ctx context.Context, v Variant, sbom []byte) ([]mutate.Addendum, error) {
	var list []mutate.Addendum
	if v.Library != "" {
		entries, err := libraryEntries(v.Library)
		if err != nil {
			return nil, err
		}
		l, err := writeLayer(ctx, b.temp, entries)
		if err != nil {
			return nil, err
		}
		list = append(list, addendum(l, "ONNX Runtime"))
	}
	if b.models != nil {
		list = append(list, addendum(b.models, "models"))
	}
	entries, err := binaryEntries(v.Binary, sbom)
	if err != nil {
		return nil, err
	}
	l, err := writeLayer(ctx, b.temp, entries)
	if err != nil {
		return nil, err
	}
	return append(list, addendum(l, "plumbline")), nil
}

func binaryEntries(binary string, sbom []byte) ([]entry, error) {
	e, err := fileFrom(BinaryPath, binary, 0o755)
	if err != nil {
		return nil, fmt.Errorf("the binary: %w", err)
	}
	return []entry{e, content(SBOMPath, sbom)}, nil
}

// libraryEntries are the library under the name that is looked for, and the providers that it loads from its own folder.
func libraryEntries(library string) ([]entry, error) {
	main, err := fileFrom(FilesDir+"/"+libraryName, library, 0o755)
	if err != nil {
		return nil, fmt.Errorf("ONNX Runtime's library: %w", err)
	}
	entries := []entry{folder(FilesDir), main}
	providers, err := fs.Glob(os.DirFS(filepath.Dir(library)), "libonnxruntime_providers_*.so")
	if err != nil {
		return nil, fmt.Errorf("looking for the providers of ONNX Runtime: %w", err)
	}
	for _, name := range providers {
		e, err := fileFrom(FilesDir+"/"+name, filepath.Join(filepath.Dir(library), name), 0o755)
		if err != nil {
			return nil, fmt.Errorf("a provider of ONNX Runtime: %w", err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func addendum(l v1.Layer, what string) mutate.Addendum {
	return mutate.Addendum{
		Layer: l, MediaType: types.OCILayer,
		History: v1.History{CreatedBy: "plumbline image: " + what, Created: v1.Time{Time: time.Unix(0, 0).UTC()}},
	}
}

func compressedSize(img v1.Image) (size int64, err error) {
	m, err := img.Manifest()
	if err != nil {
		return 0, fmt.Errorf("weighing the image: %w", err)
	}
	size = m.Config.Size
	for _, l := range m.Layers {
		size += l.Size
	}
	return size, nil
}

func indexOf(variants []built) v1.ImageIndex {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, v := range variants {
		p := v.Platform.v1()
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: v.image, Descriptor: v1.Descriptor{Platform: &p}})
	}
	return index
}
