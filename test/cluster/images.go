//go:build linux

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"

	"plumbline/test/cluster/system"
)

// makeImages writes the archives that real nodes get: the pause image, and Plumbline's as `plumbline image` builds it.
func (j *job) makeImages(ctx context.Context, plumbline string) error {
	program, archive := filepath.Join(j.Folder, "pause"), filepath.Join(j.Folder, "pause.tar")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, "./test/cluster/pause")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the pause program: %w: %s", err, out)
	}
	if err := system.PauseArchive(program, archive); err != nil {
		return err
	}
	own, err := j.plumblineImage(ctx, plumbline)
	j.Images = []string{archive, own}
	return err
}

// plumblineImage is the archive of the binary's image. It takes some seconds to build and is kept, beside the programs, until
// a few newer ones are there.
func (j *job) plumblineImage(ctx context.Context, plumbline string) (string, error) {
	hash, err := hashOfFile(plumbline)
	if err != nil {
		return "", err
	}
	folder := filepath.Join(j.Kit.Folder(), "images")
	archive := filepath.Join(folder, hash+".tar")
	if _, err := os.Stat(archive); err == nil {
		return archive, nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	platform := "linux/" + runtime.GOARCH
	cmd := exec.CommandContext(ctx, plumbline, "image", "--output", archive+".new", "--name", system.PlumblineImage, "--base", j.Kit.Base(),
		"--platform", platform, "--binary", platform+"="+plumbline, "--image-model", "full,lite")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building Plumbline's image: %w: %s", err, out)
	}
	return archive, errors.Join(os.Rename(archive+".new", archive), keepNewest(folder, 3))
}

func hashOfFile(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	_, err = io.Copy(h, file)
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), err
}

// keepNewest removes all but the newest files of a folder.
func keepNewest(folder string, n int) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.tar"))
	if err != nil {
		return err
	}
	age := func(name string) int64 {
		info, err := os.Stat(name)
		if err != nil {
			return 0
		}
		return info.ModTime().UnixNano()
	}
	slices.SortFunc(files, func(a, b string) int { return int(max(-1, min(1, age(b)-age(a)))) })
	for _, old := range files[min(n, len(files)):] {
		err = errors.Join(err, os.Remove(old))
	}
	return err
}
