package image_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"plumbline/internal/cluster/image"
)

func tag(t *testing.T, s string) name.Tag {
	t.Helper()
	ref, err := name.NewTag(s)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// quiet is a registry that does not log each request.
func quiet(options ...registry.Option) http.Handler {
	return registry.New(append(options, registry.Logger(log.New(io.Discard, "", 0)))...)
}

func serve(t *testing.T, h http.Handler) (address string) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// A new version of the binary costs one layer; the same image costs nothing.
func TestOnlyWhatIsNewIsUploaded(t *testing.T) {
	address := serve(t, quiet(registry.WithReferrersSupport(true)))
	o := options(t)
	model := make([]byte, 4<<20)
	rand.NewChaCha8([32]byte{}).Read(model)
	o.Models[0].Content = model
	ref := address + "/plumbline:1"
	var told atomic.Int64
	first, err := build(t, o).Push(t.Context(), ref, func(done, total int64) {
		if done == total {
			told.Store(total)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := digest(t, build(t, o)); first.Reference != address+"/plumbline@"+want {
		t.Errorf("pushed %s, want %s", first.Reference, want)
	}
	if told.Load() < first.Uploaded/2 {
		t.Errorf("%d bytes were uploaded, %d told of", first.Uploaded, told.Load())
	}
	again, err := build(t, o).Push(t.Context(), ref, nil)
	if err != nil || again.Uploaded != 0 {
		t.Errorf("the same image again: %d bytes, %v", again.Uploaded, err)
	}
	for i, v := range o.Variants {
		o.Variants[i].Binary = binary(t, "plumbline", v.Platform.Arch(), "two")
	}
	newer, err := build(t, o).Push(t.Context(), ref, nil)
	if err != nil || newer.Uploaded == 0 || newer.Uploaded > first.Uploaded/2 {
		t.Errorf("a new binary costs %d bytes of %d, %v", newer.Uploaded, first.Uploaded, err)
	}
}

// The list of components is found from the image's digest, as scanners look for it.
func TestTheListOfComponentsIsAReferrer(t *testing.T) {
	for name, h := range map[string]http.Handler{
		"registry with referrers": quiet(registry.WithReferrersSupport(true)), "older registry": quiet(),
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t, h)
			o := options(t)
			if _, err := build(t, o).Push(t.Context(), address+"/plumbline:1", nil); err != nil {
				t.Fatal(err)
			}
			img, err := remote.Image(tag(t, address+"/plumbline:1"), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: "arm64"}))
			if err != nil {
				t.Fatal(err)
			}
			digest, err := img.Digest()
			if err != nil {
				t.Fatal(err)
			}
			index, err := remote.Referrers(tag(t, address+"/plumbline:1").Digest(digest.String()))
			if err != nil {
				t.Fatal(err)
			}
			m, err := index.IndexManifest()
			if err != nil || len(m.Manifests) != 1 || m.Manifests[0].ArtifactType != "application/spdx+json" {
				t.Fatalf("the referrers are %+v, %v", m, err)
			}
			list, err := remote.Image(tag(t, address+"/plumbline:1").Digest(m.Manifests[0].Digest.String()))
			if err != nil {
				t.Fatal(err)
			}
			layers, err := list.Layers()
			if err != nil || len(layers) != 1 {
				t.Fatalf("%d layers, %v", len(layers), err)
			}
			r, err := layers[0].Compressed()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			text, err := io.ReadAll(r)
			if err != nil || string(text) != files(t, img)[image.SBOMPath].PAXRecords["content"] {
				t.Errorf("the list of components is another than in the image: %v", err)
			}
		})
	}
}

// guarded lets in who has the password, and lets only reader read.
func guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case password != "secret":
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
		case user == "reader" && r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.WriteHeader(http.StatusForbidden)
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// login is what docker login leaves; nobody is not logged in.
func login(t *testing.T, address, user string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	if user != "" {
		auth := base64.StdEncoding.EncodeToString([]byte(user + ":secret"))
		write(t, filepath.Join(dir, "config.json"), fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, address, auth))
	}
}

func TestDockersLoginIsUsedAndRefusalsAreExplained(t *testing.T) {
	address := serve(t, guarded(quiet()))
	o := options(t)
	o.Variants = o.Variants[:1]
	built := build(t, o)
	for name, c := range map[string]struct{ user, want string }{
		"owner": {"owner", ""}, "reader": {"reader", "does not let you push: log in (docker login " + address + ")"}, "nobody": {"", "does not let you push"},
	} {
		t.Run(name, func(t *testing.T) {
			login(t, address, c.user)
			_, err := built.Push(t.Context(), address+"/"+name+":1", nil) // a repository of its own, which has nothing yet
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("the error is %v, want %q in it", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the password is told: %v", err)
			}
		})
	}
}
