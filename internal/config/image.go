package config

import (
	"errors"
	"fmt"
	"strings"
)

// ImageBuild says what a container image holds. Flags that name files may be given a platform: linux/arm64=FILE.
type ImageBuild struct {
	Platform           []string `help:"Platform to build for, linux/amd64 or linux/arm64; may be repeated (default: those that a binary is found for)." placeholder:"PLATFORM"`
	Base               []string `help:"Base image with glibc and libstdc++: a reference into a registry, a folder with an OCI layout or a root filesystem, or an image's tarball. PLATFORM=BASE for one platform's. (default: ${image_base})" placeholder:"BASE"`
	Binary             []string `help:"plumbline for a platform: PLATFORM=FILE, or FILE where --platform names one (default: dist/plumbline-linux-ARCH, as make dist builds them, or the same beside this program, or for its own platform this program)." placeholder:"FILE"`
	Models             []string `name:"image-model" help:"Landmark models to put in: lite, full, heavy. May be repeated." default:"lite,full" placeholder:"MODEL"`
	ModelsDir          string   `help:"Folder with the model files, instead of those inside this program." placeholder:"DIR" type:"path"`
	OnnxruntimeLibrary []string `help:"ONNX Runtime for GPUs to put in, PLATFORM=FILE where there are several platforms; the providers beside it come along. CUDA itself is the base's." placeholder:"FILE"`
	InsecureRegistry   bool     `help:"Speak plain HTTP with registries elsewhere than on this machine, too."`
}

// Image is the configuration of building an image.
type Image struct {
	ImageBuild   `embed:""`
	QuietLogging `embed:"" group:"Logging"`

	Output string `help:"Write a tarball (FILE) that ctr, podman, skopeo and docker load read, or an OCI layout (oci:DIR); files:DIR writes what goes on the base, for the Dockerfile." placeholder:"FILE|oci:DIR|files:DIR"`
	Push   string `help:"Upload to a registry under this name, such as registry.example.org/plumbline:1. Logs in as docker does." placeholder:"REF"`
	Name   string `help:"Name of the image in the tarball or layout (default: --push's, or plumbline:VERSION)." placeholder:"NAME:TAG"`
}

// Validate refuses a command line that leads nowhere.
func (i *Image) Validate() error {
	if i.Push != "" && strings.HasPrefix(i.Output, "files:") {
		return errors.New("--output files:DIR makes no image that could be pushed: give one of the two")
	}
	if i.Output == "" && i.Push == "" {
		return errors.New("where to? Give --output FILE, --output oci:DIR or --push REF")
	}
	return nil
}

// ForPlatforms reads values of which some are PLATFORM=VALUE: those by their platforms, the other under "".
func ForPlatforms(flag string, values []string) (map[string]string, error) {
	found := map[string]string{}
	for _, v := range values {
		platform, value, named := strings.Cut(v, "=")
		if !named || !strings.HasPrefix(platform, "linux/") {
			platform, value = "", v
		}
		if value == "" {
			return nil, fmt.Errorf("%s %q: a value is missing", flag, v)
		}
		if other, twice := found[platform]; twice {
			return nil, fmt.Errorf("%s is given twice: %s and %s; give each a platform, such as linux/arm64=%s", flag, other, value, value)
		}
		found[platform] = value
	}
	return found, nil
}
