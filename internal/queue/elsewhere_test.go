package queue_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"plumbline/internal/posture"
	"plumbline/internal/queue"
)

// elsewhereRole is a worker process with two sessions that joins the hub whose address and token lie in dir. A picture
// named poison ends it at once and without a word, at one named hang a session stands still for ever. It ends well when
// nothing waits.
func elsewhereRole(dir string) error {
	address, err := os.ReadFile(filepath.Join(dir, "address"))
	if err != nil {
		return err
	}
	w, err := queue.Join(context.Background(), queue.JoinOptions{
		URL: string(address), TokenFile: filepath.Join(dir, "token"), AnalysisTimeout: 500 * time.Millisecond,
		OnHung: func(string) { os.Exit(3) },
	})
	if err != nil {
		return err
	}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { analyse(w) })
	}
	both.Wait()
	return w.Close()
}

func analyse(w *queue.Worker) {
	for {
		short, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
		c, err := w.Claim(short)
		cancel()
		if err != nil {
			return // nothing waits
		}
		switch c.Capture.Source {
		case "poison":
			<-time.After(5 * time.Millisecond)
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		case "hang":
			select {}
		}
		<-time.After(50 * time.Millisecond)
		if err := w.HandIn(context.Background(), posture.Result{CaptureID: c.Capture.ID}); err == nil {
			_ = c.Acknowledge(context.Background())
		}
	}
}

// Pictures that kill or hang workers elsewhere become dead letters after five attempts; those that were in hand beside
// them are analysed.
func TestWhatEndsWorkersElsewhereBecomesADeadLetterAndTakesNobodyWithIt(t *testing.T) {
	for _, evil := range []string{"poison", "hang"} {
		t.Run(evil, func(t *testing.T) {
			o := joinable(t)
			h := open(t, o)
			recorded := recorder(t, h)
			must(t, os.WriteFile(filepath.Join(o.Dir, "address"), []byte(h.ListenAddr()), 0o600))
			healthy := map[string]bool{accept(t, h, receipt(), picture(10)): true}
			culprit, err := h.Accept(t.Context(), receipt(), posture.Capture{Source: evil, Picture: picture(10)})
			must(t, err)
			for range 3 {
				healthy[accept(t, h, receipt(), picture(10))] = true
			}
			ends := 0
			for child(t, "elsewhere", o.Dir).Run() != nil {
				if ends++; ends > 5 {
					t.Fatalf("it ended %d workers and still lives", ends)
				}
			}
			if ends != 5 {
				t.Errorf("it ended %d workers, want 5", ends)
			}
			for len(recorded) > 0 { // one may have come twice
				delete(healthy, (<-recorded).CaptureID)
			}
			if len(healthy) > 0 {
				t.Errorf("not recorded: %v", healthy)
			}
			list := letters(t, h)
			if len(list) != 1 || list[0].ID != culprit.ID || list[0].Attempts != 5 {
				t.Errorf("dead letters: %+v, want %s after 5 attempts", list, culprit.ID)
			}
			if d := depth(t, h); d.Waiting+d.Leased != 0 {
				t.Errorf("depth: %+v", d)
			}
		})
	}
}

// The end of a worker process by SIGKILL, again and again and at any moment, loses no picture.
func TestWorkersElsewhereKilledAtAnyMoment(t *testing.T) {
	o := joinable(t)
	h := open(t, o)
	recorded := recorder(t, h)
	must(t, os.WriteFile(filepath.Join(o.Dir, "address"), []byte(h.ListenAddr()), 0o600))
	want := map[string]bool{}
	for range 60 {
		want[accept(t, h, receipt(), picture(10))] = true
	}
	for range 3 {
		cmd := child(t, "elsewhere", o.Dir)
		must(t, cmd.Start())
		for range 3 { // it is at work
			delete(want, (<-recorded).CaptureID)
		}
		must(t, cmd.Process.Kill())
		_ = cmd.Wait()
	}
	must(t, child(t, "elsewhere", o.Dir).Run())
	for len(recorded) > 0 {
		delete(want, (<-recorded).CaptureID)
	}
	if d := depth(t, h); len(want) > 0 || d.Waiting+d.Leased+d.Dead != 0 {
		t.Errorf("%d not recorded; %+v: %s", len(want), d, strings.TrimSpace(fmt.Sprint(letters(t, h))))
	}
}
