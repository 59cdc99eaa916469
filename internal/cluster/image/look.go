package image

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Seen is an image that a registry has.
type Seen struct {
	Reference string   // with the digest
	Platforms []string // linux/arm64
}

// Find asks a registry for an image, with the login that Docker would use. insecure is as in Options.
func Find(ctx context.Context, ref string, insecure bool) (Seen, error) {
	parsed, err := parseReference(ref, insecure)
	if err != nil {
		return Seen{}, fmt.Errorf("the image %q: %w", ref, err)
	}
	b := &builder{Options: Options{Insecure: insecure}}
	described, err := remote.Get(parsed, b.remoteOptions(ctx, nil)...)
	if err != nil {
		return Seen{}, fmt.Errorf("looking for %s: %w", ref, explain(err, parsed.Context().RegistryStr(), false))
	}
	seen := Seen{Reference: parsed.Context().Digest(described.Digest.String()).String()}
	seen.Platforms, err = platformsOf(described)
	if err != nil {
		return Seen{}, fmt.Errorf("reading %s: %w", ref, err)
	}
	return seen, nil
}

// CheckReference refuses what no image can be called.
func CheckReference(ref string) error {
	_, err := parseReference(ref, false)
	return err
}

func platformsOf(d *remote.Descriptor) (all []string, err error) {
	if !d.MediaType.IsIndex() {
		img, err := d.Image()
		if err != nil {
			return nil, err
		}
		config, err := img.ConfigFile()
		if err != nil {
			return nil, err
		}
		return []string{config.OS + "/" + config.Architecture}, nil
	}
	index, err := d.ImageIndex()
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, m := range manifest.Manifests {
		if m.Platform != nil && m.Platform.OS != "unknown" { // attestations of buildx call themselves so
			all = append(all, m.Platform.OS+"/"+m.Platform.Architecture)
		}
	}
	return all, nil
}

// MayPush asks a registry whether this machine's login may push there: an upload is begun and given up.
func MayPush(ctx context.Context, ref string, insecure bool) error {
	parsed, err := parseReference(ref, insecure)
	if err != nil {
		return fmt.Errorf("where to push: %w", err)
	}
	way := &within{ctx, &line{remote.DefaultTransport, insecure, nil}}
	if err := remote.CheckPushPermission(parsed, authn.DefaultKeychain, way); err != nil {
		return fmt.Errorf("pushing %s: %w", ref, explain(err, parsed.Context().RegistryStr(), true))
	}
	return nil
}

// within bounds requests of those who take no context.
type within struct {
	ctx  context.Context
	next http.RoundTripper
}

// RoundTrip sends one request.
func (w *within) RoundTrip(r *http.Request) (*http.Response, error) {
	return w.next.RoundTrip(r.WithContext(w.ctx))
}
