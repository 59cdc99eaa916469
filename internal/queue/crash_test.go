package queue_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"plumbline/internal/posture"
	"plumbline/internal/queue"
)

// roleVariable names what a process that a test starts from its own binary does.
const roleVariable = "PLUMBLINE_QUEUE_TEST_ROLE"

var roles = map[string]func(dir string) error{
	"load":      loadRole,
	"poison":    poisonRole,
	"broken":    brokenRole,
	"elsewhere": elsewhereRole,
	"sync":      func(dir string) error { return syncRole(dir, queue.SyncAlways) },
	"nosync":    func(dir string) error { return syncRole(dir, queue.SyncInterval) },
	"lead":      leadRole,
}

func TestMain(m *testing.M) {
	role, found := roles[os.Getenv(roleVariable)]
	if !found {
		os.Exit(m.Run())
	}
	if err := role(os.Args[len(os.Args)-1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(t testing.TB, role, dir string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), self, dir)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = t.Output()
	return cmd
}

// childOptions are the same in parent and child.
func childOptions(dir string) queue.Options {
	return queue.Options{Dir: dir, MaxQueueBytes: 1 << 30, MaxPicture: 1 << 20, Lease: 300 * time.Millisecond}
}

// loadRole accepts, analyses and records as fast as it can, and writes each fact to the standard output when it is one:
// a written line outlives the process as a committed row does.
func loadRole(dir string) error {
	ctx := context.Background()
	h, err := queue.Open(ctx, childOptions(dir))
	if err != nil {
		return err
	}
	fmt.Println("open")
	go func() {
		_ = h.ServeResults(ctx, func(_ context.Context, r posture.Result) error {
			fmt.Println("recorded", r.CaptureID)
			return nil
		})
	}()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				a, err := h.Accept(ctx, receipt(), posture.Capture{Device: "pi1", Picture: picture(20_000)})
				if err != nil {
					fmt.Println("error accepting:", err)
					return
				}
				fmt.Println("accepted", a.ID)
			}
		})
	}
	w, err := h.NewWorker("one")
	if err != nil {
		return err
	}
	for {
		c, err := w.Claim(ctx)
		if err != nil {
			return err
		}
		if err := w.HandIn(ctx, posture.Result{CaptureID: c.Capture.ID}); err != nil {
			return err
		}
		if err := c.Acknowledge(ctx); err != nil {
			return err
		}
	}
}

