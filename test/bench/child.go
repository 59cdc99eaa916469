package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const patience = time.Minute // for a server to start, or to stop when asked

// child is a server that the benchmark started. Its error output goes to a file, which is named when it fails.
type child struct {
	name  string
	cmd   *exec.Cmd
	lines chan string // of its standard output; closed at its end
	ended chan struct{}
	err   error // how it ended; to be read once ended is closed
	log   string
}

func startChild(folder, name string, args ...string) (*child, error) {
	log, err := os.CreateTemp(folder, filepath.Base(name)+"-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c := &child{name: filepath.Base(name), cmd: exec.Command(name, args...), lines: make(chan string, 64), ended: make(chan struct{}), log: log.Name()}
	c.cmd.Stderr = log
	// Should the benchmark be killed, its servers end with it.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.name, err)
	}
	go func() {
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			select {
			case c.lines <- scanner.Text():
			default: // nobody reads a server's chatter
			}
		}
		close(c.lines)
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// says waits until the child prints a line.
func (c *child) says(ctx context.Context, want string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		select {
		case line, open := <-c.lines:
			if line == want {
				return nil
			}
			if !open {
				return fmt.Errorf("%s ended early; see %s", c.name, c.log)
			}
		case <-ctx.Done():
			return fmt.Errorf("%s did not say %q; see %s", c.name, want, c.log)
		}
	}
}

// answers tries until try succeeds.
func (c *child) answers(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-c.ended:
			return fmt.Errorf("%s ended early (%w); see %s", c.name, c.err, c.log)
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w; see %s", c.name, err, c.log)
		}
	}
}

// stop asks the child to end, waits, and insists after a while.
func (c *child) stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-c.ended:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%s did not end when asked: %w", c.name, c.cmd.Process.Kill())
	}
}

// peakMemory is the most memory the child ever had resident (VmHWM), in MB of a million bytes.
func (c *child) peakMemory() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, fmt.Errorf("%s: no VmHWM in its status", c.name)
	}
	kibibytes, err := strconv.ParseFloat(fields[0], 64)
	return kibibytes * 1024 / 1e6, err
}

// freeAddress is a loopback address that nobody listens on at this moment.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
