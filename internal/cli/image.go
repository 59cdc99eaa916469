package cli

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"

	"plumbline/internal/bundle"
	"plumbline/internal/cluster/image"
	"plumbline/internal/config"
	"plumbline/internal/licenses"
)

type imageCommand struct {
	config.Image `embed:""`
}

// Help shows examples.
func (imageCommand) Help() string {
	return `The image holds the binary, the models as files that are used in place, and a list of components (SPDX). The same inputs
give the same digest. Nothing runs as root in it, and its filesystem may be read-only.

Examples:
  make dist && plumbline image --push registry.example.org/plumbline:1
  plumbline image --output plumbline.tar --platform linux/arm64      # ctr -n k8s.io images import plumbline.tar
  plumbline image --output oci:image --base ./rootfs
  plumbline image --push registry.example.org/plumbline:gpu --base BASE-WITH-CUDA --platform linux/amd64 \
      --onnxruntime-library onnxruntime-linux-x64-gpu/lib/libonnxruntime.so.1`
}

func (c *imageCommand) Run(ctx context.Context, p *Process) error {
	if err := c.Image.Validate(); err != nil {
		return misused(err)
	}
	for flag, name := range map[string]string{"--push": c.Push, "--name": c.Name} {
		if name == "" {
			continue
		}
		if err := image.CheckName(name); err != nil {
			return misused(fmt.Errorf("%s %s: %w", flag, name, err))
		}
	}
	log := newLog(p, config.Logging(c.QuietLogging)).With("component", "image")
	if dir, ok := strings.CutPrefix(c.Output, "files:"); ok {
		o, err := imageOptions(p, c.ImageBuild, log)
		if err != nil {
			return err
		}
		return interrupted(ctx, image.WriteFiles(ctx, o, dir))
	}
	built, err := buildImage(ctx, p, c.ImageBuild, log)
	if err != nil {
		return interrupted(ctx, err)
	}
	err = c.deliver(ctx, p, built)
	return interrupted(ctx, errors.Join(err, built.Close()))
}

// buildImage is shared by every command that needs the image.
func buildImage(ctx context.Context, p *Process, c config.ImageBuild, log *slog.Logger) (*image.Image, error) {
	o, err := imageOptions(p, c, log)
	if err != nil {
		return nil, err
	}
	heard := context.AfterFunc(ctx, func() { fmt.Fprintln(p.Stderr, "Ending; what was packed so far is removed.") })
	defer heard()
	built, err := image.Build(ctx, o)
	if err != nil {
		return nil, err
	}
	return built, tellOfImages(p, built)
}

// imageOptions find everything that goes into an image.
func imageOptions(p *Process, c config.ImageBuild, log *slog.Logger) (image.Options, error) {
	variants, err := imageVariants(p, c)
	if err != nil {
		return image.Options{}, misused(err)
	}
	models, err := bundle.ReadModels(c.ModelsDir, c.Models...)
	if err != nil {
		return image.Options{}, misused(fmt.Errorf("finding the models: %w", err))
	}
	names, err := licenses.Modules()
	if err != nil {
		return image.Options{}, err
	}
	o := image.Options{Variants: variants, Version: p.Version, Components: components(), Licences: names, Insecure: c.InsecureRegistry, Log: log}
	for _, name := range slices.Sorted(maps.Keys(models)) {
		o.Models = append(o.Models, image.File{Name: name, Content: models[name]})
	}
	return o, nil
}

func tellOfImages(p *Process, built *image.Image) error {
	summaries, err := built.Summaries()
	if err != nil {
		return errors.Join(err, built.Close())
	}
	for _, s := range summaries {
		fmt.Fprintf(p.Stderr, "%s  %.1f MB  %s\n", s.Platform, float64(s.Size)/1e6, s.Binary)
		fmt.Fprint(p.Stderr, tooLarge(s))
	}
	return nil
}

// tooLarge is a line about an image that is larger than it should be, and what helps; or "".
func tooLarge(s image.Summary) string {
	if s.Size <= image.LargestForCPUs || s.GPU {
		return ""
	}
	what := "a smaller --base or fewer of --image-model help"
	if s.Debug {
		what = "its binary carries what only debuggers read; `make dist` builds one without"
	}
	return fmt.Sprintf("%s: that is more than the %d MB that an image for CPUs should have: %s\n", s.Platform, image.LargestForCPUs/1_000_000, what)
}

// components are what the binary holds besides Go modules.
func components() []image.Component {
	var list []image.Component
	for _, c := range licenses.Components() {
		list = append(list, image.Component{Name: c.Name, Version: c.Version, Licence: c.Licence})
	}
	return list
}

// imageVariants finds for each platform what its image is made of.
func imageVariants(p *Process, c config.ImageBuild) ([]image.Variant, error) {
	bases, err1 := config.ForPlatforms("--base", c.Base)
	binaries, err2 := config.ForPlatforms("--binary", c.Binary)
	libraries, err3 := config.ForPlatforms("--onnxruntime-library", c.OnnxruntimeLibrary)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	if name := binaries[""]; name != "" && len(c.Platform) != 1 {
		return nil, fmt.Errorf("--binary %s: say for which platform, linux/amd64=%s or linux/arm64=%s, or build for one with --platform", name, name, name)
	}
	wanted, err := wantedPlatforms(c.Platform)
	if err != nil {
		return nil, err
	}
	var variants []image.Variant
	for _, platform := range wanted {
		binary, err := findBinary(p, platform, valueFor(binaries, platform, ""))
		if err != nil {
			if len(c.Platform) > 0 {
				return nil, err
			}
			fmt.Fprintf(p.Stderr, "%s is left out: %v\n", platform, err)
			continue
		}
		variants = append(variants, image.Variant{
			Platform: platform, Binary: binary,
			Base:    valueFor(bases, platform, image.DefaultBase),
			Library: valueFor(libraries, platform, ""),
		})
	}
	if len(variants) == 0 {
		return nil, errors.New("there is no binary for any platform")
	}
	if libraries[""] != "" && len(variants) > 1 {
		return nil, fmt.Errorf("--onnxruntime-library %s: say for which platform, linux/amd64=%s or linux/arm64=%s, or build for one with --platform", libraries[""], libraries[""], libraries[""])
	}
	return variants, ofThisVersion(p, variants)
}

