package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"strings"
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

// FuzzConnIsTransparent: mochi gets exactly the bytes that came, whatever the packets' sizes and however it reads, up to the
// first packet that is too large or malformed; and the budget is whole again at the end.
func FuzzConnIsTransparent(f *testing.F) {
	f.Add([]byte("\x10\x02\x00\x04\xc0\x00\x32\x03abc"), uint8(1), uint8(1))
	f.Add([]byte("\x32\x80\x01"+strings.Repeat("x", 128)+"\xe0\x00"), uint8(7), uint8(200))
	f.Add([]byte("\x32\xff\xff\xff\xff\x01"), uint8(3), uint8(3))
	f.Fuzz(func(t *testing.T, stream []byte, readSize, writeSize uint8) {
		near, far := net.Pipe()
		go func() {
			for rest := stream; len(rest) > 0; {
				n := min(len(rest), int(writeSize)+1)
				if _, err := far.Write(rest[:n]); err != nil {
					break
				}
				rest = rest[n:]
			}
			_ = far.Close()
		}()
		const most = 1000
		budget := semaphore.NewWeighted(1 << 20)
		c := newConn(near, &limits{maxPacket: most, budget: budget, tooLarge: func(*conn, int64, string) {}})
		c.session = &session{client: "pi"}
		var got []byte
		buffer := make([]byte, int(readSize)+1)
		for {
			n, err := c.Read(buffer)
			got = append(got, buffer[:n]...)
			if err != nil {
				break
			}
		}
		_ = c.Close()
		if want := stream[:readable(stream, most)]; !bytes.Equal(got, want) {
			t.Errorf("of % x came % x, want % x", stream, got, want)
		}
		if c.release(); !budget.TryAcquire(1 << 20) {
			t.Error("a part of the budget is lost")
		}
	})
}

// readable is how much of a stream is whole headers of packets within the limits, and what there is of their bodies.
func readable(stream []byte, most int) (n int) {
	for n < len(stream) {
		size, length := binary.Uvarint(stream[n+1 : min(len(stream), n+5)])
		limit := uint64(smallPacket)
		if stream[n]>>4 == 3 {
			limit = uint64(most)
		}
		if length <= 0 || size > limit {
			return n
		}
		n = min(len(stream), n+1+length+int(size))
	}
	return n
}
