package image

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// DefaultBase holds glibc, libstdc++ and certificates, and nothing that could be run: no shell, no package manager.
const DefaultBase = "gcr.io/distroless/cc-debian12:nonroot"

// Where things lie in the image. The binary looks for its models in ../lib/plumbline.
const (
	BinaryPath = "usr/local/bin/plumbline"
	FilesDir   = "usr/local/lib/plumbline"
	SBOMPath   = "usr/local/share/plumbline/sbom.spdx.json"
)

// user is distroless' nonroot. A number, because Kubernetes' runAsNonRoot cannot judge a name.
const user = "65532:65532"

// platforms are those that the binary is built for.
var platforms = []Platform{"linux/amd64", "linux/arm64"}

// Platform is an operating system and an architecture, such as linux/arm64.
type Platform string

// Platforms are those that an image can be built for.
func Platforms() []Platform { return slices.Clone(platforms) }

// ParsePlatform reads linux/amd64 or linux/arm64.
func ParsePlatform(s string) (Platform, error) {
	if !slices.Contains(platforms, Platform(s)) {
		return "", fmt.Errorf("%q is no platform of Plumbline's: choose linux/amd64 or linux/arm64", s)
	}
	return Platform(s), nil
}

// Arch is the architecture, as Go names it.
func (p Platform) Arch() string { return strings.TrimPrefix(string(p), "linux/") }

func (p Platform) v1() v1.Platform { return v1.Platform{OS: "linux", Architecture: p.Arch()} }

// Variant is what goes into the image of one platform.
type Variant struct {
	Platform Platform
	// Base is a reference into a registry, a folder with an OCI layout or a root filesystem, or a tarball of an image.
	Base string
	// Binary is the path of a plumbline for that platform.
	Binary string
	// Library is the path of an ONNX Runtime's library to put beside the models, with the providers that lie beside it.
	// Empty: none.
	Library string
}

// File is a file for every platform's image.
type File struct {
	Name    string // without a folder
	Content []byte
}

// Component is something that travels in the image and is no Go module; for the list of components.
type Component struct {
	Name, Version, Licence string // the licence as SPDX writes it
	Supplier               string
}

// Options say what an image holds.
type Options struct {
	Variants []Variant
	Models   []File
	// Version is Plumbline's, for labels and the list of components.
	Version string
	// Components are those that Models and the binaries hold besides Go modules.
	Components []Component
	// Licences has what SPDX calls the licence of each Go module, by its path; what is missing is listed as not known.
	Licences map[string]string
	// Insecure allows registries that speak plain HTTP elsewhere than on loopback.
	Insecure bool
	Log      *slog.Logger // nil for silence
}

func (o *Options) check() error {
	if len(o.Variants) == 0 {
		return fmt.Errorf("an image needs at least one platform")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	seen := map[Platform]bool{}
	for _, v := range o.Variants {
		if _, err := ParsePlatform(string(v.Platform)); err != nil {
			return err
		}
		if seen[v.Platform] {
			return fmt.Errorf("%s is named twice", v.Platform)
		}
		seen[v.Platform] = true
	}
	return nil
}
