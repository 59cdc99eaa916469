package image

import (
	"debug/buildinfo"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// assemble puts the layers on the base and says how the image is run.
func (b *builder) assemble(v Variant, from base, info *buildinfo.BuildInfo, layers []mutate.Addendum) (v1.Image, error) {
	img := mutate.ConfigMediaType(mutate.MediaType(from.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.Append(img, layers...)
	if err != nil {
		return nil, err
	}
	labels, err := b.labels(from, info)
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Author, config.Container = "", ""
	config.Created = v1.Time{Time: created(info)}
	config.OS, config.Architecture = "linux", v.Platform.Arch()
	c := &config.Config
	c.User, c.WorkingDir = user, "/"
	c.Entrypoint, c.Cmd = []string{"/" + BinaryPath}, nil
	c.Healthcheck, c.ExposedPorts, c.Volumes = nil, nil, nil
	c.Labels = labels
	if img, err = mutate.ConfigFile(img, config); err != nil {
		return nil, err
	}
	return mutate.Annotations(img, labels).(v1.Image), nil
}

func (b *builder) labels(from base, info *buildinfo.BuildInfo) (map[string]string, error) {
	labels := map[string]string{
		"org.opencontainers.image.title":       "plumbline",
		"org.opencontainers.image.description": "Measures how people sit and stand: pictures in over MQTT, posture rows out",
		"org.opencontainers.image.version":     b.Version,
		"org.opencontainers.image.licenses":    "MIT",
		"org.opencontainers.image.created":     created(info).Format(time.RFC3339),
	}
	if revision := setting(info, "vcs.revision"); revision != "" {
		labels["org.opencontainers.image.revision"] = revision
	}
	if from.remote {
		digest, err := from.Digest()
		if err != nil {
			return nil, err
		}
		labels["org.opencontainers.image.base.name"], labels["org.opencontainers.image.base.digest"] = from.name, digest.String()
	}
	return labels, nil
}

// created is when the binary's source was committed, where the binary knows: the clock would make each build another image.
func created(info *buildinfo.BuildInfo) time.Time {
	if t, err := time.Parse(time.RFC3339, setting(info, "vcs.time")); err == nil {
		return t.UTC()
	}
	return time.Unix(0, 0).UTC()
}

func setting(info *buildinfo.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
