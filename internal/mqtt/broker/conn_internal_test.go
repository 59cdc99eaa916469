package broker

import (
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/semaphore"
)

// stalling sends some bytes and then nothing, and says when and why the reading end gave up.
func stalling(t *testing.T, known bool, sent []byte) (waited time.Duration, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		c := newConn(near, &limits{maxPacket: 1 << 20, budget: semaphore.NewWeighted(1 << 20)})
		if known {
			c.session = &session{client: "pi"}
			if err := c.SetDeadline(time.Now().Add(90 * time.Second)); err != nil {
				t.Fatal(err)
			}
		}
		go func() { _, _ = far.Write(sent) }()
		begun := time.Now()
		buffer := make([]byte, 4096)
		for err == nil {
			_, err = c.Read(buffer)
		}
		waited = time.Since(begun)
	})
	return waited, err
}

// Deadlines are tried in the time of a bubble: none of this takes any.
func TestStallingClients(t *testing.T) {
	publish := []byte{0x32, 0x80, 0x80, 0x20} // and half a megabyte to follow
	for name, c := range map[string]struct {
		known bool
		sent  []byte
		want  time.Duration
	}{
		"says nothing":                    {false, nil, connectTimeout},
		"says half a hello":               {false, []byte{0x10, 20, 0, 4}, stallTimeout},
		"known, silent past keep-alive":   {true, nil, 90 * time.Second},
		"known, stops in a packet":        {true, append(publish, 0, 4), stallTimeout},
		"known, stops after the announce": {true, publish, stallTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			waited, err := stalling(t, c.known, c.sent)
			if !errors.Is(err, os.ErrDeadlineExceeded) || waited != c.want {
				t.Errorf("given up after %s with %v, want %s", waited, err, c.want)
			}
		})
	}
}

// A packet that keeps coming, but too slowly, holds its share of the budget for a bounded time.
func TestDribblingClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := newConn(near, &limits{maxPacket: 1 << 20, budget: semaphore.NewWeighted(1 << 20)})
		c.session = &session{client: "pi"}
		var sender sync.WaitGroup
		sender.Go(func() {
			_, err := far.Write([]byte{0x32, 0x80, 0x80, 0x20})
			for err == nil {
				<-time.After(20 * time.Second)
				_, err = far.Write([]byte{0})
			}
		})
		begun, buffer := time.Now(), make([]byte, 4096)
		var err error
		for err == nil {
			_, err = c.Read(buffer)
		}
		want := stallTimeout + (512<<10)*time.Second/minUploadRate
		if waited := time.Since(begun); !errors.Is(err, os.ErrDeadlineExceeded) || waited != want {
			t.Errorf("given up after %s with %v, want %s", waited, err, want)
		}
		if c.release(); !c.limits.budget.TryAcquire(1 << 20) {
			t.Error("its share of the budget was not given back")
		}
		_ = near.Close()
		sender.Wait()
	})
}
