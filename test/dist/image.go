package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// largestImage is what the image of a platform may have, in MB of compressed layers, on Debian's glibc and libstdc++.
const largestImage = 80

// checkImage builds the image of both binaries, as `make image` does, and weighs it. base holds a root filesystem for each
// architecture.
func checkImage(ctx context.Context, binary, base string) error {
	folder, err := os.MkdirTemp("", "plumbline-dist-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	build := exec.CommandContext(ctx, binary, "image", "--output", "oci:"+filepath.Join(folder, "image"),
		"--base", "linux/amd64="+filepath.Join(base, "amd64"), "--base", "linux/arm64="+filepath.Join(base, "arm64"))
	told, err := build.CombinedOutput()
	if err != nil {
		return fmt.Errorf("building the image: %w\n%s", err, told)
	}
	sizes, err := imageSizes(string(told))
	if err != nil {
		return err
	}
	fmt.Printf("the image has %.1f MB for amd64 and %.1f MB for arm64\n", sizes["amd64"], sizes["arm64"])
	return nil
}

var sizeLine = regexp.MustCompile(`(?m)^linux/(\w+) +([0-9.]+) MB `)

// imageSizes reads what `plumbline image` tells, in MB by architecture, and refuses what is too large.
func imageSizes(told string) (map[string]float64, error) {
	sizes := map[string]float64{}
	for _, line := range sizeLine.FindAllStringSubmatch(told, -1) {
		size, err := strconv.ParseFloat(line[2], 64)
		if err != nil {
			return nil, err
		}
		sizes[line[1]] = size
	}
	var err error
	for _, arch := range []string{"amd64", "arm64"} {
		switch size := sizes[arch]; {
		case size == 0:
			err = errors.Join(err, fmt.Errorf("no size for %s was told: %q", arch, told))
		case size > largestImage:
			err = errors.Join(err, fmt.Errorf("the image for %s has %.1f MB, at most %d are wanted", arch, size, largestImage))
		}
	}
	return sizes, err
}
