package broker

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/gate"
)

// hook is everything that mochi asks. Its methods run in the reading goroutine of the client they are given, except
// OnACLCheck for reading, which runs wherever a result is published.
type hook struct {
	mochi.HookBase
	server    *mochi.Server
	access    access
	users     Users
	sessions  int // most sessions, those of absent clients included
	maxPacket uint32
	handle    Handle
	handling  context.Context
	overlap   keyedMutex
	gate      *gate.Gate
	metrics   *metrics
	log       *slog.Logger
}

func (h *hook) ID() string { return "plumbline" }

func (h *hook) Provides(b byte) bool {
	switch b {
	case mochi.OnConnect, mochi.OnConnectAuthenticate, mochi.OnSessionEstablished, mochi.OnDisconnect, mochi.OnClientExpired,
		mochi.OnACLCheck, mochi.OnSubscribed, mochi.OnPacketRead, mochi.OnPacketEncode,
		mochi.OnPublish, mochi.OnPacketProcessed:
		return true
	}
	return false
}

// OnConnect takes the last will away: mochi would publish it past the access rules, results and pictures included.
func (h *hook) OnConnect(cl *mochi.Client, _ packets.Packet) error {
	cl.Properties.Will = mochi.Will{}
	return nil
}

// OnConnectAuthenticate says who a client is. The session's key gets the account's name before it, so that nobody takes
// over another account's session by taking its client identifier.
func (h *hook) OnConnectAuthenticate(cl *mochi.Client, pk packets.Packet) bool {
	c, ok := cl.Net.Conn.(*conn)
	if !ok {
		return false
	}
	user, err := h.authenticate(c, string(pk.Connect.Username), string(pk.Connect.Password))
	if err != nil {
		h.metrics.refusals.WithLabelValues(refusedLogin).Inc()
		h.log.Warn("MQTT login refused", "user", string(pk.Connect.Username), "client", cl.ID, "remote", cl.Net.Remote, "reason", err)
		return false
	}
	s := &session{client: cl.ID, user: user, peer: c.peer}
	cl.ID = user + "/" + cl.ID
	if _, known := h.server.Clients.Get(cl.ID); !known && h.server.Clients.Len() > h.sessions {
		h.metrics.refusals.WithLabelValues(refusedSessions).Inc()
		h.log.Warn("too many MQTT sessions: clients should connect with a clean session", "sessions", h.sessions)
		return false
	}
	c.session = s
	return true
}

var (
	errNoAccount     = errors.New("it gave no account")
	errWrongPassword = errors.New("there is no such account, or the password is wrong")
)

// authenticate returns the account's name, empty for an anonymous client. A certificate decides alone, whatever name and
// password come with it. Where accounts exist a name that is given must be right even if anonymous clients are allowed;
// where none exist, names and passwords mean nothing.
func (h *hook) authenticate(c *conn, name, password string) (user string, err error) {
	if c.peer != nil {
		return c.peer.name()
	}
	if h.users == nil || !h.users.Any() || (name == "" && password == "") {
		switch {
		case c.anonymous:
			return "", nil
		case name != "":
			return "", errWrongPassword
		}
		return "", errNoAccount
	}
	account, ok := h.users.Verify(c.closed, name, password)
	if !ok {
		return "", errWrongPassword
	}
	return account.Name, nil
}

func (h *hook) OnSessionEstablished(cl *mochi.Client, _ packets.Packet) {
	h.metrics.connections.Inc()
	h.metrics.connects.Inc()
	h.log.Debug("MQTT client connected", "client", clientOf(cl), "user", userOf(cl), "remote", cl.Net.Remote)
}

func (h *hook) OnDisconnect(cl *mochi.Client, err error, _ bool) {
	h.metrics.connections.Dec()
	h.log.Debug("MQTT client disconnected", "client", clientOf(cl), "user", userOf(cl), "cause", err)
}

// OnClientExpired takes an expired session's subscriptions away, which mochi leaves.
func (h *hook) OnClientExpired(cl *mochi.Client) {
	cl.ClearInflights()
	h.server.UnsubscribeClient(cl)
}

func (h *hook) OnACLCheck(cl *mochi.Client, topic string, write bool) bool {
	if cl.Net.Inline {
		return true
	}
	if !write {
		return h.access.mayRead(sessionOf(cl), topic)
	}
	if h.access.mayPublish(sessionOf(cl), topic) {
		return true
	}
	h.metrics.refusals.WithLabelValues(refusedTopic).Inc()
	h.log.Warn("MQTT publish refused: this client may not publish there", "client", clientOf(cl), "user", userOf(cl), "topic", topic)
	return false
}

func (h *hook) OnSubscribed(cl *mochi.Client, pk packets.Packet, codes []byte) {
	for i, code := range codes {
		if code >= packets.ErrUnspecifiedError.Code && i < len(pk.Filters) {
			h.metrics.refusals.WithLabelValues(refusedSubscribe).Inc()
			h.log.Warn("MQTT subscription refused", "client", clientOf(cl), "user", userOf(cl), "filter", pk.Filters[i].Filter)
		}
	}
}

