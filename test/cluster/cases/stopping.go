//go:build linux

package cases

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"plumbline/test/cluster/system"
)

// stoppedAndBack: deploy in a terminal into a namespace that somebody else uses, pictures at work, ESC; then everything but the volume
// and what is theirs is gone, and the next deploy goes on with the pictures that waited or were in hand. Data is deleted only when
// nothing is lost by it.
func stoppedAndBack(ctx context.Context, v *visit) error {
	const pictures = 120
	terminal, err := v.openDeploy(ctx)
	if err != nil {
		return err
	}
	defer terminal.end()
	if err := terminal.awaitText(ctx, "ESC or Enter"); err != nil {
		return err
	}
	if tainted, err := v.tainted(ctx, v.Nodes[0]); err != nil || !tainted {
		return errors.Join(err, errors.New("the control plane's node was not tainted"))
	}
	if err := v.publishHere(ctx, pictures); err != nil {
		return err
	}
	a, err := v.await(ctx, "a picture is in hand", func(a account) bool { return a.Leased > 0 && a.Recorded > 0 })
	if err != nil {
		return err
	}
	v.note("when ESC was pressed, of %d pictures %d were recorded, %d in hand", a.Accepted, a.Recorded, a.Leased)
	if err := terminal.escape(ctx); err != nil {
		return err
	}
	if err := v.left(ctx, keptVolume); err != nil {
		return fmt.Errorf("after ESC: %w", err)
	}
	if said, err := v.stop(ctx, 0); err != nil || !strings.Contains(said, "Nothing of Plumbline's") {
		return errors.Join(err, fmt.Errorf("stopped twice, it says %q", said))
	}
	if err := v.deployed(ctx); err != nil {
		return err
	}
	if err := v.allRecorded(ctx, pictures); err != nil {
		return err
	}
	return v.dataGoes(ctx, pictures)
}

// dataGoes: while pictures wait the volume is not deleted; then it is, and the cluster is as it was, their namespace included.
func (v *visit) dataGoes(ctx context.Context, pictures int) error {
	if err := v.load(ctx, map[string]float64{v.Nodes[0]: 0.97, v.Nodes[1]: 0.97}); err != nil {
		return err
	}
	if err := v.idle(ctx); err != nil { // or a worker that still runs takes what comes
		return err
	}
	if err := v.publishHere(ctx, 3); err != nil {
		return err
	}
	if _, err := v.await(ctx, "pictures wait", func(a account) bool { return a.Waiting+a.Leased > 0 }); err != nil {
		return err
	}
	said, err := v.stop(ctx, 1, "--delete-data")
	if err != nil {
		return err
	}
	if !strings.Contains(said, "Nothing was stopped") {
		return fmt.Errorf("with pictures that wait it says %q", said)
	}
	if err := v.load(ctx, map[string]float64{v.Nodes[0]: 0.1, v.Nodes[1]: 0.1}); err != nil {
		return err
	}
	if err := v.allRecorded(ctx, pictures+3); err != nil {
		return fmt.Errorf("after a refusal: %w", err)
	}
	start := time.Now()
	if _, err := v.stop(ctx, 0, "--delete-data"); err != nil {
		return err
	}
	v.note("stopped with its data within %.1f s", time.Since(start).Seconds())
	return v.left(ctx)
}

// stoppedHalfway: deploy is killed where it has made the hub only; stop takes back what is there, and so beside a deploy that still waits.
// Then KEDA is gone: the ScaledJob hangs, which is told, and let go by --force.
func stoppedHalfway(ctx context.Context, v *visit) error {
	if err := v.killedDeploy(ctx); err != nil {
		return err
	}
	if _, err := v.stop(ctx, 0, "--delete-data", "--yes"); err != nil {
		return err
	}
	if err := errors.Join(v.gone(ctx), v.left(ctx)); err != nil {
		return fmt.Errorf("stopped in the middle of a deploy: %w", err)
	}
	if err := v.stoppedBeside(ctx); err != nil {
		return fmt.Errorf("stopped beside a deploy: %w", err)
	}
	if err := v.killedDeploy(ctx); err != nil {
		return err
	}
	if err := v.deployed(ctx); err != nil {
		return fmt.Errorf("over a half-made one: %w", err)
	}
	if err := v.Kill("keda"); err != nil {
		return err
	}
	said, err := v.stop(ctx, 1, "--delete-data")
	if err == nil && !strings.Contains(said, "stop --force") {
		err = fmt.Errorf("without KEDA it says %q", said)
	}
	if err == nil {
		_, err = v.stop(ctx, 0, "--delete-data", "--yes", "--force")
	}
	err = errors.Join(err, v.Restart(ctx, "keda"))
	return errors.Join(err, v.gone(ctx), v.left(ctx))
}

