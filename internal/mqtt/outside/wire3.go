package outside

import (
	"fmt"
	"io"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// wire3 is MQTT 3.1.1. It has no reasons, no limits and no expiry.
type wire3 struct{}

func (wire3) version() string { return "3.1.1" }

func (wire3) connect(w io.Writer, l login) error {
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion, p.ClientIdentifier = "MQTT", 4, l.clientID
	p.Keepalive, p.CleanSession = uint16(keepAlive.Seconds()), l.clean
	p.UsernameFlag, p.Username = l.user != "", l.user
	p.PasswordFlag, p.Password = l.password != "", []byte(l.password)
	return p.Write(w)
}

func (wire3) subscribe(w io.Writer, id uint16, filter string) error {
	p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	p.MessageID, p.Topics, p.Qoss = id, []string{filter}, []byte{1}
	return p.Write(w)
}

func (wire3) publish(w io.Writer, id uint16, r result) error {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.MessageID, p.Qos, p.Retain, p.Payload = r.topic, id, r.qos, r.retain, r.payload
	return p.Write(w)
}

func (wire3) acknowledge(w io.Writer, id uint16) error {
	p := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
	p.MessageID = id
	return p.Write(w)
}

func (wire3) ping(w io.Writer) error { return packets.NewControlPacket(packets.Pingreq).Write(w) }

func (wire3) disconnect(w io.Writer, _ bool) error {
	return packets.NewControlPacket(packets.Disconnect).Write(w)
}

func (wire3) read(r io.Reader) (event, error) {
	packet, err := packets.ReadPacket(r)
	if err != nil {
		return nil, err
	}
	switch p := packet.(type) {
	case *packets.ConnackPacket:
		return welcome{code: reasonOf(p.ReturnCode), Welcome: Welcome{
			SessionPresent: p.SessionPresent, ReceiveMaximum: 65535, MaxQoS: 2, RetainAvailable: true, Wildcards: true,
		}}, nil
	case *packets.PublishPacket:
		return delivery{topic: p.TopicName, id: p.MessageID, qos: p.Qos, dup: p.Dup, retain: p.Retain, payload: p.Payload}, nil
	case *packets.PubackPacket:
		return published{answer{id: p.MessageID}}, nil
	case *packets.SubackPacket:
		if len(p.ReturnCodes) != 1 {
			return nil, fmt.Errorf("the MQTT broker answered one subscription with %d codes", len(p.ReturnCodes))
		}
		return subscribed{answer{id: p.MessageID, code: p.ReturnCodes[0]}}, nil
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
