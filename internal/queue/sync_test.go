package queue_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"plumbline/internal/posture"
	"plumbline/internal/queue"
)

const syncRounds = 5

// syncRole accepts some pictures and says so between them, for the eyes of strace.
func syncRole(dir string, s queue.Sync) error {
	ctx := context.Background()
	o := childOptions(dir)
	o.Sync = s
	h, err := queue.Open(ctx, o)
	if err != nil {
		return err
	}
	for i := range syncRounds {
		fmt.Printf("begin %d\n", i)
		if _, err := h.Accept(ctx, receipt(), posture.Capture{Picture: picture(50_000)}); err != nil {
			return err
		}
		fmt.Printf("accepted %d\n", i)
	}
	return h.Close()
}

// systemCall matches one line of strace -f -y: a whole call, or the two halves of one that another thread interrupted.
var systemCall = regexp.MustCompile(`^(\d+) +(?:(\w+)\(\d+<([^>]*)>(?:, "([^"]*)")?|<\.\.\. (\w+) resumed>)`)

// call is a system call on a file, in the order of their ends.
type call struct{ name, file, text string }

func readTrace(t *testing.T, name string) []call {
	t.Helper()
	f, err := os.Open(name)
	must(t, err)
	defer f.Close()
	var calls []call
	begun := map[string]call{} // by thread
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m := systemCall.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		c := call{m[2], m[3], m[4]}
		switch {
		case m[5] != "":
			calls = append(calls, begun[m[1]])
		case strings.Contains(lines.Text(), "<unfinished ...>"):
			begun[m[1]] = c
		default:
			calls = append(calls, c)
		}
	}
	must(t, lines.Err())
	return calls
}

// traced returns what a role's process wrote and synced.
func traced(t *testing.T, role string) []call {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := child(t, role, t.TempDir())
	cmd.Args = append([]string{"strace", "-f", "-y", "-s", "32", "-e", "trace=write,pwrite64,fsync,fdatasync", "-o", trace, cmd.Path},
		cmd.Args[1:]...)
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is not installed: run `make deps`")
	}
	cmd.Path = strace
	must(t, cmd.Run())
	return readTrace(t, trace)
}

// syncedAfterWritten reports whether, among calls, the stream's file was written and after its last write synced.
func syncedAfterWritten(calls []call, stream string) (written, synced bool) {
	for _, c := range calls {
		if !strings.Contains(c.file, "/"+stream+"/msgs/") {
			continue
		}
		switch c.name {
		case "write", "pwrite64":
			written, synced = true, false
		case "fsync", "fdatasync":
			synced = written
		}
	}
	return written, synced
}

// round are the calls between two words of the role.
func round(t *testing.T, calls []call, i int) []call {
	t.Helper()
	at := func(word string) int {
		for n, c := range calls {
			if c.name == "write" && strings.HasPrefix(c.text, word) {
				return n
			}
		}
		t.Fatalf("no %q in the trace", word)
		return 0
	}
	return calls[at(fmt.Sprintf("begin %d", i)):at(fmt.Sprintf("accepted %d", i))]
}

func TestPictureIsOnTheDiskBeforeItIsConfirmed(t *testing.T) {
	for role, want := range map[string]bool{
		"sync":   true,
		"nosync": false, // shows that this test sees a missing sync
	} {
		t.Run(role, func(t *testing.T) {
			calls := traced(t, role)
			for i := range syncRounds {
				for _, stream := range []string{"PLUMBLINE_QUEUE", "PLUMBLINE_JOURNAL"} {
					written, synced := syncedAfterWritten(round(t, calls, i), stream)
					if !written || synced != want {
						t.Errorf("picture %d, %s: written %v, synced %v; want synced %v", i, stream, written, synced, want)
					}
				}
			}
		})
	}
}