// stoppedBeside: a deploy has made everything and waits for a hub that never gets ready. Stop takes all of it back, and deploy says why
// it ends.
func (v *visit) stoppedBeside(ctx context.Context) error {
	var said bytes.Buffer
	cmd := v.deploy(ctx, "--no-watch", neverReady, "--timeout=4m")
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	err := system.Await(ctx, slow, "the node is tainted, which is deploy's last act", func(ctx context.Context) error {
		tainted, err := v.tainted(ctx, v.Nodes[0])
		if err == nil && !tainted {
			err = errOngoing
		}
		return err
	})
	if err == nil {
		_, err = v.stop(ctx, 0, "--delete-data", "--yes")
	}
	if err != nil {
		err = errors.Join(err, cmd.Process.Kill())
	}
	if ended := cmd.Wait(); err == nil && (ended == nil || !strings.Contains(said.String(), "was Plumbline stopped?")) {
		err = fmt.Errorf("it ended (%s) and does not say that it was stopped", cmd.ProcessState)
	}
	if err != nil {
		return fmt.Errorf("%w; deploy said: %s", err, said.String())
	}
	return errors.Join(v.gone(ctx), v.left(ctx))
}

// killedDeploy begins to deploy, and is killed as soon as the hub's StatefulSet is there.
func (v *visit) killedDeploy(ctx context.Context) error {
	var said bytes.Buffer
	cmd := v.deploy(ctx, "--no-watch")
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	err := system.Await(ctx, slow, "the hub is made", func(ctx context.Context) error {
		_, err := v.API.AppsV1().StatefulSets(takedown).Get(ctx, "plumbline-hub", metav1.GetOptions{})
		return err
	})
	killed := cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	if err != nil {
		return fmt.Errorf("%w: deploy said: %s", err, said.String())
	}
	return killed
}

// terminal is a deploy that somebody sits at.
type terminal struct {
	cmd    *exec.Cmd
	pty    *os.File
	mu     sync.Mutex
	said   bytes.Buffer
	closed chan struct{}
}

func (v *visit) openDeploy(ctx context.Context) (*terminal, error) {
	t := &terminal{cmd: v.deploy(ctx), closed: make(chan struct{})}
	var err error
	if t.pty, err = pty.StartWithSize(t.cmd, &pty.Winsize{Rows: 40, Cols: 160}); err != nil {
		return nil, fmt.Errorf("deploying in a terminal: %w", err)
	}
	go func() {
		defer close(t.closed)
		for buffer := make([]byte, 4096); ; {
			n, err := t.pty.Read(buffer)
			t.mu.Lock()
			t.said.Write(buffer[:n])
			t.mu.Unlock()
			if err != nil { // its other side is closed
				return
			}
		}
	}()
	return t, nil
}

func (t *terminal) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.said.String()
}

func (t *terminal) awaitText(ctx context.Context, text string) error {
	return system.Await(ctx, 2*slow, "the terminal shows "+text, func(context.Context) error {
		said := t.text()
		if strings.Contains(said, text) {
			return nil
		}
		return fmt.Errorf("it shows %s", said[max(0, len(said)-2000):])
	})
}

// escape presses ESC, says yes, and waits for the end.
func (t *terminal) escape(ctx context.Context) error {
	if _, err := t.pty.WriteString("\x1b"); err != nil {
		return err
	}
	if err := t.awaitText(ctx, "[y/N]"); err != nil {
		return err
	}
	if _, err := t.pty.WriteString("y"); err != nil {
		return err
	}
	select {
	case <-t.closed:
	case <-ctx.Done():
		return fmt.Errorf("it does not end after ESC: %s", t.text())
	}
	if err := t.cmd.Wait(); err != nil {
		return fmt.Errorf("after ESC: %w: %s", err, t.text())
	}
	return nil
}

// end closes the terminal on who still sits there.
func (t *terminal) end() {
	if t.cmd.ProcessState == nil {
		_ = t.cmd.Process.Signal(syscall.SIGKILL)
		_ = t.cmd.Wait()
	}
	_ = t.pty.Close()
}
