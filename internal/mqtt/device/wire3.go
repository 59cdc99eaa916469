package device

import (
	"io"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// wire3 is MQTT 3.1.1, whose brokers tell no limits, and no reasons either: what they don't like they answer by closing the
// connection, or not at all.
type wire3 struct{}

func (wire3) connect(w io.Writer, clientID string, o Options) error {
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion, p.ClientIdentifier = "MQTT", 4, clientID
	p.Keepalive, p.CleanSession = uint16(keepAlive/time.Second), true
	p.UsernameFlag, p.Username = o.Username != "", o.Username
	p.PasswordFlag, p.Password = o.Password != "", []byte(o.Password)
	return p.Write(w)
}

func (wire3) publish(w io.Writer, topic string, o *outgoing, again bool) error {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.MessageID, p.Qos, p.Dup, p.Payload = topic, o.id, 1, again, o.payload
	return p.Write(w)
}

func (wire3) ping(w io.Writer) error { return packets.NewControlPacket(packets.Pingreq).Write(w) }

func (wire3) disconnect(w io.Writer) error {
	return packets.NewControlPacket(packets.Disconnect).Write(w)
}

func (wire3) read(r io.Reader) (event, error) {
	packet, err := packets.ReadPacket(r)
	if err != nil {
		return nil, err
	}
	switch p := packet.(type) {
	case *packets.ConnackPacket:
		return welcome{code: reasonOf(p.ReturnCode), window: unlimited}, nil
	case *packets.PubackPacket:
		return answer{id: p.MessageID}, nil
	}
	return otherEvent{}, nil
}

// reasonOf puts a return code of 3.1.1 (3.2.2.3) into the words of MQTT 5.
func reasonOf(code byte) byte {
	reasons := [...]byte{0, reasonVersion, reasonClientID, reasonUnavailable, reasonPassword, reasonNotAuthorised}
	if int(code) < len(reasons) {
		return reasons[code]
	}
	return reasonUnspecified
}
