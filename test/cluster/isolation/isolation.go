//go:build linux

// Package isolation runs this very program again in Linux namespaces of its own: what it starts there sees its own processes,
// its own network with nothing but a loopback, its own mounts and its own host name, and ends with its first process,
// whatever becomes of the rest. Nothing of the machine's ports, processes or mounts is touched.
package isolation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// Space says what the started program does not share with its parent.
type Space struct {
	Network  bool // its own network and IPC; else it shares its parent's
	Rootless bool // in a user namespace, where the caller is root
}

// first is the argument by which the program knows itself as the first process of a namespace.
const first = "first-process-of-a-namespace"

// Command is this program, once more, in namespaces of its own. It dies with its parent.
func (s Space) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append([]string{first}, args...)...)
	flags := uintptr(unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS)
	if s.Network {
		flags |= unix.CLONE_NEWNET | unix.CLONE_NEWIPC
	}
	attributes := &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	if s.Rootless {
		attributes.Cloneflags |= unix.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	cmd.SysProcAttr = attributes
	return cmd
}

// Begin is what main calls before anything else. In the first process of a namespace it does not return: it mounts /proc,
// starts the program with the rest of its arguments, collects the orphans and ends as that program ends.
func Begin() {
	if len(os.Args) < 2 || os.Args[1] != first {
		return
	}
	code, err := attend(os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "first process of the namespace:", err)
	}
	os.Exit(code)
}

func attend(args []string) (int, error) {
	signal.Ignore(os.Interrupt, syscall.SIGTERM) // whoever wants an end ends this process, and with it everything
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return 1, fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return 1, fmt.Errorf("mounting /proc: %w", err)
	}
	child, err := os.StartProcess("/proc/self/exe", append([]string{os.Args[0]}, args...), &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Env: os.Environ()})
	if err != nil {
		return 1, err
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 1, err
		case pid == child.Pid && status.Signaled():
			return 128 + int(status.Signal()), nil
		case pid == child.Pid:
			return status.ExitStatus(), nil
		}
	}
}
