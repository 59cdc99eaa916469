package device

import (
	"io"
	"time"

	"github.com/eclipse/paho.golang/packets"
)

// wire5 is MQTT 5.
type wire5 struct{}

func (wire5) connect(w io.Writer, clientID string, o Options) error {
	return send(w, &packets.Connect{
		ProtocolName: "MQTT", ProtocolVersion: 5, Properties: &packets.Properties{}, CleanStart: true, ClientID: clientID,
		KeepAlive: uint16(keepAlive / time.Second), UsernameFlag: o.Username != "", Username: o.Username,
		PasswordFlag: o.Password != "", Password: []byte(o.Password),
	})
}

func (wire5) publish(w io.Writer, topic string, o *outgoing, again bool) error {
	return send(w, &packets.Publish{Topic: topic, PacketID: o.id, QoS: 1, Duplicate: again, Properties: &packets.Properties{}, Payload: o.payload})
}

func (wire5) ping(w io.Writer) error { return send(w, &packets.Pingreq{}) }

func (wire5) disconnect(w io.Writer) error {
	return send(w, &packets.Disconnect{Properties: &packets.Properties{}})
}

func send(w io.Writer, p io.WriterTo) error {
	_, err := p.WriteTo(w)
	return err
}

func (wire5) read(r io.Reader) (event, error) {
	packet, err := packets.ReadPacket(r)
	if err != nil {
		return nil, err
	}
	switch p := packet.Content.(type) {
	case *packets.Connack:
		return welcomed(p), nil
	case *packets.Puback:
		return answer{id: p.PacketID, code: p.ReasonCode, reason: p.Reason()}, nil
	case *packets.Disconnect:
		return farewell{code: p.ReasonCode, words: p.Reason()}, nil
	}
	return otherEvent{}, nil
}

// welcomed also understands a broker that speaks 3.1.1 only and refuses by that version's codes.
func welcomed(c *packets.Connack) welcome {
	w := welcome{code: c.ReasonCode, words: c.Reason(), window: unlimited}
	if c.ReasonCode > 0 && c.ReasonCode < reasonUnspecified {
		w.code = reasonOf(c.ReasonCode)
	}
	if p := c.Properties; p != nil {
		if p.MaximumPacketSize != nil {
			w.maxPacket = int64(*p.MaximumPacketSize)
		}
		if p.ReceiveMaximum != nil {
			w.window = int(*p.ReceiveMaximum)
		}
	}
	return w
}
