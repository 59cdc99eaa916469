package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// versions are the two programs.
type versions struct {
	tag      string
	hasWork  bool // the tag has plumbline work
	old, now program
}

// program is one version's binary.
type program struct {
	name   string // the tag, or "the present version"
	path   string
	folder string // for data and logs
}

func buildBoth(ctx context.Context, folder, tag string) (v versions, err error) {
	if v.tag, v.hasWork, err = chooseTag(ctx, tag); err != nil {
		return v, err
	}
	source := filepath.Join(folder, "source")
	if err := unpack(ctx, v.tag, source); err != nil {
		return v, err
	}
	v.old = program{v.tag, filepath.Join(folder, "old"), folder}
	v.now = program{"the present version", filepath.Join(folder, "now"), folder}
	if _, err := output(ctx, source, "go", "build", "-ldflags", "-X main.version="+v.tag, "-o", v.old.path, "."); err != nil {
		return v, fmt.Errorf("building %s: %w", v.tag, err)
	}
	if _, err := output(ctx, ".", "go", "build", "-o", v.now.path, "."); err != nil {
		return v, fmt.Errorf("building the present version: %w", err)
	}
	return v, nil
}

// chooseTag takes the newest tag that has plumbline work, else the newest.
func chooseTag(ctx context.Context, asked string) (tag string, hasWork bool, err error) {
	if asked != "" {
		return asked, hasFile(ctx, asked, "internal/cli/work.go"), nil
	}
	list, err := output(ctx, ".", "git", "tag", "--list", "v*", "--sort=-version:refname")
	if err != nil {
		return "", false, err
	}
	tags := strings.Fields(list)
	if len(tags) == 0 {
		return "", false, errors.New("this checkout has no tag v…, so there is no earlier version to build and compare with: fetch them (git fetch --tags; of a shallow clone, git fetch --unshallow --tags)")
	}
	for _, tag := range tags {
		if hasFile(ctx, tag, "internal/cli/work.go") {
			return tag, true, nil
		}
	}
	return tags[0], false, nil
}

func hasFile(ctx context.Context, tag, name string) bool {
	_, err := output(ctx, ".", "git", "cat-file", "-e", tag+":"+name)
	return err == nil
}

// unpack writes a tag's tree and, since they are not in git, the present models and library.
func unpack(ctx context.Context, tag, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	archive := filepath.Join(folder, "..", "source.tar")
	if _, err := output(ctx, ".", "git", "archive", "-o", archive, tag); err != nil {
		return err
	}
	if _, err := output(ctx, ".", "tar", "-xf", archive, "-C", folder); err != nil {
		return err
	}
	assets, err := filepath.Glob("internal/bundle/assets/*.zst")
	if err != nil {
		return err
	}
	for _, a := range assets {
		content, err := os.ReadFile(a)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, a), content, 0o644); err != nil {
			return err
		}
	}
	return os.Remove(archive)
}

// output runs a command to its end and gives what it prints.
func output(ctx context.Context, folder, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = folder
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, args[0], err, strings.TrimSpace(complaints.String()))
	}
	return string(out), nil
}
