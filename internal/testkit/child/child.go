// Package child runs servers for tests and measurements: it starts them, waits for what they say or answer, and ends them by
// their own process handle. Their error output goes to files, which are named where something fails. It is no place for
// production code.
package child

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const patience = time.Minute // for a server to start, or to stop when asked

// Process is a server that was started.
type Process struct {
	Log   string // file with its error output
	name  string
	cmd   *exec.Cmd
	lines chan string // of its standard output; closed at its end
	ended chan struct{}
	err   error // how it ended; to be read once ended is closed
}

// Start starts a program; its error output goes to a file in folder.
func Start(folder, program string, args ...string) (*Process, error) {
	return StartCommand(folder, exec.Command(program, args...))
}

// StartCommand does the same for a command with an environment, folder or attributes of its own.
func StartCommand(folder string, cmd *exec.Cmd) (*Process, error) {
	name := filepath.Base(cmd.Path)
	log, err := os.CreateTemp(folder, name+"-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &Process{Log: log.Name(), name: name, cmd: cmd, lines: make(chan string, 64), ended: make(chan struct{})}
	cmd.Stderr = log
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = attributes()
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		scanner := bufio.NewScanner(out)
		for scanner.Scan() {
			select {
			case p.lines <- scanner.Text():
			default: // nobody reads a server's chatter
			}
		}
		close(p.lines)
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// Says waits until the process prints a line that ends with want.
func (p *Process) Says(ctx context.Context, want string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		select {
		case line, open := <-p.lines:
			if strings.HasSuffix(line, want) {
				return nil
			}
			if !open {
				return fmt.Errorf("%s ended early; see %s", p.name, p.Log)
			}
		case <-ctx.Done():
			return fmt.Errorf("%s did not say %q; see %s", p.name, want, p.Log)
		}
	}
}

// Answers tries until try succeeds.
func (p *Process) Answers(ctx context.Context, try func() error) error {
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
		case <-p.ended:
			return fmt.Errorf("%s ended early (%w); see %s", p.name, p.err, p.Log)
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w; see %s", p.name, err, p.Log)
		}
	}
}

// Ended is closed when the process has ended; Err then says how.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Err is nil after an end with status 0. It waits for the end.
func (p *Process) Err() error {
	<-p.ended
	return p.err
}

// Stop asks the process to end, waits, and insists after a while. The status it ends with is not looked at: see Err.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		return fmt.Errorf("%s did not end when asked: %w", p.name, p.Kill())
	}
}

// Kill ends the process at once and waits for its end.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended
	return nil
}

// PeakMemory is the most memory the process ever had resident (VmHWM), in MB of a million bytes.
func (p *Process) PeakMemory() (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, fmt.Errorf("%s: no VmHWM in its status", p.name)
	}
	kibibytes, err := strconv.ParseFloat(fields[0], 64)
	return kibibytes * 1024 / 1e6, err
}