// untilKilled runs a load child, kills it some time after it opened its hub, and returns the ids it wrote.
func untilKilled(t *testing.T, dir string) (accepted, recorded []string) {
	t.Helper()
	cmd := child(t, "load", dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	killed := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		verb, id, _ := strings.Cut(lines.Text(), " ")
		switch verb {
		case "accepted":
			accepted = append(accepted, id)
		case "recorded":
			recorded = append(recorded, id)
		case "open":
		default:
			t.Error(lines.Text())
		}
		if !killed && verb == "accepted" {
			killed = true
			time.AfterFunc(time.Duration(rand.IntN(150))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		}
	}
	_ = cmd.Wait() // killed
	if !killed {
		t.Fatal("it ended by itself")
	}
	return accepted, recorded
}

func TestKilledAtAnyMomentNothingAcceptedIsLost(t *testing.T) {
	dir := t.TempDir()
	accepted, recorded := map[string]bool{}, map[string]bool{}
	for range 10 {
		a, r := untilKilled(t, dir)
		for _, id := range a {
			accepted[id] = true
		}
		for _, id := range r {
			recorded[id] = true
		}
	}
	h := open(t, childOptions(dir))
	queued, err := h.QueuedIDs(t.Context())
	must(t, err)
	dead, err := h.DeadIDs(t.Context())
	must(t, err)
	journal := map[string]bool{}
	for _, id := range journalIDs(t, h) {
		journal[id] = true
	}
	t.Logf("%d accepted, %d recorded, %d queued, %d dead, %d in the journal",
		len(accepted), len(recorded), len(queued), len(dead), len(journal))
	for id := range accepted {
		if !queued[id] && !recorded[id] && !dead[id] {
			t.Errorf("%s was accepted and is nowhere", id)
		}
		if !journal[id] {
			t.Errorf("%s was accepted and is not in the journal", id)
		}
	}
	for id := range recorded {
		if !journal[id] {
			t.Errorf("%s has a row but no journal entry", id)
		}
	}
	for id := range journal { // the ledger's equation
		if !queued[id] && !recorded[id] && !dead[id] {
			t.Errorf("%s is in the journal and nowhere else", id)
		}
	}
	accept(t, h, receipt(), picture(10))
}

// poisonRole analyses what waits with two workers. The poisonous picture ends the process at once and without a word,
// so that no count of deliveries reaches the disk; the others take their time. It ends when nothing waits.
func poisonRole(dir string) error {
	ctx := context.Background()
	h, err := queue.Open(ctx, childOptions(dir))
	if err != nil {
		return err
	}
	var both sync.WaitGroup
	for range 2 {
		w, err := h.NewWorker("one")
		if err != nil {
			return err
		}
		both.Go(func() {
			for {
				short, cancel := context.WithTimeout(ctx, 700*time.Millisecond)
				c, err := w.Claim(short)
				cancel()
				if err != nil {
					return // nothing waits
				}
				poisoned := c.Capture.Source == "poison"
				<-time.After(map[bool]time.Duration{true: 5 * time.Millisecond, false: 100 * time.Millisecond}[poisoned])
				if poisoned {
					_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				}
				if err := c.Acknowledge(ctx); err == nil {
					fmt.Println("analysed", c.Capture.ID)
				}
			}
		})
	}
	both.Wait()
	return h.Close()
}

func TestPoisonBecomesADeadLetterAndTakesNobodyWithIt(t *testing.T) {
	dir := t.TempDir()
	h := open(t, childOptions(dir))
	poison, err := h.Accept(t.Context(), receipt(), posture.Capture{Source: "poison", Picture: picture(10)})
	must(t, err)
	accept(t, h, receipt(), picture(10))
	accept(t, h, receipt(), picture(10))
	shut(t, h)

	analysed, deaths := "", 0
	for {
		out, err := child(t, "poison", dir).Output()
		analysed += string(out)
		if err == nil {
			break
		}
		if deaths++; deaths > 5 {
			t.Fatalf("it killed %d processes and still lives", deaths)
		}
	}
	if deaths != 5 {
		t.Errorf("it killed %d processes, want 5", deaths)
	}
	if n := strings.Count(analysed, "analysed"); n != 2 {
		t.Errorf("%d of the 2 others were analysed: %s", n, analysed)
	}
	h = open(t, childOptions(dir))
	list := letters(t, h)
	if len(list) != 1 || list[0].ID != poison.ID || list[0].Attempts != 5 {
		t.Errorf("dead letters: %+v, want %s after 5 attempts", list, poison.ID)
	}
}

// lastBlock is the file that a stream wrote last.
func lastBlock(t *testing.T, dir, stream string) string {
	t.Helper()
	blocks, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", stream, "msgs", "*.blk"))
	must(t, err)
	if len(blocks) != 1 {
		t.Fatalf("stream %s has files %v, want one", stream, blocks)
	}
	return blocks[0]
}

func TestDamagedTailOpensAgain(t *testing.T) {
	cut := func(t *testing.T, name string) {
		info, err := os.Stat(name)
		must(t, err)
		must(t, os.Truncate(name, info.Size()-7))
	}
	garbage := func(t *testing.T, name string) {
		f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
		must(t, err)
		_, err = f.Write(picture(300))
		must(t, err)
		must(t, f.Close())
	}
	without := func(damage func(*testing.T, string)) func(*testing.T, string) {
		return func(t *testing.T, name string) {
			must(t, os.Remove(filepath.Join(filepath.Dir(name), "index.db")))
			damage(t, name)
		}
	}
	for name, c := range map[string]struct {
		stream string
		damage func(*testing.T, string)
		queued int // of three
	}{
		"queue cut off":                {"PLUMBLINE_QUEUE", cut, 2},
		"queue cut off, no index":      {"PLUMBLINE_QUEUE", without(cut), 2},
		"queue with garbage":           {"PLUMBLINE_QUEUE", garbage, 3},
		"queue with garbage, no index": {"PLUMBLINE_QUEUE", without(garbage), 3},
		"journal cut off":              {"PLUMBLINE_JOURNAL", cut, 3},
		"journal cut off, no index":    {"PLUMBLINE_JOURNAL", without(cut), 3},
		"journal with garbage":         {"PLUMBLINE_JOURNAL", garbage, 3},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			h := open(t, o)
			for range 3 {
				accept(t, h, receipt(), picture(1000))
			}
			shut(t, h)
			c.damage(t, lastBlock(t, o.Dir, c.stream))

			h = open(t, o)
			queued, err := h.QueuedIDs(t.Context())
			must(t, err)
			if len(queued) != c.queued {
				t.Errorf("%d in the queue, want %d", len(queued), c.queued)
			}
			if ids := journalIDs(t, h); len(ids) != 3 {
				t.Errorf("%d in the journal, want 3", len(ids))
			}
			id := accept(t, h, receipt(), picture(1000))
			w := worker(t, h, "one")
			var last string
			for range c.queued + 1 {
				got := claim(t, w)
				last = got.Capture.ID
				must(t, got.Acknowledge(t.Context()))
			}
			if last != id {
				t.Errorf("the last claim is %s, want %s", last, id)
			}
		})
	}
}

