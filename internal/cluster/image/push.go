package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// sbomType is the media type of SPDX in JSON.
const sbomType = types.MediaType("application/spdx+json")

// Pushed tells what a push did.
type Pushed struct {
	Reference string // with the digest, so that it names this very image for ever
	Uploaded  int64  // bytes of layers and configurations that the registry lacked
}

// Push uploads what the registry lacks, and attaches each platform's list of components as a referrer. progress, unless nil,
// is told how many bytes of how many are done; what was there already counts as done.
func (i *Image) Push(ctx context.Context, ref string, progress func(done, total int64)) (Pushed, error) {
	tag, err := parseReference(ref, i.options.Insecure)
	if err != nil {
		return Pushed{}, fmt.Errorf("where to push: %w", err)
	}
	registry := tag.Context().RegistryStr()
	b := &builder{Options: i.options}
	uploaded := new(atomic.Int64)
	options := b.remoteOptions(ctx, uploaded)
	end := watch(&options, progress)
	err = remote.WriteIndex(tag, i.index, options...)
	end()
	if err != nil {
		return Pushed{}, fmt.Errorf("pushing %s: %w", ref, explain(err, registry, true))
	}
	for _, v := range i.variants {
		if err := attach(tag.Context(), v, b.remoteOptions(ctx, uploaded)); err != nil {
			return Pushed{}, fmt.Errorf("attaching the list of components to %s: %w", ref, explain(err, registry, true))
		}
	}
	digest, err := i.Digest()
	return Pushed{tag.Context().Digest(digest).String(), uploaded.Load()}, err
}

// watch passes the updates of one upload on; call end when it is over.
func watch(options *[]remote.Option, progress func(done, total int64)) (end func()) {
	if progress == nil {
		return func() {}
	}
	updates, over := make(chan v1.Update, 100), make(chan struct{}) // the writer closes the channel
	*options = append(*options, remote.WithProgress(updates))
	go func() {
		defer close(over)
		for u := range updates {
			if u.Error == nil {
				progress(u.Complete, u.Total)
			}
		}
	}()
	return func() { <-over }
}

// attach pushes the list of components as an artifact whose subject is the platform's image.
func attach(repository name.Repository, v built, options []remote.Option) error {
	subject, err := descriptor(v)
	if err != nil {
		return err
	}
	artifact := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), sbomType)
	artifact, err = mutate.Append(artifact, mutate.Addendum{Layer: static.NewLayer(v.sbom, sbomType), MediaType: sbomType})
	if err != nil {
		return err
	}
	artifact = mutate.Subject(artifact, subject).(v1.Image)
	digest, err := artifact.Digest()
	if err != nil {
		return err
	}
	return remote.Write(repository.Digest(digest.String()), artifact, options...)
}

func descriptor(v built) (v1.Descriptor, error) {
	digest, err := v.image.Digest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	size, err := v.image.Size()
	return v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: digest, Size: size}, err
}

// remoteOptions log in as Docker does: by ~/.docker/config.json and its helpers.
func (b *builder) remoteOptions(ctx context.Context, uploaded *atomic.Int64) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithUserAgent("plumbline/" + b.Version),
		remote.WithTransport(&line{remote.DefaultTransport, b.Insecure, uploaded}),
	}
}

// line is the way to a registry. It counts what is uploaded, and speaks plain HTTP on loopback only: go-containerregistry would
// fall back to it in private networks too, with the password.
type line struct {
	http.RoundTripper
	insecure bool
	uploaded *atomic.Int64 // nil: not counted
}

var errPlain = errors.New("the registry speaks plain HTTP, which shows passwords to the network; --insecure-registry allows it")

// RoundTrip sends one request.
func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "http" && !l.insecure && !isLoopback(r.URL.Hostname()) {
		return nil, errPlain
	}
	if l.uploaded != nil && r.Body != nil && strings.Contains(r.URL.Path, "/blobs/uploads/") {
		r = r.Clone(r.Context())
		r.Body = &counted{r.Body, l.uploaded}
	}
	return l.RoundTripper.RoundTrip(r)
}

type counted struct {
	io.ReadCloser
	n *atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.n.Add(int64(n))
	return n, err
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// What keeps one from a registry's images, as errors.Is tells it.
var (
	ErrUnreachable = errors.New("unreachable")
	ErrRefused     = errors.New("refused")
	ErrUnknown     = errors.New("unknown")
)

// trouble is an error of one of these kinds.
type trouble struct {
	error
	kind error
}

// Unwrap gives the error itself and its kind.
func (t trouble) Unwrap() []error { return []error{t.error, t.kind} }

// explain says what to do about a registry's refusal.
func explain(err error, registry string, push bool) error {
	refused := new(transport.Error)
	unreachable := new(net.OpError)
	switch {
	case errors.As(err, &refused) && (refused.StatusCode == http.StatusUnauthorized || refused.StatusCode == http.StatusForbidden):
		may := "read"
		if push {
			may = "push"
		}
		return trouble{fmt.Errorf("%s does not let you %s: log in (docker login %s) with an account that may, and look whether the name is right: %w", registry, may, registry, err), ErrRefused}
	case errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound:
		return trouble{fmt.Errorf("%s does not know it: %w", registry, err), ErrUnknown}
	case errors.As(err, &unreachable):
		return trouble{fmt.Errorf("%s cannot be reached: %w", registry, err), ErrUnreachable}
	case errors.Is(err, context.DeadlineExceeded):
		return trouble{fmt.Errorf("%s does not answer in time: %w", registry, err), ErrUnreachable}
	}
	return err
}
