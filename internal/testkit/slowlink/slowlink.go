// Package slowlink puts a long way between a client and a server: a TCP proxy for tests that delays every byte, can stand
// still, can be cut, and counts how often a client waited for the server's answer. It is no place for production code.
package slowlink

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Link is a way to one server. Its methods may be called concurrently.
type Link struct {
	listener net.Listener
	server   string
	delay    atomic.Int64 // nanoseconds each way
	turns    atomic.Int64
	answers  atomic.Pointer[func([]byte) bool]
	running  sync.WaitGroup

	mutex   sync.Mutex
	resumed chan struct{} // nil unless the link stands still
	conns   map[net.Conn]struct{}
	closed  bool
}

// New makes a link to the server's address that delays what passes by so much each way; it ends with the test.
func New(t testing.TB, server string, delay time.Duration) *Link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &Link{listener: listener, server: server, conns: map[net.Conn]struct{}{}}
	l.SetDelay(delay)
	l.running.Go(l.accept)
	t.Cleanup(l.close)
	return l
}

// Address is where clients connect to.
func (l *Link) Address() string { return l.listener.Addr().String() }

// SetDelay sets what every byte takes each way.
func (l *Link) SetDelay(d time.Duration) { l.delay.Store(int64(d)) }

// Turns is how many times a client spoke after the server had: one for each round trip on which it waited.
func (l *Link) Turns() int64 { return l.turns.Load() }

// Stall lets nothing pass until Resume; connections stay open, as when a radio link is lost for a while.
func (l *Link) Stall() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.resumed == nil {
		l.resumed = make(chan struct{})
	}
}

// Resume ends a Stall.
func (l *Link) Resume() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.resumed != nil {
		close(l.resumed)
		l.resumed = nil
	}
}

// Cut ends all connections; new ones are taken.
func (l *Link) Cut() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for c := range l.conns {
		c.Close() //nolint:errcheck // gone is gone
	}
}

// OnAnswer sets a function that sees what the server sends before it passes; when it returns true, the connection is cut
// instead: the server has done what was asked, and the client does not hear of it. Nil lets everything pass.
func (l *Link) OnAnswer(cut func([]byte) bool) {
	if cut == nil {
		l.answers.Store(nil)
		return
	}
	l.answers.Store(&cut)
}

func (l *Link) close() {
	l.Resume()
	l.mutex.Lock()
	l.closed = true
	l.mutex.Unlock()
	l.listener.Close() //nolint:errcheck // nothing is lost with it
	l.Cut()
	l.running.Wait()
}

func (l *Link) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", l.server)
		if err != nil {
			client.Close() //nolint:errcheck // as a refusal
			continue
		}
		if !l.note(client, server) {
			return
		}
		var clientSpoke atomic.Bool
		l.running.Go(func() { l.carry(server, client, func([]byte) bool { l.spoke(&clientSpoke, true); return true }) })
		l.running.Go(func() {
			l.carry(client, server, func(b []byte) bool { l.spoke(&clientSpoke, false); return l.mayPass(b) })
		})
	}
}

// note remembers connections to cut; false means that the link is closed.
func (l *Link) note(conns ...net.Conn) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, c := range conns {
		if l.closed {
			c.Close() //nolint:errcheck // it was hardly open
			continue
		}
		l.conns[c] = struct{}{}
	}
	return !l.closed
}

func (l *Link) spoke(clientSpoke *atomic.Bool, client bool) {
	if before := clientSpoke.Swap(client); client && !before {
		l.turns.Add(1)
	}
}

func (l *Link) mayPass(answer []byte) bool {
	cut := l.answers.Load()
	return cut == nil || !(*cut)(answer)
}

// piece is what was read at once, with the time at which it arrives.
type piece struct {
	bytes []byte
	due   time.Time
}

// piecesUnderway bounds what one direction holds, 32 kB each: far more than a test sends within a delay.
const piecesUnderway = 4096

// carry takes one direction's bytes over, late and in order; see is asked about each piece first.
func (l *Link) carry(to, from net.Conn, see func([]byte) bool) {
	underway := make(chan piece, piecesUnderway)
	l.running.Go(func() { l.deliver(to, underway) })
	defer close(underway)
	for {
		buffer := make([]byte, 32<<10)
		n, err := from.Read(buffer)
		if n > 0 {
			if !see(buffer[:n]) {
				to.Close()   //nolint:errcheck // this is the cut
				from.Close() //nolint:errcheck // this is the cut
				return
			}
			underway <- piece{buffer[:n], time.Now().Add(time.Duration(l.delay.Load()))}
		}
		if err != nil {
			return
		}
	}
}

// deliver writes each piece at its time; when no more come, or they cannot be written, the connection ends.
func (l *Link) deliver(to net.Conn, underway <-chan piece) {
	defer func() {
		to.Close() //nolint:errcheck // both ends are done
		l.mutex.Lock()
		delete(l.conns, to)
		l.mutex.Unlock()
	}()
	var failed error
	for p := range underway {
		if failed != nil {
			continue
		}
		<-time.After(time.Until(p.due))
		l.awaitResume()
		_, failed = to.Write(p.bytes)
	}
}

func (l *Link) awaitResume() {
	l.mutex.Lock()
	resumed := l.resumed
	l.mutex.Unlock()
	if resumed != nil {
		<-resumed
	}
}
