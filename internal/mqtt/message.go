package mqtt

import "time"

// Message is a PUBLISH packet as a device sent it. Payload belongs to whoever handles the message: nobody else keeps a
// reference to it.
type Message struct {
	Client   string // the client identifier, as the client gave it or was assigned; not to be trusted as a name
	User     string // the account that was authenticated; empty for an anonymous client
	Topic    string
	PacketID uint16 // 0 where QoS is 0
	QoS      byte   // 0, 1 or 2
	DUP      bool   // the sender says that it sent this packet before
	// Retain says that a broker outside had kept this message and delivers it because somebody subscribed, so that it may
	// have been handled before. It is never set on what comes through the embedded broker, where nothing is kept: there a
	// sender's retain flag means no more than "new".
	Retain     bool
	ReceivedAt time.Time // UTC, when the packet was complete
	Payload    []byte
}