// ofThisVersion refuses binaries of another version than this program, which packs itself, too.
func ofThisVersion(p *Process, variants []image.Variant) error {
	own, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program's file: %w", err)
	}
	this, err := os.Stat(own)
	if err != nil {
		return fmt.Errorf("finding this program's file: %w", err)
	}
	var wrong []error
	for _, v := range variants {
		if other, err := os.Stat(v.Binary); err == nil && os.SameFile(this, other) {
			continue
		}
		wrong = append(wrong, image.CheckVersion(v, p.Version))
	}
	return errors.Join(wrong...)
}

func valueFor(values map[string]string, p image.Platform, fallback string) string {
	for _, key := range []string{string(p), ""} {
		if v := values[key]; v != "" {
			return v
		}
	}
	return fallback
}

func wantedPlatforms(names []string) ([]image.Platform, error) {
	if len(names) == 0 {
		return image.Platforms(), nil
	}
	var list []image.Platform
	for _, name := range names {
		p, err := image.ParsePlatform(name)
		if err != nil {
			return nil, fmt.Errorf("--platform: %w", err)
		}
		list = append(list, p)
	}
	return list, nil
}

// findBinary looks where make dist puts them, then beside this program, and takes this program itself for its own platform.
func findBinary(p *Process, platform image.Platform, named string) (string, error) {
	if named != "" {
		return named, canAnalyse(named)
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding this program's file: %w", err)
	}
	name := "plumbline-linux-" + platform.Arch()
	for _, path := range []string{filepath.Join("dist", name), filepath.Join(filepath.Dir(self), name)} {
		if _, err := os.Stat(path); err == nil {
			return path, canAnalyse(path)
		}
	}
	if runtime.GOOS == "linux" && runtime.GOARCH == platform.Arch() {
		fmt.Fprintf(p.Stderr, "%s: there is no dist/%s, so the image gets the program that runs now; `make dist` builds one that asks for an older glibc\n", platform, name)
		return self, canAnalyse(self)
	}
	return "", fmt.Errorf("there is no binary for it: build dist/%s with `make dist`, or name one with --binary %s=FILE", name, platform)
}

// canAnalyse refuses a binary without inference, of which an image of workers would be made in vain. Whether it is a plumbline
// at all is looked at when the image is built.
func canAnalyse(binary string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil //nolint:nilerr // building the image says it better
	}
	for _, s := range info.Settings {
		if s.Key == "CGO_ENABLED" && s.Value == "0" {
			return fmt.Errorf("%s was built without cgo and cannot analyse pictures; build it with `make dist`", binary)
		}
	}
	return nil
}

// deliver writes and pushes the image, and prints what names it for ever.
func (c *imageCommand) deliver(ctx context.Context, p *Process, built *image.Image) error {
	if c.Output != "" {
		if err := c.write(ctx, p, built); err != nil {
			return err
		}
	}
	if c.Push != "" {
		reference, err := pushImage(ctx, p, built, c.Push)
		if err != nil {
			return err
		}
		fmt.Fprintln(p.Stdout, reference)
		return nil
	}
	digest, err := built.Digest()
	if err == nil {
		fmt.Fprintln(p.Stdout, digest)
	}
	return err
}

func (c *imageCommand) write(ctx context.Context, p *Process, built *image.Image) error {
	name := c.Name
	if name == "" {
		name = c.Push
	}
	if name == "" {
		name = "plumbline:" + tagOf(p.Version)
	}
	if dir, ok := strings.CutPrefix(c.Output, "oci:"); ok {
		return built.WriteLayout(dir, name)
	}
	return built.WriteTarball(ctx, c.Output, name)
}

var notInTags = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// tagOf makes a tag of a version such as v1.2.0+dirty.
func tagOf(version string) string {
	return strings.TrimLeft(notInTags.ReplaceAllString(version, "-"), ".-")
}

// pushImage uploads, with a bar for whoever watches, and gives the reference with its digest.
func pushImage(ctx context.Context, p *Process, built *image.Image, ref string) (string, error) {
	var progress func(done, total int64)
	if isTerminal(p.Stderr) {
		bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(p.Stderr), progressbar.OptionShowBytes(true),
			progressbar.OptionSetDescription("uploading"), progressbar.OptionClearOnFinish())
		defer func() { _ = bar.Finish() }() // a bar that cannot be drawn is no failure
		progress = func(done, total int64) {
			bar.ChangeMax64(total)
			_ = bar.Set64(done)
		}
	}
	pushed, err := built.Push(ctx, ref, progress)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(p.Stderr, "pushed; %.1f MB were new to the registry\n", float64(pushed.Uploaded)/1e6)
	return pushed.Reference, nil
}
