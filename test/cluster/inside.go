//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"plumbline/test/cluster/cases"
	"plumbline/test/cluster/supply"
	"plumbline/test/cluster/system"
)

// insideStage is the argument by which the program knows itself inside; the job follows.
const insideStage = "inside"

// job is what to do inside.
type job struct {
	system.Options
	KitFolder     string
	Temp          string // for temporary folders of what is ended without being asked
	Plumbline     string
	Shell         bool
	Command, Only string
	Write         string
	Study         cases.StudyOptions
}

func (j job) text() (string, error) {
	j.KitFolder = j.Kit.Folder()
	text, err := json.Marshal(j)
	return string(text), err
}

// inside starts the cluster and does the job; what was started ends with the namespace.
func inside(text string) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	if err := os.Setenv("TMPDIR", j.Temp); err != nil {
		return err
	}
	j.Kit, j.Progress, j.Scrape = supply.Open(j.KitFolder), os.Stderr, time.Second
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := system.Start(ctx, j.Options)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "the cluster was up after %s; logs are in %s\n", c.Took.Round(100*time.Millisecond), c.Logs())
	switch {
	case j.Shell:
		return j.openShell(c)
	case j.Command != "":
		return j.run(ctx, c, "sh", "-c", j.Command)
	default:
		return j.prove(ctx, c)
	}
}

// openShell leaves Ctrl-C to the shell.
func (j job) openShell(c *system.Cluster) error {
	signal.Ignore(os.Interrupt)
	shell := os.Getenv("SHELL")
	if shell == "" {
		shell = "/bin/sh"
	}
	fmt.Fprintln(os.Stderr, "a shell in the cluster; kubectl, helm and plumbline are on the path, exit ends it all")
	return j.run(context.Background(), c, shell)
}

// run runs a command with what it needs to know of the cluster.
func (j job) run(ctx context.Context, c *system.Cluster, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), c.Environment(j.Plumbline)...)
	return statusOf(cmd.Run())
}

// limit is how long all cases may take together: three times what they take on two idle cores.
const limit = 35 * time.Minute

// prove runs the cases.
func (j job) prove(ctx context.Context, c *system.Cluster) error {
	if j.Study.Seeds == 0 {
		within, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		ctx = within
	}
	w, err := cases.New(ctx, c, j.Plumbline)
	if err != nil {
		return err
	}
	if j.Study.Seeds > 0 {
		return j.compare(ctx, w)
	}
	verdicts, err := cases.RunAll(ctx, w, j.Only, os.Stdout)
	if err != nil {
		return err
	}
	if j.Write != "" {
		if err := cases.Write(j.Write, w, verdicts); err != nil {
			return err
		}
	}
	return cases.Complaint(verdicts)
}

// compare makes the study of policies.
func (j job) compare(ctx context.Context, w *cases.World) error {
	err := cases.Study(ctx, w, j.Study, os.Stderr)
	if j.Write == "" {
		return err
	}
	picture := strings.TrimSuffix(j.Write, filepath.Ext(j.Write)) + "-measured.svg"
	return errors.Join(err, cases.WriteStudy(ctx, j.Study.Results, j.Write, picture))
}
