package cli

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// What images of Plumbline say of themselves, and containers of such an image with them.
const (
	titleLabel   = "org.opencontainers.image.title=plumbline"
	composeLabel = "com.docker.compose.project"
)

// removeLocal removes this machine's containers and images of Plumbline, by whichever of docker and podman is there: the tests of an
// earlier version, usually. What compose runs is an installation of its own, and stays with its images. Volumes stay.
func (d *deployment) removeLocal(ctx context.Context) error {
	for _, e := range engines(d.screen.say) {
		if err := e.clear(ctx); err != nil {
			d.screen.say("%s: what is here of earlier versions stays: %v", e.program, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// engine is docker or podman.
type engine struct {
	program string
	say     func(string, ...any)
}

// engines are those that this machine has.
func engines(say func(string, ...any)) (all []engine) {
	for _, program := range []string{"docker", "podman"} {
		if path, err := exec.LookPath(program); err == nil {
			all = append(all, engine{program: path, say: say})
		}
	}
	return all
}

// container is one of Plumbline's on this machine.
type container struct {
	engine
	id, image string
	compose   string // project of compose that runs it
}

func (e engine) containers(ctx context.Context) (all []container, err error) {
	found, err := e.list(ctx, "ps", "--all", "--filter", "label="+titleLabel, "--format", `{{.ID}} {{.Image}} {{.Label "`+composeLabel+`"}}`)
	for _, fields := range found {
		if fields = append(fields, ""); len(fields) > 2 {
			all = append(all, container{e, fields[0], fields[1], fields[2]})
		}
	}
	return all, err
}

// remove ends it in order first.
func (c container) remove(ctx context.Context) error {
	c.say("removing the container %s of %s from this machine", c.id, c.image)
	if _, err := c.run(ctx, "stop", "--time", "30", c.id); err != nil {
		return err
	}
	_, err := c.run(ctx, "rm", c.id)
	return err
}

func (e engine) clear(ctx context.Context) error {
	containers, err := e.containers(ctx)
	if err != nil {
		return err
	}
	for _, c := range containers {
		if c.compose != "" {
			e.say("left alone: container %s of %s, which compose runs as %s", c.id, c.image, c.compose)
			continue
		}
		if err := c.remove(ctx); err != nil {
			return err
		}
	}
	images, err := e.list(ctx, "images", "--filter", "label="+titleLabel, "--format", "{{.ID}} {{.Repository}}:{{.Tag}}")
	if err != nil {
		return err
	}
	for _, fields := range images {
		name := strings.Join(fields[1:], " ")
		if _, err := e.run(ctx, "rmi", nameOf(fields)); err != nil {
			e.say("left alone: image %s, which is in use", name)
			continue
		}
		e.say("removed the image %s from this machine", name)
	}
	return nil
}

// nameOf is by which one of an image's names goes; the last takes the image along.
func nameOf(fields []string) string {
	if len(fields) > 1 && !strings.Contains(fields[1], "<none>") {
		return fields[1]
	}
	return fields[0]
}

func (e engine) list(ctx context.Context, args ...string) (lines [][]string, err error) {
	out, err := e.run(ctx, args...)
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 0 {
			lines = append(lines, fields)
		}
	}
	return lines, err
}

func (e engine) run(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, e.program, args...).Output()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return "", fmt.Errorf("%s %s: %w: %s", e.program, args[0], err, strings.TrimSpace(string(ended.Stderr)))
	}
	return string(out), err
}
