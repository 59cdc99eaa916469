package broker

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/mochi-mqtt/server/v2/packets"
)

// What a client may take. Only PUBLISH packets of an established session may be large.
const (
	smallPacket    = 64 << 10         // largest packet that is no PUBLISH, or that comes before the session is established
	freePacket     = 16 << 10         // up to here a packet does not count against the shared budget, so that pings never wait
	connectTimeout = 10 * time.Second // from the connection to the established session
	stallTimeout   = 30 * time.Second // without any byte of a packet that has begun, or of an answer
	minUploadRate  = 4 << 10          // bytes a second, about GPRS, below which a packet is given up
	budgetTimeout  = 60 * time.Second // waiting for room in the budget
	lastWords      = time.Second      // for what is written when the broker closes
	lingerTimeout  = 2 * time.Second  // a refused sender's bytes are read and dropped so long, so that it can read why
)

var errTooLarge = fmt.Errorf("%w", packets.ErrPacketTooLarge)

// conn stands between the network and mochi and follows the packet boundaries of what comes in. mochi allocates what a
// packet's header announces before a byte of it has come, lets an unauthenticated client announce as much as any other,
// and sets one deadline for a whole packet; so the sizes, the budget and the deadlines are kept here. Bytes are handed on
// packet by packet: when mochi reads past one it is done with it.
//
// Read and the fields it uses belong to the connection's reading goroutine.
type conn struct {
	net.Conn
	in     *bufio.Reader
	limits *limits
	closed context.Context // ends when the connection is closed
	cancel context.CancelFunc

	header    []byte // of the packet that has begun, not yet handed on
	remaining int    // bytes of its body not yet handed on
	held      int64  // taken from the budget for it
	complete  time.Time
	deadline  time.Time // by when its body must be complete

	idleMutex sync.Mutex
	idle      time.Duration // longest wait for a packet; 0 for ever

	anonymous bool  // clients without an account may use the listener
	peer      *peer // the client's certificate; nil without one

	session *session // set once the client is authenticated
	inGate  bool     // a message of this connection is being handled, or handled and not yet acknowledged
}

// session is what the broker knows about a connected client.
type session struct {
	client string // the identifier as the client knows it
	user   string // empty for an anonymous client
	peer   *peer  // nil for a client without a certificate
}

// limits are shared by all connections.
type limits struct {
	maxPacket int64
	budget    *semaphore.Weighted
	tooLarge  func(c *conn, size int64, topic string) // told before the connection is closed
	closing   atomic.Bool                             // the broker is: nobody is waited for any longer
}

func newConn(inner net.Conn, l *limits) *conn {
	ctx, cancel := context.WithCancel(context.Background())
	return &conn{Conn: inner, in: bufio.NewReaderSize(inner, 4<<10), limits: l, closed: ctx, cancel: cancel, idle: connectTimeout}
}

// Read hands on bytes of one packet only.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.header) == 0 && c.remaining == 0 {
		if err := c.begin(); err != nil {
			return 0, err
		}
	}
	if len(c.header) > 0 {
		n := copy(p, c.header)
		c.header = c.header[n:]
		return n, nil
	}
	return c.readBody(p)
}

func (c *conn) readBody(p []byte) (int, error) {
	if c.in.Buffered() == 0 {
		_ = c.Conn.SetReadDeadline(earlier(time.Now().Add(stallTimeout), c.deadline))
	}
	n, err := c.in.Read(p[:min(len(p), c.remaining)])
	c.remaining -= n
	if c.remaining == 0 {
		c.complete = time.Now()
	}
	return n, err
}

// begin waits for the next packet's fixed header, checks the size it announces and takes it from the budget.
func (c *conn) begin() error {
	c.release()
	c.awaitPacket()
	header, size, err := readFixedHeader(c.in)
	if err != nil {
		return err
	}
	if int64(size) > c.largest(header[0]) {
		c.refuse(size)
		return errTooLarge
	}
	if err := c.acquire(int64(size)); err != nil {
		return err
	}
	now := time.Now()
	c.deadline = now.Add(stallTimeout + time.Duration(size)*time.Second/minUploadRate)
	c.header, c.remaining, c.complete = header, size, now
	return nil
}

