package main

import (
	"strings"
	"testing"
)

func TestImageSizes(t *testing.T) {
	for name, c := range map[string]struct{ told, want string }{
		"small":     {"linux/amd64  64.5 MB  dist/a\nlinux/arm64  55.1 MB  dist/b\n", ""},
		"too large": {"linux/amd64  80.1 MB  dist/a\nlinux/arm64  55.1 MB  dist/b\n", "amd64 has 80.1 MB"},
		"left out":  {"linux/amd64  64.5 MB  dist/a\nlinux/arm64 is left out: x\n", "no size for arm64"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := imageSizes(c.told)
			if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("says %v, want %q", err, c.want)
			}
		})
	}
}