func TestLargestPictureIsReadBackFromItsFile(t *testing.T) {
	o := options(t)
	o.MaxPicture, o.MaxQueueBytes = 31<<20, 1<<30
	h := open(t, o)
	pic := picture(31 << 20)
	id := accept(t, h, receipt(), pic)
	shut(t, h)
	must(t, os.Remove(filepath.Join(filepath.Dir(lastBlock(t, o.Dir, "PLUMBLINE_QUEUE")), "index.db")))
	h = open(t, o)
	c := claim(t, worker(t, h, "one"))
	if c.Capture.ID != id || !bytes.Equal(c.Capture.Picture, pic) {
		t.Errorf("read %s with %d bytes", c.Capture.ID, len(c.Capture.Picture))
	}
	must(t, c.Bury(t.Context(), "for the dead letters' file too"))
	d, err := h.DeadLetter(t.Context(), id)
	must(t, err)
	if !d.Whole() {
		t.Error("not whole")
	}
}

// brokenRole accepts until the system refuses to write more than 300 kB to a file.
func brokenRole(dir string) error {
	queue.CommitTimeout(time.Second)
	h, err := queue.Open(context.Background(), childOptions(dir))
	if err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 300_000, Max: 300_000}); err != nil {
		return err
	}
	for range 10 {
		a, err := h.Accept(context.Background(), receipt(), posture.Capture{Picture: picture(50_000)})
		if err != nil {
			fmt.Println("failed", err)
			break
		}
		fmt.Println("accepted", a.ID)
	}
	fmt.Println("ready", h.Ready(context.Background()))
	return h.Close()
}

func TestFailedWriteIsNotConfirmed(t *testing.T) {
	dir := t.TempDir()
	cmd := child(t, "broken", dir)
	cmd.Stderr = nil
	out, _ := cmd.Output() // it can't close well
	h := open(t, childOptions(dir))
	queued, err := h.QueuedIDs(t.Context())
	must(t, err)
	said := map[string]int{}
	for line := range strings.Lines(string(out)) {
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		said[verb]++
		if verb == "accepted" && !queued[rest] {
			t.Errorf("%s was accepted and is not in the queue", rest)
		}
		if verb != "accepted" && !strings.Contains(rest, "disk") {
			t.Errorf("%s: %q does not speak of the disk", verb, rest)
		}
	}
	if said["accepted"] == 0 || said["failed"] != 1 || said["ready"] != 1 {
		t.Errorf("said:\n%s", out)
	}
	accept(t, h, receipt(), picture(10))
}
