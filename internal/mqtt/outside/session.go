package outside

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"plumbline/internal/mqtt/gate"
)

// keepAlive is the longest silence of ours that the broker bears. It may be silent itself half as long again, a large message
// being on its way.
const keepAlive = 30 * time.Second

// answerTimeout is how long the broker may take to answer a login or a subscription.
const answerTimeout = 10 * time.Second

// session is one connection, logged in.
type session struct {
	options Options
	metrics *metrics
	wire    wire
	welcome Welcome
	silence time.Duration

	conn    net.Conn
	in      *bufio.Reader
	writing sync.Mutex

	alive  context.Context // ends with the connection; its cause says why
	cancel context.CancelCauseFunc

	// What comes in.
	gate    gate.Gate
	budget  *semaphore.Weighted
	order   chan *message // of acknowledgements
	granted chan answer   // of the subscription

	// What goes out.
	window  chan struct{} // a place for each message that waits for its acknowledgement
	mutex   sync.Mutex
	onWay   map[uint16]string // topics of those messages
	lastID  uint16
	refused bool        // a refusal was logged
	verdict chan answer // of a probe's message; nil for a hub
}

// maxOnWay is how many results may wait for the broker's acknowledgement.
const maxOnWay = 64

// open connects and logs in.
func open(ctx context.Context, o Options, m *metrics, w wire) (*session, error) {
	conn, err := o.Broker.Dial(ctx)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	s := &session{
		options: o, metrics: m, wire: w, silence: keepAlive * 3 / 2, conn: conn,
		budget: semaphore.NewWeighted(o.MaxBufferedBytes), order: make(chan *message, o.InFlight), granted: make(chan answer, 1),
		window: make(chan struct{}, maxOnWay), onWay: map[uint16]string{},
	}
	s.alive, s.cancel = context.WithCancelCause(context.Background())
	if err := s.login(login{clientID: o.ClientID, user: o.Broker.User(), password: o.Password, clean: o.clean, maxPacket: o.MaxPacketBytes, receiveMaximum: o.InFlight}); err != nil {
		_ = conn.Close()
		s.cancel(err)
		return nil, err
	}
	return s, nil
}

// login says who this is and reads the answer.
func (s *session) login(l login) error {
	_ = s.conn.SetDeadline(time.Now().Add(answerTimeout))
	s.in = bufio.NewReader(s.conn)
	written := s.write(func(w io.Writer) error { return s.wire.connect(w, l) })
	h, err := peekHeader(s.in) // a broker that refuses the client's certificate says so here, whether or not there was time to write
	if err == nil {
		err = written
	}
	if err != nil {
		return s.broken(err)
	}
	speaker := s.wire
	if h.kind() == typeConnack && h.length == 2 {
		speaker = wire3{} // a broker that knows no properties refuses MQTT 5 in the words of its own version
	}
	e, err := readEvent(s.in, speaker, h, 0)
	if err != nil {
		return s.broken(err)
	}
	hello, ok := e.(welcome)
	switch {
	case !ok:
		return fmt.Errorf("what listens on %s is no MQTT broker: it answered CONNECT with a packet of type %d", s.options.Broker, h.kind())
	case hello.code != 0:
		return refusal{refusedLogin(hello.code, hello.words, l)}
	case speaker != s.wire:
		return errOldProtocol
	}
	s.welcome = hello.Welcome
	_ = s.conn.SetDeadline(time.Time{})
	s.in = bufio.NewReader(patient{s.conn, s.silence, s.in})
	return nil
}

// patient reads what a login left over, then from the connection, and bears no longer silence.
type patient struct {
	conn    net.Conn
	silence time.Duration
	first   *bufio.Reader
}

func (p patient) Read(b []byte) (int, error) {
	if p.first.Buffered() > 0 {
		return p.first.Read(b[:min(len(b), p.first.Buffered())])
	}
	if err := p.conn.SetReadDeadline(time.Now().Add(p.silence)); err != nil {
		return 0, err
	}
	return p.conn.Read(b)
}

// run serves the connection until it ends or ctx does. granted is called when the subscription is, with its QoS.
//
//	broker -> read -> handle (many at a time) -> acknowledge (in order) -> broker
//	                                                     outbox -> tell -> broker
func (s *session) run(ctx context.Context, o *outbox, granted func(qos byte)) error {
	defer context.AfterFunc(s.alive, func() { _ = s.conn.Close() })()
	handling, stopHandling := context.WithCancel(context.Background())
	defer stopHandling()
	defer context.AfterFunc(ctx, func() { s.leave(stopHandling) })()
	var parts sync.WaitGroup
	parts.Go(func() { s.read(handling); close(s.order) })
	parts.Go(s.acknowledge)
	parts.Go(s.keepAlive)
	if qos, err := s.subscribe(s.options.Pictures.String()); err != nil {
		s.fail(err)
	} else {
		granted(qos)
		parts.Go(func() { s.tell(o) })
	}
	parts.Wait()
	return context.Cause(s.alive)
}

var errLeft = errors.New("left the MQTT broker")

// leave takes no more messages, waits for those being handled, and says goodbye.
func (s *session) leave(stopHandling func()) {
	s.gate.Shut(s.options.CloseGrace)
	stopHandling()
	_ = s.disconnect()
	s.fail(errLeft)
}

// disconnect says goodbye; a probe's session is forgotten.
func (s *session) disconnect() error {
	return s.write(func(w io.Writer) error { return s.wire.disconnect(w, s.options.clean) })
}

// fail ends the connection; the first reason counts.
func (s *session) fail(err error) {
	s.cancel(err)
	_ = s.conn.Close()
}

// write sends one packet, whole.
func (s *session) write(pack func(io.Writer) error) error {
	var packet bytes.Buffer
	if err := pack(&packet); err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.silence)); err != nil {
		return err
	}
	_, err := s.conn.Write(packet.Bytes())
	return err
}

// keepAlive pings, so that neither side takes the other for dead.
func (s *session) keepAlive() {
	every := keepAlive / 2
	if s.welcome.KeepAlive > 0 {
		every = min(every, time.Duration(s.welcome.KeepAlive)*time.Second/2)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-s.alive.Done():
			return
		case <-tick.C:
			if err := s.write(s.wire.ping); err != nil {
				s.fail(s.broken(err))
				return
			}
		}
	}
}

// subscribe asks for topics and gives the QoS that was granted. Messages may come before the answer does.
func (s *session) subscribe(filter string) (byte, error) {
	if err := s.write(func(w io.Writer) error { return s.wire.subscribe(w, s.nextID(filter), filter) }); err != nil {
		return 0, s.broken(err)
	}
	select {
	case a := <-s.granted:
		s.free(a.id)
		if a.code >= reasonUnspecified {
			return 0, refusedSubscription(a.code, a.words, s.options.Broker.User(), filter)
		}
		return a.code, nil
	case <-s.alive.Done():
		return 0, context.Cause(s.alive)
	case <-time.After(answerTimeout):
		return 0, fmt.Errorf("the MQTT broker %s does not answer the subscription to %s", s.options.Broker, filter)
	}
}