// OnPacketRead forgets that a QoS 2 packet identifier is in use when it is published again. mochi would answer without
// handing the message over, although a client that lost its memory, but kept its session, begins again at 1 with a new
// picture. Whether it is a new one is for Handle to say, from the DUP flag and what was accepted before.
func (h *hook) OnPacketRead(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if pk.FixedHeader.Type != packets.Publish || pk.FixedHeader.Qos != 2 {
		return pk, nil
	}
	if held, ok := cl.State.Inflight.Get(pk.PacketID); ok && held.FixedHeader.Type == packets.Pubrec {
		if cl.State.Inflight.Delete(pk.PacketID) {
			cl.State.Inflight.IncreaseReceiveQuota()
		}
	}
	return pk, nil
}

// OnPacketEncode tells an MQTT 5 client how large its packets may be, which mochi does not, and keeps mochi from sending
// DISCONNECT to older clients, to which a server may not send it (3.1.1, 3.14): mochi writes no packet of an unknown type.
func (h *hook) OnPacketEncode(cl *mochi.Client, pk packets.Packet) packets.Packet {
	switch {
	case pk.FixedHeader.Type == packets.Connack:
		pk.Properties.MaximumPacketSize = h.maxPacket
	case pk.FixedHeader.Type == packets.Disconnect && cl.Properties.ProtocolVersion < 5:
		pk.FixedHeader.Type = packets.Reserved
	}
	return pk
}

// OnPublish hands a message over. CodeSuccessIgnore makes mochi acknowledge it and neither retain nor forward it. With
// ErrRejectPacket mochi stays silent (it acknowledges after every other error), and the connection must be closed too: on
// an open one a 3.1.1 client does not send again.
func (h *hook) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if cl.Net.Inline {
		return pk, nil
	}
	c, ok := cl.Net.Conn.(*conn)
	if !ok {
		return pk, packets.ErrRejectPacket
	}
	m := message(c, pk)
	if err := h.handOver(c, m); err != nil {
		h.metrics.refusals.WithLabelValues(refusedNotCommit).Inc()
		h.log.Error("picture not accepted: closing the connection without acknowledging it", "client", m.Client, "user", m.User,
			"topic", m.Topic, "qos", m.QoS, "error", err)
		h.disconnect(cl, packets.ErrServerBusy)
		return pk, packets.ErrRejectPacket
	}
	h.metrics.publishes.WithLabelValues(strconv.Itoa(int(m.QoS))).Inc()
	h.metrics.received.Add(float64(len(m.Payload)))
	h.metrics.handling.Observe(time.Since(m.ReceivedAt).Seconds())
	return pk, packets.CodeSuccessIgnore
}

var errClosing = errors.New("the broker is closing")

func (h *hook) handOver(c *conn, m mqtt.Message) error {
	if !h.gate.Enter() {
		return errClosing
	}
	c.inGate = true
	if m.QoS > 0 {
		defer h.overlap.lock(packetKey{m.Topic, m.PacketID})()
	}
	return h.handle(h.handling, m)
}

// OnPacketProcessed comes after the acknowledgement was written: only now may the broker close the connection.
func (h *hook) OnPacketProcessed(cl *mochi.Client, _ packets.Packet, _ error) {
	if c, ok := cl.Net.Conn.(*conn); ok && c.inGate {
		c.inGate = false
		h.gate.Leave()
	}
}

func message(c *conn, pk packets.Packet) mqtt.Message {
	return mqtt.Message{
		Client: c.session.client, User: c.session.user, Topic: pk.TopicName, PacketID: pk.PacketID,
		QoS: pk.FixedHeader.Qos, DUP: pk.FixedHeader.Dup,
		ReceivedAt: c.complete.UTC(), Payload: pk.Payload,
	}
}

// tooLarge is told of a packet that conn refuses.
func (h *hook) tooLarge(c *conn, size int64, topic string) {
	h.metrics.refusals.WithLabelValues(refusedTooLarge).Inc()
	attrs := []any{"bytes", size, "limit", h.maxPacket, "remote", c.RemoteAddr().String()}
	if c.session == nil {
		h.log.Warn("MQTT packet too large before the client said who it is: closing the connection", attrs...)
		return
	}
	h.log.Warn("MQTT packet too large: closing the connection", append(attrs, "topic", topic, "client", c.session.client, "user", c.session.user)...)
	if cl, ok := h.server.Clients.Get(c.session.user + "/" + c.session.client); ok && cl.Net.Conn == c {
		h.sayGoodbye(cl, packets.ErrPacketTooLarge)
	}
}

// disconnect tells an MQTT 5 client why and closes the connection.
func (h *hook) disconnect(cl *mochi.Client, code packets.Code) {
	h.sayGoodbye(cl, code)
	cl.Stop(code)
}

// sayGoodbye sends DISCONNECT with a reason, to MQTT 5 clients only (see OnPacketEncode).
func (h *hook) sayGoodbye(cl *mochi.Client, code packets.Code) {
	_ = cl.WritePacket(packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Disconnect},
		ReasonCode:  code.Code,
		Properties:  packets.Properties{ReasonString: code.Reason},
	})
}

func sessionOf(cl *mochi.Client) session {
	if c, ok := cl.Net.Conn.(*conn); ok && c.session != nil {
		return *c.session
	}
	return session{client: cl.ID}
}

func userOf(cl *mochi.Client) string   { return sessionOf(cl).user }
func clientOf(cl *mochi.Client) string { return sessionOf(cl).client }
