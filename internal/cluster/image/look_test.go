package image_test

import (
	"slices"
	"strings"
	"testing"

	"plumbline/internal/cluster/image"
)

func TestAnImageIsFoundWithItsPlatforms(t *testing.T) {
	address := serve(t, quiet())
	ref := address + "/team/plumbline:1"
	if _, err := image.Find(t.Context(), ref, false); err == nil || !strings.Contains(err.Error(), "does not know it") {
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
		})
	}
	if err := image.MayPush(t.Context(), "127.0.0.1:1/plumbline:1", false); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("no registry: %v", err)
	}
}
