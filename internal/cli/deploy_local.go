package cli

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// What images of Plumbline say of themselves, and containers of such an image with them.
const (
	titleLabel   = "org.opencontainers.image.title=plumbline"
	versionLabel = "org.opencontainers.image.version"
	composeLabel = "com.docker.compose.project"
)

// removeLocal removes this machine's containers and images of other versions of Plumbline than the one that is deployed, by whichever
// of docker and podman is there. What compose runs is an installation of its own, and stays with its images. Volumes stay.
func (d *deployment) removeLocal(ctx context.Context) error {
	for _, e := range engines(d.screen.say) {
		if err := e.clear(ctx, e.deployedVersion(ctx, d.Image, d.p.Version)); err != nil {
			d.screen.say("%s: what is here of other versions stays: %v", e.program, err)
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

// deployedVersion is what the image that was asked for says of itself, where this machine has it; else this program's.
func (e engine) deployedVersion(ctx context.Context, image, own string) string {
	if image == "" {
		return own
	}
	out, err := e.run(ctx, "image", "inspect", "--format", `{{index .Config.Labels "`+versionLabel+`"}}`, image)
	if version := strings.TrimSpace(out); err == nil && version != "" {
		return version
	}
	return own
}

// container is one of Plumbline's on this machine.
type container struct {
	engine
	id, image string
	compose   string // project of compose that runs it
	version   string
}

func (e engine) containers(ctx context.Context) (all []container, err error) {
	found, err := e.list(ctx, "ps", "--all", "--filter", "label="+titleLabel, "--format",
		strings.Join([]string{"{{.ID}}", "{{.Image}}", `{{.Label "` + composeLabel + `"}}`, `{{.Label "` + versionLabel + `"}}`}, "\t"))
	for _, fields := range found {
		if len(fields) > 3 {
			all = append(all, container{e, fields[0], fields[1], fields[2], fields[3]})
		}
	}
	return all, err
}

// remove ends it in order first.
func (c container) remove(ctx context.Context) error {
	c.say("removing the container %s of %s from this machine", c.id, c.image)
	if _, err := c.run(ctx, "stop", "-t", "30", c.id); err != nil {
		return err
	}
	_, err := c.run(ctx, "rm", c.id)
	return err
}

// clear removes what is of another version than this one.
func (e engine) clear(ctx context.Context, version string) error {
	containers, err := e.containers(ctx)
	if err != nil {
		return err
	}
	var used []string // images of what stays
	for _, c := range containers {
		switch {
		case c.version == version:
			continue
		case c.compose != "":
			e.say("left alone: container %s of %s, which compose runs as %s", c.id, c.image, c.compose)
			out, err := e.run(ctx, "inspect", "--format", "{{.Image}}", c.id)
			if err != nil {
				return err
			}
			used = append(used, hashOf(out))
		default:
			if err := c.remove(ctx); err != nil {
				return err
			}
		}
	}
	return e.clearImages(ctx, version, used)
}

// clearImages leaves those in use, too: of an image with several names all but the last would go.
func (e engine) clearImages(ctx context.Context, version string, used []string) error {
	all, err := e.images(ctx)
	if err != nil {
		return err
	}
	same, err := e.images(ctx, "--filter", "label="+versionLabel+"="+version)
	if err != nil {
		return err
	}
	for _, i := range all {
		if slices.Contains(same, i) {
			continue
		}
		if !slices.Contains(used, hashOf(i.id)) {
			if _, err := e.run(ctx, "rmi", i.handle()); err == nil {
				e.say("removed the image %s from this machine", i.name)
				continue
			}
		}
		e.say("left alone: image %s, which is in use", i.name)
	}
	return nil
}

// localImage is a name of an image; one with several names is there as often.
type localImage struct{ id, name string }

// handle is by what it goes; the last name takes the image along.
func (i localImage) handle() string {
	if strings.Contains(i.name, "<none>") {
		return i.id
	}
	return i.name
}

func (e engine) images(ctx context.Context, further ...string) (all []localImage, err error) {
	args := append([]string{"images", "--no-trunc", "--filter", "label=" + titleLabel}, further...)
	found, err := e.list(ctx, append(args, "--format", "{{.ID}}\t{{.Repository}}:{{.Tag}}")...)
	for _, fields := range found {
		if len(fields) > 1 {
			all = append(all, localImage{fields[0], fields[1]})
		}
	}
	return all, err
}

// hashOf is an image's id as docker and podman both say it.
func hashOf(id string) string { return strings.TrimPrefix(strings.TrimSpace(id), "sha256:") }

func (e engine) list(ctx context.Context, args ...string) (lines [][]string, err error) {
	out, err := e.run(ctx, args...)
	for line := range strings.Lines(out) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			lines = append(lines, strings.Split(line, "\t"))
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