// awaitPacket sets the deadline for a packet to begin. If that fails, reading says why.
func (c *conn) awaitPacket() {
	c.idleMutex.Lock()
	idle := c.idle
	c.idleMutex.Unlock()
	var until time.Time
	if idle > 0 {
		until = time.Now().Add(idle)
	}
	_ = c.Conn.SetReadDeadline(until)
}

func (c *conn) largest(first byte) int64 {
	if first>>4 == packets.Publish && c.session != nil {
		return c.limits.maxPacket
	}
	return smallPacket
}

func readFixedHeader(r *bufio.Reader) (header []byte, size int, err error) {
	header = make([]byte, 0, 5)
	for shift := -7; ; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return nil, 0, err
		}
		header = append(header, b)
		if shift >= 0 {
			size |= int(b&0x7f) << shift
			if b&0x80 == 0 {
				return header, size, nil
			}
		}
		if shift == 21 {
			return nil, 0, packets.ErrMalformedVariableByteInteger
		}
	}
}

// acquire waits for room in the budget, which bounds the memory that all clients' pictures take together.
func (c *conn) acquire(size int64) error {
	if size <= freePacket {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.closed, budgetTimeout)
	defer cancel()
	if err := c.limits.budget.Acquire(ctx, size); err != nil {
		return fmt.Errorf("waiting for memory to read a packet of %d bytes: %w", size, err)
	}
	c.held = size
	return nil
}

// release gives the last packet's share of the budget back. Reading goroutine only.
func (c *conn) release() {
	if c.held > 0 {
		c.limits.budget.Release(c.held)
		c.held = 0
	}
}

// refuse reports a packet that is too large. From a client that is known it then reads and drops for a moment: closing a
// socket with unread bytes resets the connection, and the sender would lose the reason.
func (c *conn) refuse(size int) {
	if c.session == nil {
		c.limits.tooLarge(c, int64(size), "")
		return
	}
	c.limits.tooLarge(c, int64(size), c.peekTopic(size))
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = c.Conn.SetReadDeadline(time.Now().Add(lingerTimeout))
	_, _ = io.CopyN(io.Discard, c.in, int64(size))
}

// peekTopic reads the topic of a PUBLISH packet whose fixed header has been read; empty when it does not come at once.
func (c *conn) peekTopic(size int) string {
	_ = c.Conn.SetReadDeadline(time.Now().Add(lingerTimeout))
	length, err := c.in.Peek(2)
	if err != nil {
		return ""
	}
	n := 2 + int(binary.BigEndian.Uint16(length))
	if n > min(size, c.in.Size()) {
		return ""
	}
	start, err := c.in.Peek(n)
	if err != nil {
		return ""
	}
	return string(start[2:])
}

// SetDeadline takes mochi's deadline, one and a half times the keep-alive from now, as the longest wait for a packet.
func (c *conn) SetDeadline(t time.Time) error {
	c.idleMutex.Lock()
	defer c.idleMutex.Unlock()
	c.idle = 0
	if !t.IsZero() {
		c.idle = max(time.Until(t), time.Millisecond)
	}
	return nil
}

// Write gives a client that does not read a bounded time, after which the connection is of no use.
func (c *conn) Write(p []byte) (int, error) {
	_ = c.Conn.SetWriteDeadline(time.Now().Add(stallTimeout))
	if c.limits.closing.Load() {
		_ = c.Conn.SetWriteDeadline(time.Now().Add(lastWords))
	}
	n, err := c.Conn.Write(p)
	if err != nil && !errors.Is(err, net.ErrClosed) {
		_ = c.Close()
	}
	return n, err
}

// Close may be called from any goroutine, and more than once.
func (c *conn) Close() error {
	c.cancel()
	return c.Conn.Close()
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
