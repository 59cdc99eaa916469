//go:build linux

// Command cluster shows the cluster wing at work on the real thing: Kubernetes, KEDA, Prometheus, PostgreSQL, Mosquitto and two
// nodes with kubelet, containerd and runc, all of them started here, in namespaces of their own, and ended with this
// program. Without root there are KWOK's nodes only.
//
// The programs are built and downloaded once into the user's cache; nothing is installed, no port or file of the machine is
// used, and what was written is removed unless something failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"plumbline/test/cluster/cases"
	"plumbline/test/cluster/isolation"
	"plumbline/test/cluster/supply"
	"plumbline/test/cluster/system"
)

type options struct {
	plumbline string // the binary under test
	recipes   string
	render    string // the module that pins helm
	shell     bool
	command   string
	only      string             // cases to run, by a regular expression
	folder    string             // kept afterwards when given
	pretended bool               // KWOK's nodes only
	build     bool               // only make what is missing in the cache
	study     cases.StudyOptions // seeds of the study of policies, instead of the cases
	write     string             // document to write the table of cases into
}

func main() {
	isolation.Begin()
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case system.NodeStage:
			exit(system.RunNode(os.Args[2]))
		case insideStage:
			exit(inside(os.Args[2]))
		}
	}
	exit(outside(parse()))
}

func parse() options {
	var o options
	flag.StringVar(&o.plumbline, "plumbline", "dist/plumbline", "the binary under test")
	flag.StringVar(&o.recipes, "recipes", "test/cluster/tools", "what the cluster's programs are built from")
	flag.StringVar(&o.render, "render", "test/render", "the module that helm is built from")
	flag.BoolVar(&o.shell, "shell", false, "open a shell in the cluster instead of running the cases")
	flag.StringVar(&o.command, "run", "", "run this command (by sh) in the cluster instead of the cases")
	flag.StringVar(&o.only, "only", "", "run only cases whose name this regular expression matches")
	flag.StringVar(&o.folder, "folder", "", "keep data and logs here (default: a temporary folder, removed when all went well)")
	flag.BoolVar(&o.pretended, "pretended", os.Getuid() != 0, "no real nodes, KWOK's only; all that is possible without root")
	flag.IntVar(&o.study.Seeds, "study", 0, "compare policies of placement with so many seeds, on nodes that only pretend, instead of running the cases")
	flag.IntVar(&o.study.AtATime, "study-at-a-time", 12, "runs of the study side by side")
	flag.DurationVar(&o.study.Until, "study-until", 0, "begin no further run of the study after this time")
	flag.StringVar(&o.study.Results, "study-results", "dist/placement-study.jsonl", "file that gets each run of the study as a line; a run that it has is not made again")
	flag.StringVar(&o.write, "write", "", "write what was measured into this document, between its marks")
	flag.BoolVar(&o.build, "build", false, "only make what is missing of the programs")
	flag.Parse()
	o.pretended = o.pretended || o.study.Seeds > 0
	return o
}

// status is the end of a command that has itself said why it ends so.
type status int

func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// statusOf gives a command's end as a status, where it was an end of its own.
func statusOf(err error) error {
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() > 0 {
		return status(ended.ExitCode())
	}
	return err
}

func exit(err error) {
	var said status
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &said):
		os.Exit(int(said))
	}
	fmt.Fprintln(os.Stderr, "cluster:", err)
	os.Exit(1)
}

// outside prepares and lets the program run again inside, then removes what outlives namespaces.
func outside(o options) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.check(); err != nil {
		return err
	}
	kit, err := supply.Get(ctx, o.recipes, os.Stderr)
	if err != nil {
		return err
	}
	helm := ""
	if !o.pretended { // what a chart installs must really run
		helm, err = kit.Helm(ctx, o.render, os.Stderr)
	}
	if err != nil || o.build {
		return err
	}
	keep := o.folder != ""
	if o.folder, err = folder(o.folder); err != nil {
		return err
	}
	j := job{Options: system.Options{Folder: o.folder, Kit: kit, Helm: helm, Cgroup: fmt.Sprintf("plumbline-cluster-%d-", os.Getpid())}, Plumbline: o.plumbline, Shell: o.shell, Command: o.command, Only: o.only, Write: o.write, Study: o.study}
	if !o.pretended {
		j.Nodes = []string{"real-1", "real-2"}
		if err := j.makeImages(ctx, o.plumbline); err != nil {
			return err
		}
	}
	if j.Temp, err = os.MkdirTemp("", "plumbline-cluster-"); err != nil {
		return err
	}
	defer os.RemoveAll(j.Temp)
	if err := os.Chmod(j.Temp, 0o755); err != nil { // PostgreSQL does not run as root
		return err
	}
	err = enter(ctx, j, o)
	err = errors.Join(err, isolation.RemoveCgroups(j.Cgroup))
	if err != nil || keep {
		fmt.Fprintln(os.Stderr, "logs and data are in", o.folder)
		return err
	}
	return os.RemoveAll(o.folder)
}

func (o *options) check() error {
	if o.build {
		return nil
	}
	program, err := exec.LookPath(o.plumbline)
	if err != nil {
		return fmt.Errorf("no Plumbline to test (make build): %w", err)
	}
	if o.plumbline, err = filepath.Abs(program); err != nil {
		return err
	}
	if !o.pretended && os.Getuid() != 0 {
		return errors.New("real nodes need root: run this as root, or with -pretended, which leaves out what needs them")
	}
	return nil
}

func folder(wanted string) (string, error) {
	if wanted == "" {
		return os.MkdirTemp("", "plumbline-cluster-")
	}
	wanted, err := filepath.Abs(wanted)
	if err != nil {
		return "", err
	}
	return wanted, os.MkdirAll(wanted, 0o755)
}

// enter runs the program inside and waits. A signal ends it at once, and with it everything inside; only a shell's own
// Ctrl-C is the shell's.
func enter(ctx context.Context, j job, o options) error {
	if o.shell {
		ctx = context.WithoutCancel(ctx)
	}
	text, err := j.text()
	if err != nil {
		return err
	}
	cmd := isolation.Space{Network: true, Rootless: os.Getuid() != 0}.Command(ctx, insideStage, text)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	if os.Getuid() != 0 && errors.Is(err, syscall.EPERM) {
		return errors.New("this machine lets nobody but root make namespaces: run this as root, or allow it (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)")
	}
	if ctx.Err() != nil {
		return errors.New("interrupted; everything was ended")
	}
	return statusOf(err)
}
