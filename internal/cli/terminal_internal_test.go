//go:build unix

package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"plumbline/internal/cluster/scaler"
)

// display gathers what a terminal is sent.
type display struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *display) gather(from io.Reader) {
	for buffer := make([]byte, 4096); ; {
		n, err := from.Read(buffer)
		s.mu.Lock()
		s.text.Write(buffer[:n])
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *display) has(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(s.text.String(), text)
}

// await waits until the terminal was sent this.
func (s *display) await(t *testing.T, text string) {
	t.Helper()
	for end := time.After(10 * time.Second); !s.has(text); {
		select {
		case <-end:
			all := s.text.String()
			t.Fatalf("%q does not appear; last there is %q", text, all[max(0, len(all)-600):])
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// sit watches on a terminal and gives its other side.
func sit(ctx context.Context, t *testing.T, status func(context.Context) (controlReport, error)) (master *os.File, sees *display, wished <-chan wish) {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close(); tty.Close() })
	if err := pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: 60}); err != nil {
		t.Fatal(err)
	}
	sees = &display{}
	go sees.gather(master)
	w := &watching{screen: &screen{w: tty}, where: "namespace plumbline of home", keyboard: openKeyboard(ctx, tty), status: status}
	ended := make(chan wish, 1)
	go func() { ended <- w.run(ctx) }()
	return master, sees, ended
}

func someReport(context.Context) (controlReport, error) {
	load := 0.42
	var r controlReport
	r.Backlog = &scaler.Backlog{Waiting: 12, Leased: 2}
	r.Nodes = []nodeReport{{Node: "jetson-1", GPU: &load, Age: 3 * time.Second, Workers: []string{"a"}}, {Node: "bare", Reason: "no sample"}}
	return r, nil
}

const question = "Stop and remove Plumbline from the cluster? [y/N]"

// What is pressed, one after the other, and what comes of it. Before each but the first the question is awaited.
func TestKeysOfAWatchingDeploy(t *testing.T) {
	for name, c := range map[string]struct {
		keys []string
		want wish
	}{
		"ESC and yes":       {[]string{"\x1b", "y"}, stopAll},
		"Enter and yes":     {[]string{"\r", "Y"}, stopAll},
		"Ctrl-C":            {[]string{"\x03"}, leave},
		"no, then Ctrl-C":   {[]string{"\x1b", "n\x03"}, leave},
		"no and Enter":      {[]string{"\x1b", "n\ry\x03"}, leave},
		"ESC twice is a no": {[]string{"\x1b", "\x1b", "\x03"}, leave},
		"an arrow":          {[]string{"\x1b[A\x03"}, goOn},
		"Alt with y":        {[]string{"\x1by"}, goOn},
		"Ctrl-C at the end": {[]string{"\r", "\x03"}, leave},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			master, sees, wished := sit(ctx, t, someReport)
			sees.await(t, "ESC or Enter: stop and remove it   Ctrl-C: leave it running")
			for i, keys := range c.keys {
				if i > 0 {
					sees.await(t, question)
				}
				if _, err := master.WriteString(keys); err != nil {
					t.Fatal(err)
				}
			}
			if c.want == goOn { // nothing comes of it, but the end of the test
				select {
				case got := <-wished:
					t.Errorf("it is taken as %v", got)
				case <-time.After(100 * time.Millisecond):
				}
				if sees.has(question) {
					t.Error("it asks")
				}
				return
			}
			select {
			case got := <-wished:
				if got != c.want {
					t.Errorf("it is taken as %v, not %v", got, c.want)
				}
			case <-time.After(10 * time.Second):
				t.Error("it goes on watching")
			}
		})
	}
}

func TestWhatAWatchingDeployShows(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, sees, wished := sit(ctx, t, someReport)
	for _, text := range []string{"of home", "12 waiting, 2 with workers; 0 Jobs\r", "jetson-1  42 %  3s", "bare"} {
		sees.await(t, text)
	}
	cancel()
	if got := <-wished; got != leave {
		t.Errorf("the end of the context is taken as %v", got)
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	_, sees, _ = sit(ctx, t, func(context.Context) (controlReport, error) { return controlReport{}, errors.New("no pod is ready") })
	sees.await(t, "no news: no pod is ready")
}

// A block is drawn again in place; a line that stays comes above it; nothing is wider than the terminal.
func TestScreen(t *testing.T) {
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 10, Cols: 8}); err != nil {
		t.Fatal(err)
	}
	sees := &display{}
	over := make(chan struct{})
	go func() { defer close(over); sees.gather(master) }()
	s := &screen{w: tty}
	s.draw("one", "two and a half")
	s.say("said")
	s.leave()
	tty.Close()
	<-over
	const up, line = upOneLine + clearLine, clearLine
	want := line + "one\r\n" + line + "two and…\r\n" + up + up + "said\r\n" + line + "one\r\n" + line + "two and…\r\n"
	if got := strings.ReplaceAll(sees.text.String(), "\r\r\n", "\r\n"); got != want {
		t.Errorf("it was sent %q, not %q", got, want)
	}
}

// Where nobody can see a block redrawn, a line is written when it is new.
func TestScreenElsewhere(t *testing.T) {
	var out strings.Builder
	s := &screen{w: &out}
	s.draw("a 1", "b 1")
	s.draw("a 1", "b 2")
	s.say("c")
	s.draw("a 1", "b 2")
	if out.String() != "a 1\nb 1\nb 2\nc\n" {
		t.Errorf("%q", out.String())
	}
}
