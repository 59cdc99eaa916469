package image_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"plumbline/internal/cluster/image"
)

func TestAnImageIsFoundWithItsPlatforms(t *testing.T) {
	address := serve(t, quiet())
	ref := address + "/team/plumbline:1"
	if _, err := image.Find(t.Context(), ref, false); !errors.Is(err, image.ErrUnknown) || !strings.Contains(err.Error(), "does not know it") {
		t.Errorf("an image that is not there: %v", err)
	}
	pushed, err := build(t, options(t)).Push(t.Context(), ref, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := image.Find(t.Context(), ref, false)
	if err != nil {
		t.Fatal(err)
	}
	if seen.Reference != pushed.Reference || !slices.Contains(seen.Platforms, string(options(t).Variants[0].Platform)) {
		t.Errorf("found %+v, pushed %s", seen, pushed.Reference)
	}
}

func TestWhetherOneMayPushIsAsked(t *testing.T) {
	address := serve(t, guarded(quiet()))
	for user, want := range map[string]string{"owner": "", "reader": "docker login " + address, "": "docker login " + address} {
		t.Run("user "+user, func(t *testing.T) {
			login(t, address, user)
			err := image.MayPush(t.Context(), address+"/plumbline:1", false)
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("%v", err)
			}
			if errors.Is(err, image.ErrRefused) != (want != "") {
				t.Errorf("it is told as another kind of trouble: %v", err)
			}
		})
	}
	if err := image.MayPush(t.Context(), "127.0.0.1:1/plumbline:1", false); !errors.Is(err, image.ErrUnreachable) || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("no registry: %v", err)
	}
}

func TestARegistryThatIsSilentIsUnreachable(t *testing.T) {
	silent := make(chan struct{})
	address := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-silent:
		case <-r.Context().Done():
		}
	}))
	defer close(silent)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := image.MayPush(ctx, address+"/plumbline:1", false); !errors.Is(err, image.ErrUnreachable) {
		t.Errorf("pushing: %v", err)
	}
	if _, err := image.Find(ctx, address+"/plumbline:1", false); !errors.Is(err, image.ErrUnreachable) {
		t.Errorf("looking: %v", err)
	}
}
